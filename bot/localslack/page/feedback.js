// What a person is told while the bot is asked, and when it does not answer.

/** Marks a button as busy; returns what ends it. */
export function pending(button) {
  if (!button) return () => {};
  button.classList.add("pending");
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  return () => {
    button.classList.remove("pending");
    button.removeAttribute("aria-busy");
    button.disabled = false;
  };
}

/** Why nothing happened, in words. */
export function failure(reason, ctx) {
  const name = ctx.bot.name;
  if (reason === "not_connected") return `${name} is not running, so nothing happened.`;
  if (reason === "timeout") return `${name} is not responding. Whether this took effect is not known.`;
  if (reason.startsWith("bad_view")) return `${name} answered with something that cannot be shown: ${reason.slice(10)}`;
  return `${name} did not take this (${reason}). Try again.`;
}
