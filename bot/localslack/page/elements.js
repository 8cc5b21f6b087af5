// Buttons, selects and inputs: https://docs.slack.dev/reference/block-kit/block-elements
//
// A surface is what the elements stand on: {
//   act(block, element, chosen, button)  uses an element: the workspace tells the bot,
//   enter(block, element, value)         remembers what was typed, for a submission,
//   entered(block, element)              what was typed so far, or undefined }
import { h, safeUrl } from "./dom.js";
import { confirmed } from "./confirm.js";
import { plain, textObject } from "./mrkdwn.js";

const label = (object) => plain(object?.text, object ?? {});

/** The node of one element; an unknown kind is shown as its name. */
export function element(block, item, ctx, surface) {
  const render = KINDS[item.type] ?? unknown;
  const node = render(block, item, ctx, surface);
  node.dataset.actionId = item.action_id ?? "";
  return node;
}

const unknown = (block, item) => h("span", { className: "unknown" }, `[${item.type}]`);

function button(block, item, ctx, surface) {
  const node = h("button", {
    type: "button",
    className: `button ${item.style ?? ""}`,
    "aria-label": item.accessibility_label,
    title: item.url,
    on: { click: () => use() },
  }, h("span", { className: "button-label" }, label(item.text)));
  async function use() {
    if (item.confirm && !(await confirmed(item.confirm, ctx))) return;
    const address = item.url && safeUrl(item.url);
    if (address) window.open(address, "_blank", "noopener,noreferrer");
    await surface.act(block, item, null, node);
  }
  return node;
}

/** Inside an input block a choice waits for the submission; elsewhere it tells the bot at once. */
function chose(block, item, ctx, surface, node) {
  return async (value) => {
    surface.enter?.(block, item, value);
    if (block.type === "input" && !block.dispatch_action) return;
    if (item.confirm && !(await confirmed(item.confirm, ctx))) return;
    await surface.act(block, item, value, node());
  };
}

function options(item) {
  const node = (option) => h("option", { value: option.value }, label(option.text));
  if (!item.option_groups) return item.options.map(node);
  return item.option_groups.map((group) => h("optgroup", { label: label(group.label) }, group.options.map(node)));
}

function picker(block, item, ctx, surface, choices, initial) {
  let node = null;
  const tell = chose(block, item, ctx, surface, () => node);
  node = h("select", { className: "select", "aria-label": block.type === "input" ? null : label(item.placeholder) || "Choose", on: {
    change: () => tell(node.value || null),
  } }, h("option", { value: "" }, label(item.placeholder) || "Choose…"), choices);
  node.value = surface.entered?.(block, item) ?? initial ?? "";
  return node;
}

const staticSelect = (block, item, ctx, surface) =>
  picker(block, item, ctx, surface, options(item), item.initial_option?.value);

const usersSelect = (block, item, ctx, surface) =>
  picker(block, item, ctx, surface, [...ctx.users.values()].filter((user) => !user.deleted).map((user) =>
    h("option", { value: user.id }, user.real_name)), item.initial_user);

const channelsSelect = (block, item, ctx, surface) =>
  picker(block, item, ctx, surface, Object.entries(ctx.channelNames).map(([id, name]) =>
    h("option", { value: id }, `#${name}`)), item.initial_channel ?? item.initial_conversation);

function choices(block, item, ctx, surface, type, initial) {
  const name = `${block.block_id}-${item.action_id}`;
  const chosen = new Set([surface.entered?.(block, item) ?? initial].flat().filter(Boolean));
  let node = null;
  const tell = chose(block, item, ctx, surface, () => node);
  const collect = () => {
    const values = [...node.querySelectorAll("input:checked")].map((box) => box.value);
    return tell(type === "radio" ? values[0] : values);
  };
  node = h("div", { className: "choices", role: type === "radio" ? "radiogroup" : "group" }, item.options.map((option) =>
    h("label", { className: "choice" },
      h("input", { type, name, value: option.value, checked: chosen.has(option.value), on: { change: collect } }),
      h("span", {}, textObject(option.text, ctx),
        option.description && h("small", {}, textObject(option.description, ctx))))));
  return node;
}

function field(tag, type) {
  return (block, item, ctx, surface) => {
    let node = null;
    const tell = chose(block, item, ctx, surface, () => node);
    node = h(tag, {
      type,
      className: "field",
      rows: tag === "textarea" ? "4" : null,
      placeholder: item.placeholder && label(item.placeholder),
      maxlength: item.max_length,
      autofocus: item.focus_on_load,
      on: { input: () => surface.enter?.(block, item, node.value), change: () => tell(node.value) },
    });
    const initial = item.initial_value ?? item.initial_date ?? item.initial_time;
    node.value = surface.entered?.(block, item) ?? initial ?? "";
    return node;
  };
}

const values = (list) => (list ?? []).map((option) => option.value);

const KINDS = {
  button,
  static_select: staticSelect,
  users_select: usersSelect,
  channels_select: channelsSelect,
  conversations_select: channelsSelect,
  overflow: staticSelect,
  radio_buttons: (block, item, ctx, surface) =>
    choices(block, item, ctx, surface, "radio", item.initial_option?.value),
  checkboxes: (block, item, ctx, surface) =>
    choices(block, item, ctx, surface, "checkbox", values(item.initial_options)),
  multi_static_select: (block, item, ctx, surface) =>
    choices(block, { ...item, options: item.options ?? item.option_groups.flatMap((group) => group.options) },
      ctx, surface, "checkbox", values(item.initial_options)),
  plain_text_input: (block, item, ctx, surface) =>
    field(item.multiline ? "textarea" : "input", item.multiline ? null : "text")(block, item, ctx, surface),
  email_text_input: field("input", "email"),
  url_text_input: field("input", "url"),
  number_input: field("input", "number"),
  datepicker: field("input", "date"),
  timepicker: field("input", "time"),
};
