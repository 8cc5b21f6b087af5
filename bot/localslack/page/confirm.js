// Asks "are you sure?" where an app wants it asked.
import { byId, h } from "./dom.js";
import { plain, textObject } from "./mrkdwn.js";

/** Resolves to whether the person confirmed. */
export function confirmed(confirm, ctx) {
  const dialog = byId("confirm");
  const answer = (value, text, className, testid) => h("button", {
    type: "button", className, value, data: { testid }, on: { click: () => dialog.close(value) },
  }, plain(text));
  dialog.replaceChildren(
    h("header", { className: "modal-head" }, h("h2", { id: "confirm-title" }, plain(confirm.title?.text ?? "Are you sure?"))),
    h("div", { className: "modal-body" }, h("div", { className: "block-text" }, textObject(confirm.text, ctx))),
    h("footer", { className: "modal-foot" },
      answer("no", confirm.deny?.text ?? "No", "button", "confirm-deny"),
      answer("yes", confirm.confirm?.text ?? "Yes", `button ${confirm.style ?? "accent"}`, "confirm-yes")));
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
