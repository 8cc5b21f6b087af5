// Block Kit as nodes: https://docs.slack.dev/reference/block-kit/blocks
import { h, link } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { element } from "./elements.js";
import { channel, mention, mrkdwn, plain, textObject, usergroup } from "./mrkdwn.js";

/** All blocks of a message or view; `surface` says what a used element does (see elements.js). */
export const blocks = (list, ctx, surface) => (list ?? []).map((block) => one(block, ctx, surface));

function one(block, ctx, surface) {
  const render = KINDS[block.type];
  if (!render) return h("div", { className: "unknown" }, `[${block.type}]`);
  const node = render(block, ctx, surface);
  node.dataset.blockId = block.block_id ?? "";
  return node;
}

const KINDS = {
  header: (block) => h("h3", { className: "block-header" }, plain(block.text.text, block.text)),
  divider: () => h("hr"),
  section,
  context: (block, ctx) =>
    h("div", { className: "block-context" }, block.elements.map((item) =>
      item.type === "image" ? image(item, "small") : h("span", {}, textObject(item, ctx)))),
  actions: (block, ctx, surface) =>
    h("div", { className: "block-actions" }, block.elements.map((item) => element(block, item, ctx, surface))),
  image: (block, ctx) =>
    h("figure", { className: "block-image" }, block.title && h("figcaption", {}, textObject(block.title, ctx)), image(block)),
  input,
  rich_text: (block, ctx) => h("div", { className: "block-text" }, block.elements.map((part) => richPart(part, ctx))),
  markdown: (block, ctx) => h("div", { className: "block-text" }, mrkdwn(block.text, ctx)),
};

function section(block, ctx, surface) {
  const text = block.text && h("div", { className: "block-text" }, textObject(block.text, ctx));
  const fields = block.fields && h("div", { className: "block-fields" }, block.fields.map((field) =>
    h("div", { className: "block-field" }, textObject(field, ctx))));
  const beside = block.accessory && h("div", { className: "accessory" },
    block.accessory.type === "image" ? image(block.accessory) : element(block, block.accessory, ctx, surface));
  return h("div", { className: "block-section" }, h("div", { className: "block-body" }, text, fields), beside);
}

/** Pictures live elsewhere, and this page asks nobody else for anything. */
function image(item, size = "") {
  const title = `${item.alt_text} (pictures are not fetched here)`;
  return h("span", { className: `image ${size}`, role: "img", "aria-label": item.alt_text, title }, "🖼 ",
    size ? "" : item.alt_text);
}

function input(block, ctx, surface) {
  const error = surface.errors?.[block.block_id];
  const id = `input-${block.block_id}`;
  const optional = block.optional && h("span", { className: "optional" }, " (optional)");
  const field = element(block, block.element, ctx, surface);
  const control = field.matches("input, select, textarea") ? field : field.querySelector("input, select, textarea");
  if (control && field.getAttribute("role") === null) control.id = id;
  return h("div", { className: error ? "block-input wrong" : "block-input" },
    h("label", { for: id }, plain(block.label.text, block.label), optional),
    field,
    block.hint && h("p", { className: "hint" }, plain(block.hint.text, block.hint)),
    h("p", { className: "error", role: "alert", data: { testid: "input-error" }, hidden: !error }, error ?? ""));
}

function richPart(part, ctx) {
  const inner = (part.elements ?? []).flatMap((item) => richElement(item, ctx));
  if (part.type === "rich_text_preformatted") return h("pre", {}, h("code", {}, ...inner));
  if (part.type === "rich_text_quote") return h("blockquote", {}, ...inner);
  if (part.type === "rich_text_list") {
    return h(part.style === "ordered" ? "ol" : "ul", {}, (part.elements ?? []).map((item) => h("li", {}, richPart(item, ctx))));
  }
  return h("div", { className: "rich" }, ...inner);
}

const RICH = {
  text: (item) => item.text.split("\n").flatMap((line, n) => [...(n ? [h("br")] : []), line]),
  link: (item) => [link(item.url, item.text || item.url)],
  emoji: (item) => [EMOJI.get(item.name) ?? `:${item.name}:`],
  user: (item, ctx) => [mention(item.user_id, "", ctx)],
  usergroup: (item, ctx) => [usergroup(item.usergroup_id, "", ctx)],
  channel: (item, ctx) => [channel(item.channel_id, "", ctx)],
  broadcast: (item) => [h("span", { className: "mention broadcast" }, `@${item.range}`)],
};

function richElement(item, ctx) {
  const nodes = RICH[item.type]?.(item, ctx) ?? [];
  const styles = { bold: "strong", italic: "em", strike: "s", code: "code" };
  return Object.entries(styles).reduce(
    (inner, [name, tag]) => (item.style?.[name] ? [h(tag, {}, ...inner)] : inner), nodes);
}
