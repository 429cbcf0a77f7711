// An open chat: its head, its messages and the input.

import { make, button, setText } from "./dom.js";
import { say } from "./texts.js";
import { visibleLine } from "./text.js";
import { makeInput } from "./view_input.js";
import { muteActions, showRoomActions } from "./view_room.js";
import { makeRows } from "./view_rows.js";
import { choose } from "./view_dialog.js";

export function makeChat(ui) {
  const name = make("h1", {}, make("bdi"));
  const about = make("p.about");
  const head = make(
    "header", {}, button("‹", () => ui.open(null), { id: "back", title: say("back"), "aria-label": say("back") }),
    make("div.title", {}, name, about),
    button("⋯", () => showActions(ui), { id: "chat-menu", title: say("menu"), "aria-label": say("menu") }));
  const rows = makeRows(ui);
  const input = makeInput(ui, () => rows.goToEnd());
  const nothing = make("p.hint.nothing", {}, say("chooseChat"));
  const conversation = make("div.conversation", {}, head, rows.element, input.element);
  rows.onQuote = input.quote;
  // Drawing may wait for a transaction, and what is not drawn takes no focus.
  let wantsFocus = false;

  return {
    element: make("main.chat-page", {}, nothing, conversation),
    focus() {
      wantsFocus = true;
      ui.redraw();
    },
    find: rows.find,
    forget: input.forget,
    draw(view) {
      const chat = chatOf(view, ui.target);
      nothing.hidden = ui.target !== null;
      conversation.hidden = ui.target === null;
      if (chat === null) return rows.leave();
      setText(name.firstElementChild, visibleLine(chat.target));
      setText(about, describe(chat));
      input.draw(view, chat);
      rows.draw(view, chat);
      if (wantsFocus) input.focus();
      wantsFocus = false;
    },
  };
}

/** Returns an open chat; one of which nothing is known yet is empty. */
function chatOf(view, target) {
  if (target === null) return null;
  const kind = target.startsWith("#") ? "room" : "direct";
  const empty = { target, kind, unread: 0, mentions: 0, seen: 0, last: null, online: null, topic: "", owner: null, roomKind: null, member: true, muted: false, ignored: false, draft: "" };
  return view.chats.find((chat) => chat.target === target) ?? empty;
}

function describe(chat) {
  const marks = [chat.muted ? say("muted") : null, chat.ignored ? say("ignored") : null].filter((mark) => mark !== null);
  if (chat.kind === "direct") return [chat.online === null ? "" : say(chat.online ? "online" : "offline"), ...marks].filter(Boolean).join(" · ");
  const member = chat.member ? null : say("notMember");
  return [member, visibleLine(chat.topic ?? ""), ...marks].filter(Boolean).join(" · ");
}

function showActions(ui) {
  const chat = chatOf(ui.owner.view(), ui.target);
  if (chat.kind === "room") return showRoomActions(ui, chat);
  return choose(visibleLine(chat.target), muteActions(ui, chat));
}
