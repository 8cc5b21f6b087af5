// The modal in front of a person, kept as they filled it in while the app updates it.
import { byId, h } from "./dom.js";
import { blocks } from "./blocks.js";
import { failure, pending } from "./feedback.js";
import { plain } from "./mrkdwn.js";
import { post } from "./net.js";

const dialog = byId("modal");
let shown = { id: "", hash: "", revision: -1 };
let entries = {};
let context = null;

const key = (block, item) => item.action_id || block.block_id;

/** Shows the top of the person's stack of views, or nothing. */
export function showModal(views, ctx) {
  context = ctx;
  const view = views.at(-1);
  if (!view) return close();
  if (view.id === shown.id && view.hash === shown.hash && view.revision === shown.revision) return undefined;
  if (view.id === shown.id && view.hash === shown.hash) return showErrors(view);
  if (view.id !== shown.id) entries = {};
  draw(view, views.length > 1);
  return undefined;
}

function close() {
  shown = { id: "", hash: "", revision: -1 };
  if (dialog.open) dialog.close();
}

function draw(view, stacked) {
  const kept = document.activeElement?.closest?.("#modal [data-action-id]")?.dataset.actionId;
  shown = { id: view.id, hash: view.hash, revision: view.revision };
  const surface = {
    act: (block, item, chosen, node) => act(view, block, item, chosen, node),
    enter: (block, item, value) => { entries[key(block, item)] = value; },
    entered: (block, item) => entries[key(block, item)],
    errors: view.errors,
  };
  const leave = () => send("close", { view_id: view.id }, null);
  dialog.replaceChildren(h("form", { on: { submit: (event) => { event.preventDefault(); submit(view); } }, novalidate: true },
    h("header", { className: "modal-head" },
      h("h2", { id: "modal-title", data: { testid: "modal-title" } }, plain(view.title?.text)),
      h("button", { type: "button", className: "close", "aria-label": stacked ? "Back" : "Close", on: { click: leave } }, stacked ? "←" : "×")),
    h("div", { className: "modal-body" }, blocks(view.blocks, context, surface)),
    h("p", { className: "modal-failure", role: "alert", data: { testid: "modal-failure" }, hidden: true }),
    h("footer", { className: "modal-foot" },
      h("button", { type: "button", className: "button", data: { testid: "modal-close" }, on: { click: leave } }, plain(view.close?.text || (view.submit ? "Cancel" : "Close"))),
      view.submit && h("button", { type: "submit", className: "button accent", data: { testid: "modal-submit" } }, plain(view.submit.text)))));
  if (!dialog.open) dialog.showModal();
  const target = kept ? dialog.querySelector(`[data-action-id="${CSS.escape(kept)}"]`) : dialog.querySelector(".modal-body :is(input, textarea, select)");
  (target ?? dialog.querySelector(".modal-foot .button:last-child"))?.focus();
}

function showErrors(view) {
  shown.revision = view.revision;
  let first = null;
  for (const group of dialog.querySelectorAll(".block-input")) {
    const complaint = view.errors[group.dataset.blockId];
    const line = group.querySelector(".error");
    group.classList.toggle("wrong", Boolean(complaint));
    line.textContent = complaint ?? "";
    line.hidden = !complaint;
    if (complaint) first ??= group.querySelector("input, textarea, select");
  }
  first?.focus();
}

async function submit(view) {
  const values = {};
  for (const node of dialog.querySelectorAll(".block-input [data-action-id]")) {
    const action = node.dataset.actionId;
    if (action in entries) values[action] = entries[action];
  }
  await send("submit", { view_id: view.id, entered: values }, dialog.querySelector("[data-testid=modal-submit]"));
}

async function act(view, block, item, chosen, node) {
  const body = { view_id: view.id, block_id: block.block_id, action_id: item.action_id, chosen, entered: entries };
  await send("click", body, node);
}

async function send(path, body, button) {
  const line = dialog.querySelector(".modal-failure");
  line.hidden = true;
  const done = pending(button);
  try {
    const answer = await post(path, { as: context.me, ...body });
    if (!answer.acked) throw new Error(failure(answer.reason, context));
  } catch (problem) {
    line.textContent = problem.message;
    line.hidden = false;
  } finally {
    done();
  }
}

dialog.addEventListener("cancel", (event) => {
  event.preventDefault(); // the workspace says when a modal is gone
  if (shown.id) send("close", { view_id: shown.id }, null);
});
