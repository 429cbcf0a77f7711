// The list of chats: who, what was said last, how much is unread; the search; new chats, rooms and the account.

import { make, button, setChildren, setText } from "./dom.js";
import { say, shortCount, when } from "./texts.js";
import { preview, visibleLine } from "./text.js";
import { showAccount } from "./view_account.js";
import { ask } from "./view_dialog.js";
import { showRooms } from "./view_rooms.js";

/** Most messages that a search shows. */
const MOST_FOUND = 100;

export function makeChats(ui) {
  let found = [];
  let searched = "";
  let erasedCount = 0;
  const me = make("span.me");
  const search = make("input", { id: "search", type: "search", placeholder: say("search"), "aria-label": say("search"), oninput: runSearch });
  const list = make("ul.chats", { "aria-label": say("chats"), onkeydown: moveBetweenChats });
  const empty = make("p.hint", {}, say("noChats"));
  const results = make("ul.chats.found", { "aria-label": say("search") });
  const head = make(
    "header", {}, me, button("+", () => newChat(ui), { id: "new-chat", title: say("newChat"), "aria-label": say("newChat") }),
    button("#", () => showRooms(ui), { id: "rooms", title: say("rooms"), "aria-label": say("rooms") }),
    button("☰", () => showAccount(ui), { id: "account", title: say("account"), "aria-label": say("account") }));
  const element = make("nav.side", { "aria-label": say("chats") }, head, search, empty, list, results);

  async function runSearch() {
    searched = search.value.trim();
    const words = searched;
    const rows = words === "" ? [] : await ui.owner.search(words);
    if (words !== searched) return;
    found = rows.slice(0, MOST_FOUND);
    ui.redraw();
  }

  function forget() {
    search.value = "";
    searched = "";
    found = [];
  }

  return {
    element,
    forget,
    draw(view) {
      setText(me, view.me ?? "");
      // A text that was taken back leaves the results.
      if (view.erasedCount !== erasedCount && found.length > 0) runSearch();
      erasedCount = view.erasedCount;
      const wanted = searched.toLowerCase();
      const chats = view.chats.filter((chat) => chat.target.toLowerCase().includes(wanted));
      empty.hidden = view.chats.length > 0;
      const drawn = chats.map((chat) => ({ ...chat, isOpen: chat.target === ui.target, about: describeLast(ui, chat), at: describeTime(chat) }));
      setChildren(list, drawn, (chat) => chat.target, signatureOf, (chat) => drawChat(ui, chat));
      setChildren(results, found, (row) => `${row.target} ${row.key}`, (row) => row.key, (row) => drawFound(ui, row));
    },
  };
}

async function newChat(ui) {
  const target = await ask({ title: say("newChat"), label: say("newChatHint"), action: say("open") });
  if (target !== null && target.trim() !== "") ui.open(target.trim());
}

/** Up and Down go from chat to chat. */
function moveBetweenChats(event) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
  const next = step && event.target.closest("li")?.[step]?.querySelector("button");
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** What is drawn of a chat. */
function signatureOf({ isOpen, about, at, unread, mentions, muted, online }) {
  return JSON.stringify([isOpen, about, at, unread, mentions, muted, online]);
}

function drawChat(ui, chat) {
  const open = make(
    "button.chat", { type: "button", onclick: () => ui.open(chat.target), "aria-current": String(chat.isOpen) },
    drawMark(chat),
    make("span.name", {}, make("bdi", {}, visibleLine(chat.target))),
    make("time", {}, chat.at),
    make("span.last", {}, chat.about),
    drawCount(chat));
  return make("li", {}, open);
}

/** Whether a user is online, told by more than a colour; nothing where that is not known. */
function drawMark(chat) {
  if (chat.kind === "room") return make("span.mark.room", { "aria-hidden": "true" }, "#");
  if (chat.online === null) return make("span.mark");
  const word = chat.online ? say("online") : say("offline");
  return make(`span.mark.${chat.online ? "online" : "offline"}`, { role: "img", "aria-label": word, title: word }, chat.online ? "●" : "○");
}

function describeTime(chat) {
  return chat.last?.time ? when(chat.last.time) : "";
}

function describeLast(ui, chat) {
  if (chat.draft && chat.target !== ui.target) return say("draft", { text: preview(chat.draft) });
  if (chat.ignored) return say("ignored");
  if (!chat.last) return chat.topic ? visibleLine(chat.topic) : "";
  const text = chat.last.erased ? say("erased") : preview(chat.last.text);
  const from = chat.last.mine ? say("you") : chat.kind === "room" ? visibleLine(chat.last.from) : null;
  return from === null ? text : `${from}: ${text}`;
}

function drawCount(chat) {
  if (chat.muted && chat.unread === 0) return make("span.count.muted", {}, say("muted"));
  if (chat.unread === 0) return null;
  const label = [say("unread", { count: chat.unread }), ...(chat.mentions > 0 ? [say("mentioned")] : [])].join(", ");
  const text = (chat.mentions > 0 ? "@" : "") + shortCount(chat.unread);
  return make(`span.count${chat.muted ? ".muted" : ""}`, { role: "img", "aria-label": label }, text);
}

function drawFound(ui, row) {
  const open = make(
    "button.chat", { type: "button", onclick: () => ui.find(row.target, row.key) }, make("span.mark", { "aria-hidden": "true" }, "⌕"),
    make("span.name", {}, make("bdi", {}, visibleLine(row.target))), make("time", {}, row.time ? when(row.time) : ""),
    make("span.last", {}, `${row.mine ? say("you") : visibleLine(row.from)}: ${preview(row.text)}`));
  return make("li", {}, open);
}
