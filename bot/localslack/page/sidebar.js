// Who one is, and the conversations one is in.
import { avatar, byId, h } from "./dom.js";

/** Draws the left side. `open(id)` goes to a conversation, `be(id)` becomes somebody else. */
export function showSidebar(state, ctx, current, { open, openBot }) {
  byId("workspace-name").textContent = state.workspace;
  showYou(state, ctx);
  const channels = state.conversations.filter((item) => item.kind === "channel" && !item.is_archived);
  const archived = state.conversations.filter((item) => item.kind === "channel" && item.is_archived);
  const dms = state.conversations.filter((item) => item.kind !== "channel");
  const withBot = dms.some((item) => isBotDm(item, state));
  byId("conversations").replaceChildren(
    group("Channels", channels.map((item) => entry(item, item.is_private ? "🔒" : "#", current, open))),
    group("Direct messages", [
      ...dms.map((item) => entry(item, face(item, ctx), current, open)),
      ...(withBot ? [] : [h("li", {}, h("button", { type: "button", className: "conversation", data: { testid: "bot-dm" }, on: { click: openBot } },
        h("span", { className: "sign" }, avatar(ctx.users.get(state.bot.user), "tiny")), h("span", { className: "conversation-name" }, state.bot.name)))]),
    ]),
    ...(archived.length ? [group("Archived", archived.map((item) => entry(item, "▤", current, open)))] : []));
  showBot(state);
}

export const isBotDm = (item, state) => item.kind === "im" && item.members.includes(state.bot.user);

function showYou(state, ctx) {
  const me = ctx.users.get(ctx.me);
  byId("you-avatar").replaceWith(Object.assign(avatar(me, "large"), { id: "you-avatar" }));
  byId("you-name").textContent = me.real_name;
  byId("you-title").textContent = me.title || `@${me.name}`;
  const select = byId("you-select");
  const people = state.users.filter((user) => !user.is_bot);
  const key = people.map((user) => `${user.id}${user.real_name}${user.deleted}`).join();
  if (select.dataset.key !== key) {
    select.replaceChildren(...people.map((user) => h("option", { value: user.id, data: { user: user.id } }, described(user))));
    select.dataset.key = key;
  }
  select.value = ctx.me;
}

function described(user) {
  const marks = [user.title, user.is_restricted && "guest", user.is_stranger && "other workspace", user.deleted && "deactivated"];
  const known = marks.filter(Boolean).join(", ");
  return known ? `${user.real_name} – ${known}` : user.real_name;
}

function group(title, entries) {
  return h("section", { className: "group", "aria-label": title }, h("h2", {}, title),
    entries.length ? h("ul", {}, ...entries) : h("p", { className: "none" }, "None"));
}

function entry(item, sign, current, open) {
  const here = item.id === current;
  const unread = !here && item.unread > 0;
  const label = `${item.name}${unread ? `, ${item.unread} unread` : ""}`;
  return h("li", {}, h("button", {
    type: "button",
    className: `conversation ${here ? "here" : ""} ${unread ? "unread" : ""}`,
    "aria-current": here ? "page" : null,
    "aria-label": label,
    data: { channel: item.id, unread: item.unread },
    on: { click: () => open(item.id) },
  },
  h("span", { className: "sign", "aria-hidden": "true" }, sign),
  h("span", { className: "conversation-name" }, item.name),
  unread && h("span", { className: "badge", data: { testid: "badge" } }, item.unread > 99 ? "99+" : String(item.unread))));
}

function face(item, ctx) {
  const other = item.members.find((member) => member !== ctx.me);
  return avatar(ctx.users.get(other), "tiny");
}

function showBot(state) {
  const line = byId("bot-status");
  const { name, connected } = state.bot;
  const text = connected ? `${name} is connected` : `${name} is not running: nobody answers clicks`;
  if (line.textContent !== text) line.textContent = text;
  line.classList.toggle("off", !connected);
}
