// Puts the page together: reads what is so, draws it, and listens for changes.
import { byId, h } from "./dom.js";
import { blocks } from "./blocks.js";
import { refreshMoments } from "./dates.js";
import { failure, pending } from "./feedback.js";
import { atBottom, clearMessages, showMessages, toBottom } from "./messages.js";
import { showModal } from "./modal.js";
import { get, listen, post, Refused, Unreachable } from "./net.js";
import { isBotDm, showSidebar } from "./sidebar.js";

let me = new URLSearchParams(location.search).get("as") ?? "";
let current = location.hash.slice(1);
let tab = "messages";
let ctx = null;
let running = false;
let again = false;

const say = byId("say");
const address = () => `/?as=${encodeURIComponent(me)}#${current}`;

/** Reads and draws; calls that come while one runs become one more. */
async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    do {
      again = false;
      await draw();
    } while (again);
  } catch (problem) {
    if (problem instanceof Unreachable) return; // the stream of changes tells of it
    banner(problem.message);
    if (!(problem instanceof Refused)) console.error(problem);
  } finally {
    running = false;
  }
}

async function draw() {
  if (!me) me = (await get("users", {})).users.find((user) => !user.is_bot && !user.deleted)?.id ?? "";
  const state = await get("state", { as: me });
  ctx = context(state);
  const conversation = ctx.conversations.get(current) ?? state.conversations.find((item) => !item.is_archived) ?? null;
  if (conversation && conversation.id !== current) {
    current = conversation.id;
    history.replaceState(null, "", address());
  }
  if (conversation) await drawConversation(conversation, state);
  else drawNothing();
  showSidebar(state, ctx, current, { open, openBot });
  showModal(state.views, ctx);
  const unread = state.conversations.reduce((sum, item) => sum + (item.id === current ? 0 : item.unread), 0);
  document.title = `${unread ? `(${unread}) ` : ""}${conversation ? titleOf(conversation) : state.workspace} · ${state.workspace}`;
}

function context(state) {
  const users = new Map(state.users.map((user) => [user.id, user]));
  return {
    me: state.me,
    bot: state.bot,
    users,
    usergroups: new Map(state.usergroups.map((group) => [group.id, group])),
    conversations: new Map(state.conversations.map((item) => [item.id, item])),
    channelNames: state.channel_names,
    zone: users.get(state.me).tz,
    names: [state.me, ...state.users.map((user) => user.real_name)].join(),
  };
}

const titleOf = (item) => (item.kind === "channel" ? `${item.is_private ? "🔒 " : "# "}${item.name}` : item.name);

async function drawConversation(conversation, state) {
  const bots = isBotDm(conversation, state);
  if (!bots) tab = "messages";
  drawHead(conversation, bots);
  const onHome = tab === "home";
  byId("messages").hidden = onHome;
  byId("home").hidden = !onHome;
  byId("composer").hidden = onHome;
  if (onHome) return drawHome(state.home);
  const { messages } = await get("messages", { as: me, channel: conversation.id });
  drawEmpty(messages.length === 0, conversation);
  const { grew, follow } = showMessages(conversation, messages, ctx);
  byId("jump").hidden = follow || (!grew && byId("jump").hidden);
  markRead(conversation, messages);
  return undefined;
}

function drawHead(conversation, bots) {
  byId("title").textContent = titleOf(conversation);
  byId("topic").textContent = conversation.topic;
  byId("members").textContent = conversation.kind === "channel" ? `${conversation.members.length} members` : "";
  byId("members").title = conversation.members.map((id) => ctx.users.get(id)?.real_name ?? id).join("\n");
  byId("tabs").hidden = !bots;
  for (const name of ["messages", "home"]) byId(`tab-${name}`).setAttribute("aria-selected", String(tab === name));
  say.placeholder = conversation.is_archived ? "This channel is archived" : `Message ${titleOf(conversation)}`;
  say.disabled = conversation.is_archived;
}

function drawEmpty(empty, conversation) {
  byId("empty").hidden = !empty;
  const where = conversation.kind === "channel" ? `#${conversation.name}` : conversation.name;
  byId("empty").replaceChildren(h("strong", {}, `This is the start of ${where}`),
    h("p", {}, "Nothing has been said here yet. New messages appear by themselves."));
}

function drawNothing() {
  byId("title").textContent = "No conversations";
  clearMessages();
  byId("composer").hidden = true;
  byId("empty").hidden = false;
  byId("empty").replaceChildren(h("strong", {}, "You are in no channel"), h("p", {}, "Be somebody else, above on the left."));
}

function drawHome(home) {
  byId("empty").hidden = true;
  const key = home ? `${home.id} ${home.hash}` : "none";
  if (byId("home").dataset.key === key) return;
  byId("home").dataset.key = key;
  const surface = { act: (block, item, chosen, node) => actHome(home, block, item, chosen, node) };
  byId("home").replaceChildren(...(home ? blocks(home.blocks, ctx, surface) : [h("p", { className: "none" }, `${ctx.bot.name} shows nothing here yet.`)]));
}

async function actHome(home, block, item, chosen, node) {
  const done = pending(node);
  try {
    const where = { as: me, view_id: home.id, block_id: block.block_id };
    const answer = await post("click", { ...where, action_id: item.action_id, chosen });
    banner(answer.acked ? "" : failure(answer.reason, ctx));
  } catch (problem) {
    banner(problem.message);
  } finally {
    done();
  }
}

function markRead(conversation, messages) {
  const last = messages.at(-1)?.ts ?? "";
  if (document.visibilityState !== "visible" || !atBottom() || last <= conversation.read_until) return;
  post("read", { as: me, channel: conversation.id, ts: last }).catch(() => {});
}

function banner(text) {
  byId("banner").textContent = text;
  byId("banner").hidden = !text;
}

function open(id) {
  current = id;
  tab = "messages";
  history.pushState(null, "", address());
  drawer(false);
  refresh();
}

async function openBot() {
  open((await post("dm", { as: me })).channel);
}

function be(id) {
  me = id;
  tab = "messages";
  clearMessages();
  delete byId("home").dataset.key;
  history.pushState(null, "", address());
  refresh();
}

function choose(name) {
  tab = name;
  clearMessages();
  if (name === "home") post("home", { as: me }).catch((problem) => banner(problem.message));
  refresh();
}

function drawer(shown) {
  document.body.classList.toggle("drawer", shown);
  byId("veil").hidden = !shown;
  byId("menu").setAttribute("aria-expanded", String(shown));
}

async function send(event) {
  event.preventDefault();
  const text = say.value.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
  if (!text.trim()) return;
  try {
    await post("post", { as: me, channel: current, text });
    say.value = "";
    toBottom();
  } catch (problem) {
    banner(problem.message);
  }
}

byId("you-select").addEventListener("change", (event) => be(event.target.value));
byId("composer").addEventListener("submit", send);
say.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
});
byId("menu").addEventListener("click", () => drawer(!document.body.classList.contains("drawer")));
byId("veil").addEventListener("click", () => drawer(false));
byId("jump").addEventListener("click", () => { toBottom(); byId("jump").hidden = true; refresh(); });
byId("scroll").addEventListener("scroll", () => {
  if (atBottom() && !byId("jump").hidden) { byId("jump").hidden = true; refresh(); }
});
for (const name of ["messages", "home"]) byId(`tab-${name}`).addEventListener("click", () => choose(name));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") drawer(false); });
for (const moved of ["popstate", "hashchange"]) {
  addEventListener(moved, () => {
    me = new URLSearchParams(location.search).get("as") ?? me;
    current = location.hash.slice(1);
    refresh();
  });
}
setInterval(() => ctx && refreshMoments(document, ctx.zone), 10_000);

listen(refresh, (linked) => {
  banner(linked ? "" : "The connection to the workspace is lost. Trying again…");
  document.body.classList.toggle("offline", !linked);
  if (linked) refresh();
});
