// The bytes drawer: the lines of both connections as they go and come, each with its clause of the protocol. It shows, and holds
// nothing up: a pause stops the display alone. A button cuts the connections where it hurts most, right after a SEND.

import { make, button, setText } from "./dom.js";
import { say } from "./texts.js";
import { visibleLine } from "./text.js";

/** Most lines in the page, and most that wait while the display pauses. */
const MOST_LINES = 200;
/** Longest part of a line that is shown. */
const MOST_CHARACTERS = 400;

export function makeDrawer({ owner }) {
  let isPaused = false;
  let waiting = [];
  const lines = make("ol.lines", { tabIndex: 0, "aria-label": say("bytes") });
  const pause = button(say("pause"), togglePause, { id: "pause" });
  const cut = button(say("cut"), () => cutNext(), { id: "cut" });
  const element = make(
    "aside.drawer", { id: "drawer", hidden: true, "aria-label": say("bytes") },
    make("header", {}, make("h2", {}, say("bytes")), pause, cut, button("×", toggle, { "aria-label": say("close") })),
    make("p.hint", {}, say("wireHint")), lines);
  owner.onLine(add);

  function add(line) {
    waiting = [...waiting, line].slice(-MOST_LINES);
    if (line.direction === "close") setText(cut, say("cut"));
    if (isPaused) setText(pause, say("goOn", { count: waiting.length }));
    else show();
  }

  function show() {
    if (element.hidden) return;
    const isAtEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 20;
    lines.append(...waiting.map(drawLine));
    waiting = [];
    while (lines.children.length > MOST_LINES) lines.firstElementChild.remove();
    if (isAtEnd) lines.scrollTop = lines.scrollHeight;
  }

  function togglePause() {
    isPaused = !isPaused;
    if (!isPaused) show();
    setText(pause, isPaused ? say("goOn", { count: waiting.length }) : say("pause"));
  }

  function cutNext() {
    owner.cutAfterNextSend();
    setText(cut, say("cutArmed"));
  }

  function toggle() {
    element.hidden = !element.hidden;
    document.body.classList.toggle("has-drawer", !element.hidden);
    show();
  }

  return { element, toggle };
}

const ARROWS = { out: "→", in: "←", open: "⇄", close: "✕" };

function drawLine({ port, direction, line, time }) {
  const short = line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line;
  const at = new Date(time).toISOString().slice(11, 23);
  return make(
    `li.${direction}`, {}, make("time", {}, at), make("span.port", {}, `${port.toUpperCase()} ${ARROWS[direction]}`),
    make("code", {}, visibleLine(short)), make("span.clause", {}, clauseOf(port, direction, line)));
}

/** Sections of the protocol page, by the verb of a request or of an event. */
const CLAUSES = [
  [/^(LOGIN|REGISTER|DEVICE|KEY):/, "3 logging in"],
  [/^(SEND|READ|STATUS|HISTORY|ERASE)\b/, "5 messages"],
  [/^(CHATS|USERS)\b/, "5 lists"],
  [/^(JOIN|LEAVE|ROOMS|MEMBERS|ROOM|TOPIC|INVITE|KICK|OWNER)\b/, "5 rooms"],
  [/^(PERMIT|PEER)\b/, "5, 8 direct chats"],
  [/^(PASSWD|EMAIL|SESSIONS|DEVICES|LOGOUT)\b/, "5 account"],
  [/^(PING|HELP|QUIT)\b/, "5 connection"],
  [/^(POLL|KEY|PORT)\b/, "6 the RECV port"],
];

function clauseOf(port, direction, line) {
  if (direction === "open" || direction === "close") return "§10 WebSocket";
  const event = /^\d+;([A-Z]+)/.exec(line);
  if (event) return `§7 event ${event[1]}`;
  if (direction === "in") return `§4 ${/^(OK|KO)\b/.exec(line) ? "reply" : "record of a list"}`;
  const found = CLAUSES.find(([pattern]) => pattern.test(line));
  return found ? `§${found[1]}` : "";
}
