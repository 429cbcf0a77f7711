// One row of a conversation: a message with its time and ticks, a gap, a line between days; and what can be done with a message.

import { make, button } from "./dom.js";
import { clock, day, say, sayWhy } from "./texts.js";
import { drawText, visibleLine } from "./text.js";
import { choose, confirm, drawEnd, showDialog } from "./view_dialog.js";

/** One's own message can be taken back for a day (protocol, section 5, ERASE). */
const ERASE_TIME = 24 * 3_600_000;
/** Most characters of a message that are laid out at once: a screen of messages of the greatest length takes a browser seconds. */
const LONG = 3000;
const TICKS = { queued: "◷", sent: "◷", received: "✓", delivered: "✓✓", read: "✓✓", refused: "✗" };

export function drawRow(ui, item, view, onQuote) {
  if (item.kind === "day") return make("li.line", {}, make("span", {}, day(item.time)));
  if (item.kind === "unread") return make("li.line.unread", { id: "unread" }, make("span", {}, say("newBegin")));
  if (item.kind === "damaged") return make("li.line", {}, make("span", {}, say("damaged")));
  if (item.kind === "gap") return make("li.line", {}, button(say("gap"), () => ui.owner.loadOlder(ui.target)));
  return drawMessage(ui, item, view, onQuote);
}

function drawMessage(ui, row, view, onQuote) {
  const isRoom = ui.target.startsWith("#");
  const body = row.erased ? [make("p.erased", {}, say("erased"))] : drawBody(row.text, row.mine ? "" : (view.me ?? ""));
  const from = make(`span.from${isRoom && !row.mine && !row.goesOn ? "" : ".for-ears"}`, {}, make("bdi", {}, row.mine ? say("you") : visibleLine(row.from)));
  const bubble = make("div.bubble", {}, from, make("div.text", { dir: "auto" }, ...body), drawFoot(row));
  const more = button("⋯", () => showActions(ui, row, onQuote), { className: "more", title: say("actions"), "aria-label": say("actions") });
  return make(`li.row.${row.mine ? "mine" : "theirs"}${row.goesOn ? ".goes-on" : ""}`, { "data-state": row.state }, bubble, more);
}

/** Draws a text, of a long one the beginning and a button for the rest. */
function drawBody(text, me) {
  if (text.length <= LONG) return drawText(text, me);
  const beginning = text.slice(0, LONG).replace(/[\ud800-\udbff]$/, "");
  const all = button(say("showAll", { count: text.length }), () => all.parentElement.replaceChildren(...drawText(text, me)), { className: "link" });
  return [...drawText(`${beginning}…`, me), all];
}

function drawFoot(row) {
  const time = row.time === null ? null : make("time", { dateTime: new Date(row.time).toISOString() }, clock(row.time));
  if (!row.mine) return make("div.foot", {}, time);
  const state = row.state === "refused" ? say("refused", { why: sayWhy(row.reason ?? "") }) : say(row.state);
  const tick = make(`span.tick.${row.state}`, { role: "img", "aria-label": state, title: state }, TICKS[row.state]);
  const why = row.reason ? make("span.why", {}, sayWhy(row.reason)) : null;
  return make("div.foot", {}, time, tick, why);
}

function showActions(ui, row, onQuote) {
  const chat = ui.owner.view().chats.find((chat) => chat.target === ui.target);
  const isFresh = row.mine && row.time !== null && Date.now() - row.time < ERASE_TIME;
  const canErase = row.seq !== null && !row.erased && (isFresh || chat?.owner === ui.owner.view().me);
  choose(say("actions"), [
    ...(row.erased ? [] : [{ label: say("quote"), run: () => onQuote(row.text) }]),
    ...(row.erased || !navigator.clipboard ? [] : [{ label: say("copy"), run: () => navigator.clipboard.writeText(row.text) }]),
    ...(row.mine && row.seq !== null ? [{ label: say("readers"), run: () => showReaders(ui, row) }] : []),
    ...(canErase ? [{ label: say("erase"), run: () => erase(ui, row) }] : []),
  ]);
}

async function erase(ui, row) {
  const target = ui.target;
  if (!(await confirm(say("eraseSure"), say("erase")))) return;
  const answer = await ui.owner.erase(target, row.seq);
  if (!answer.ok) ui.tell(sayWhy(answer.code, answer.text));
}

async function showReaders(ui, row) {
  const answer = await ui.owner.readers(ui.target, row.seq);
  if (!answer.ok) return ui.tell(sayWhy(answer.code, answer.text));
  const draw = ({ user, state }) => make("li", {}, make("span.name", {}, make("bdi", {}, visibleLine(user))), make("small", {}, say(state.toLowerCase())));
  showDialog(say("readers"), (close) => [make("ul.rows-of-dialog", {}, ...answer.records.map(draw)), drawEnd(close, null)]);
}
