// Slack's mrkdwn as nodes: https://docs.slack.dev/messaging/formatting-message-text
import { h, link } from "./dom.js";
import { full, relative, template } from "./dates.js";
import { EMOJI } from "./emoji.js";

const HOLD = "\uE000"; // stands for an atom while the styles around it are found; removed from what people write
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const STYLES = { "*": "strong", "_": "em", "~": "s" };
const ATOM = /`([^`\n]+)`|<([^<>\n]+)>|:([a-z0-9_+'-]+):|(https?:\/\/[^\s<>|`]*[^\s<>|`.,;:!?)\]}'"*_~])/g;

export const unescape = (text) => text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]);

/** Text without markup; emoji shortcodes are shown unless the app said `emoji: false`. */
export function plain(text, { emoji = true } = {}) {
  const shown = unescape(text ?? "");
  return emoji ? shown.replace(/:([a-z0-9_+'-]+):/g, (whole, name) => EMOJI.get(name) ?? whole) : shown;
}

/** A text object of Block Kit. */
export function textObject(object, ctx) {
  if (object?.type !== "mrkdwn") return [plain(object?.text, { emoji: object?.emoji ?? true })];
  return mrkdwn(object.text, ctx, { verbatim: object.verbatim });
}

/** mrkdwn as a list of nodes. `verbatim` leaves bare addresses alone. */
export function mrkdwn(text, ctx, { verbatim = false } = {}) {
  const pieces = (text ?? "").replaceAll(HOLD, "").split(/```\n?([\s\S]+?)```/);
  return pieces.flatMap((piece, n) => {
    if (n % 2) return [h("pre", {}, h("code", {}, unescape(piece.replace(/\n$/, ""))))];
    const inner = n > 0 ? piece.replace(/^\n/, "") : piece;
    return inner === "" ? [] : quotesAndLines(inner, ctx, verbatim);
  });
}

function quotesAndLines(text, ctx, verbatim) {
  const groups = [];
  let rest = false;
  for (const line of text.split("\n")) {
    const mark = rest ? null : /^(?:(?:>|&gt;){3}|>|&gt;) ?/.exec(line);
    const quoted = rest || mark !== null;
    rest ||= mark !== null && mark[0].replaceAll("&gt;", ">").startsWith(">>>");
    const shown = line.slice(mark?.[0].length ?? 0);
    if (groups.at(-1)?.quoted === quoted) groups.at(-1).lines.push(shown);
    else groups.push({ quoted, lines: [shown] });
  }
  return groups.flatMap(({ quoted, lines }) => {
    const nodes = lines.flatMap((line, n) => [...(n ? [h("br")] : []), ...inline(line, ctx, verbatim)]);
    return quoted ? [h("blockquote", {}, ...nodes)] : nodes;
  });
}

function inline(line, ctx, verbatim) {
  const atoms = [];
  const held = line.replace(ATOM, (whole, code, token, emoji, address) => {
    if (emoji !== undefined && !EMOJI.has(emoji)) return whole;
    if (address !== undefined && verbatim) return whole;
    atoms.push({ code, token, emoji, address });
    return HOLD;
  });
  return styled(held, () => atomNode(atoms.shift(), ctx));
}

/** Finds `*bold*`, `_italic_` and `~strike~`: markers touch the text and stand apart from words around them. */
function styled(text, nextAtom) {
  const nodes = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const end = STYLES[text[at]] ? closing(text, at) : -1;
    if (end < 0) continue;
    nodes.push(...leaves(text.slice(start, at), nextAtom));
    nodes.push(h(STYLES[text[at]], {}, ...styled(text.slice(at + 1, end), nextAtom)));
    at = end;
    start = end + 1;
  }
  return [...nodes, ...leaves(text.slice(start), nextAtom)];
}

const isWord = (letter) => letter !== undefined && /[\p{L}\p{N}]/u.test(letter);
const isSpace = (letter) => letter === undefined || /\s/.test(letter);

function closing(text, at) {
  const marker = text[at];
  if (isWord(text[at - 1]) || text[at - 1] === marker || isSpace(text[at + 1]) || text[at + 1] === marker) return -1;
  for (let end = at + 2; end < text.length; end += 1) {
    if (text[end] === marker && !isSpace(text[end - 1]) && !isWord(text[end + 1]) && text[end + 1] !== marker) return end;
  }
  return -1;
}

function leaves(text, nextAtom) {
  return text.split(HOLD).flatMap((piece, n) => [...(n ? [nextAtom()] : []), ...(piece ? [unescape(piece)] : [])]);
}

function atomNode({ code, token, emoji, address }, ctx) {
  if (code !== undefined) return h("code", {}, unescape(code));
  if (emoji !== undefined) return h("span", { className: "emoji", title: `:${emoji}:` }, EMOJI.get(emoji));
  if (address !== undefined) return link(unescape(address), unescape(address));
  return tokenNode(token, ctx);
}

function tokenNode(token, ctx) {
  const bar = token.indexOf("|");
  const [target, label] = bar < 0 ? [token, ""] : [token.slice(0, bar), unescape(token.slice(bar + 1))];
  if (target.startsWith("@")) return mention(target.slice(1), label, ctx);
  if (target.startsWith("#")) return channel(target.slice(1), label, ctx);
  if (target.startsWith("!date^")) return moment(target, label, ctx);
  if (target.startsWith("!subteam^")) return usergroup(target.slice(9), label, ctx);
  if (target.startsWith("!")) return h("span", { className: "mention broadcast" }, `@${target.slice(1)}`);
  return link(unescape(target), label || unescape(target.replace(/^mailto:/, "")));
}

export function mention(id, label, ctx) {
  const name = ctx.users.get(id)?.real_name || label || id;
  return h("span", { className: id === ctx.me ? "mention me" : "mention", data: { mention: id } }, `@${name}`);
}

export function usergroup(id, label, ctx) {
  const handle = ctx.usergroups.get(id)?.handle ?? (label.replace(/^@/, "") || id);
  return h("span", { className: "mention" }, `@${handle}`);
}

export function channel(id, label, ctx) {
  const name = ctx.channelNames[id] ?? label;
  if (!ctx.conversations.has(id)) return h("span", { className: "mention" }, `#${name || "private channel"}`);
  return h("a", { className: "mention", href: `#${id}` }, `#${name}`);
}

function moment(target, fallback, ctx) {
  const [, seconds, ...pattern] = target.split("^");
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return fallback;
  const [text, address] = [unescape(pattern[0] ?? ""), pattern[1]];
  const data = { moment: seconds, template: address ? null : text };
  const title = `${full(date, ctx.zone)} (${relative(date)})`;
  const shown = template(date, text, ctx.zone) || fallback;
  return h("time", { data, title, datetime: date.toISOString() }, address ? link(unescape(address), shown) : shown);
}
