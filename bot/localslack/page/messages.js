// The messages of one conversation.
import { avatar, byId, h } from "./dom.js";
import { blocks } from "./blocks.js";
import { clockTime, dayName, dayOf, full } from "./dates.js";
import { failure, pending } from "./feedback.js";
import { mrkdwn } from "./mrkdwn.js";
import { post } from "./net.js";

const NEAR = 300; // seconds in which one author's messages are drawn together
const BOTTOM = 60; // pixels from the end that still count as being there
const list = byId("messages");
const scroll = byId("scroll");
const drawn = new Map();
let channel = "";
let unreadFrom = "";

const seconds = (message) => Number(message.ts);
const when = (message) => new Date(seconds(message) * 1000);
export const atBottom = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < BOTTOM;
export const toBottom = () => { scroll.scrollTop = scroll.scrollHeight; };

/** Draws a conversation; what did not change stays as it is, with its half-pressed buttons. */
export function showMessages(conversation, messages, ctx) {
  const fresh = channel !== `${ctx.me} ${conversation.id}`;
  if (fresh) {
    channel = `${ctx.me} ${conversation.id}`;
    drawn.clear();
    unreadFrom = firstUnread(conversation, messages, ctx);
  }
  const follow = fresh || atBottom();
  const grew = messages.length > 0 && !drawn.has(messages.at(-1).ts);
  const wanted = messages.flatMap((message, n) => [
    ...divider(message, messages[n - 1], ctx),
    keep(conversation, message, startsGroup(message, messages[n - 1], ctx), ctx),
  ]);
  forget(messages);
  const focused = document.activeElement?.closest("li.message")?.dataset.ts;
  place(wanted);
  if (focused) keepFocus(drawn.get(focused)?.node);
  if (follow) toBottom();
  return { grew, follow };
}

/** Forgets what was drawn, so that the next call draws everything. */
export function clearMessages() {
  channel = "";
  drawn.clear();
  list.replaceChildren();
}

function firstUnread(conversation, messages, ctx) {
  if (!conversation.unread) return "";
  return messages.find((message) => message.ts > conversation.read_until && message.user !== ctx.me)?.ts ?? "";
}

function startsGroup(message, before, ctx) {
  if (!before || before.user !== message.user || before.username !== message.username) return true;
  if (before.ephemeral !== message.ephemeral || message.ts === unreadFrom || message.blocks) return true;
  return seconds(message) - seconds(before) > NEAR || dayOf(when(message), ctx.zone) !== dayOf(when(before), ctx.zone);
}

function divider(message, before, ctx) {
  const lines = [];
  if (!before || dayOf(when(message), ctx.zone) !== dayOf(when(before), ctx.zone)) {
    lines.push(remembered(`day ${message.ts}`, dayName(when(message), ctx.zone), (name) =>
      h("li", { className: "divider", role: "separator" }, h("span", {}, name))));
  }
  if (message.ts === unreadFrom) {
    lines.push(remembered("new", unreadFrom, () =>
      h("li", { className: "divider new", role: "separator" }, h("span", {}, "New"))));
  }
  return lines;
}

function remembered(key, value, make) {
  if (drawn.get(key)?.value !== value) drawn.set(key, { value, node: make(value), kept: true });
  return drawn.get(key).node;
}

function keep(conversation, message, first, ctx) {
  const value = JSON.stringify([message, first, ctx.names]);
  if (drawn.get(message.ts)?.value !== value) {
    drawn.set(message.ts, { value, node: drawSafely(conversation, message, first, ctx) });
  }
  return drawn.get(message.ts).node;
}

function forget(messages) {
  const present = new Set(messages.map((message) => message.ts));
  for (const [key, { kept }] of drawn) if (!kept && !present.has(key)) drawn.delete(key);
}

/** Whoever pressed a button by keyboard stays at its message when the card is redrawn. */
function keepFocus(node) {
  if (!node || node.contains(document.activeElement)) return;
  node.tabIndex = -1;
  node.focus({ preventScroll: true });
}

/** Puts the wanted nodes in place, touching only those that are not: laying out hundreds of cards is slow. */
function place(wanted) {
  const stay = new Set(wanted);
  for (const node of [...list.children]) if (!stay.has(node)) node.remove();
  let next = list.firstElementChild;
  for (const node of wanted) {
    if (node === next) next = next.nextElementSibling;
    else list.insertBefore(node, next);
  }
}

/** One message that cannot be drawn must not keep the others from being read. */
function drawSafely(conversation, message, first, ctx) {
  try {
    return draw(conversation, message, first, ctx);
  } catch (problem) {
    console.error(problem);
    return draw(conversation, { ...message, text: "", attachments: null, blocks: [
      { type: "section", text: { type: "plain_text", text: message.text || "[cannot be shown]" } }] }, first, ctx);
  }
}

function draw(conversation, message, first, ctx) {
  const author = ctx.users.get(message.user);
  const body = h("div", { className: "message-body" },
    first && head(message, author, ctx),
    message.ephemeral && note(conversation, message, ctx),
    message.thread_ts && message.thread_ts !== message.ts && h("p", { className: "only-you" }, "↳ in a thread"),
    content(conversation, message, ctx));
  const className = `message ${first ? "first" : "follows"} ${message.ephemeral ? "ephemeral" : ""}`;
  const margin = first ? avatar(author) : time(message, ctx, "message-time aside");
  return h("li", { className, data: { ts: message.ts, channel: conversation.id, testid: "message" } }, margin, body);
}

function time(message, ctx, className) {
  const date = when(message);
  return h("time", { className, title: full(date, ctx.zone), datetime: date.toISOString() }, clockTime(date, ctx.zone));
}

function head(message, author, ctx) {
  const marks = [[author?.is_bot, "App"], [author?.is_restricted, "Guest"], [author?.is_stranger, "Other workspace"], [author?.deleted, "Deactivated"]];
  return h("div", { className: "message-head" },
    h("span", { className: "author", data: { user: message.user } }, message.username || author?.real_name || message.user),
    marks.filter(([is]) => is).map(([, word]) => h("span", { className: "mark" }, word)),
    time(message, ctx, "message-time"));
}

function note(conversation, message, ctx) {
  const put = () => post("dismiss", { as: ctx.me, channel: conversation.id, ts: message.ts });
  return h("p", { className: "only-you", data: { testid: "only-you" } }, "👁 Only visible to you · ",
    h("button", { type: "button", className: "plain-button", on: { click: put } }, "Dismiss"));
}

function content(conversation, message, ctx) {
  const edited = message.edited && h("span", { className: "edited", data: { testid: "edited" } }, " (edited)");
  if (!message.blocks?.length) return h("div", { className: "text" }, mrkdwn(message.text, ctx), edited, attachments(message, ctx));
  const entered = {};
  const surface = {
    act: (block, item, chosen, node) => act(conversation, message, block, item, chosen, node, entered, ctx),
    enter: (block, item, value) => { entered[item.action_id] = value; },
    entered: (block, item) => entered[item.action_id],
  };
  return h("div", { className: "card" }, blocks(message.blocks, ctx, surface), edited, attachments(message, ctx));
}

function attachments(message, ctx) {
  return (message.attachments ?? []).map((item) => h("div", { className: "attachment" },
    item.title && h("strong", {}, item.title), item.text && h("div", {}, mrkdwn(item.text, ctx)), blocks(item.blocks, ctx, { act() {} })));
}

async function act(conversation, message, block, item, chosen, node, entered, ctx) {
  const place = node.closest("[data-block-id]");
  place.querySelector(".failed")?.remove();
  const done = pending(node);
  try {
    const where = { as: ctx.me, channel: conversation.id, ts: message.ts, block_id: block.block_id };
    const answer = await post("click", { ...where, action_id: item.action_id, chosen, entered });
    if (!answer.acked) throw new Error(failure(answer.reason, ctx));
  } catch (problem) {
    const follow = atBottom();
    place.append(h("p", { className: "failed", role: "alert", data: { testid: "action-failed" } }, "⚠️ ", problem.message));
    if (follow) toBottom();
  } finally {
    done();
  }
}
