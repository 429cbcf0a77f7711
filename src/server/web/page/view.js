// The view: draws what the owner gives it, and calls its methods. It knows neither lines nor the database. This module has the
// pages (sign-in, chats, "use it here") and what belongs to none of them: the title, the address bar, the back button.

import { make, button, setText } from "./dom.js";
import { start } from "./owner.js";
import { say, sayWhy, shortCount } from "./texts.js";
import { makeChat } from "./view_chat.js";
import { makeChats } from "./view_chats.js";
import { makeDrawer } from "./view_drawer.js";
import { makeNotices } from "./view_notices.js";
import { makeSignIn } from "./view_sign_in.js";

/**
 * What the view alone knows, shared by its parts.
 * @typedef {object} Ui
 * @property {object} owner
 * @property {string|null} target The chat that is open.
 * @property {(target: string|null) => void} open Shows a chat, or the list of chats.
 * @property {(target: string, key: string) => void} find Shows a row of a chat.
 * @property {(text: string) => void} tell Says something once.
 * @property {() => void} toggleDrawer
 * @property {() => void} redraw
 */

/** Milliseconds for which a pressed button holds up the drawing. */
const PRESS = 1000;

/** `asked`: the next frame draws. `late`: it came while nothing may be drawn, and is made up for after that.
 * @type {"none"|"asked"|"late"} */
let drawing = "none";
/** The timer that ends the press of a button; null: none is pressed. What is pressed is what is clicked: nothing is drawn between. */
let press = null;
const owner = start({ onChange: redraw });

/** @type {Ui} */
const ui = { owner, target: targetOfAddress(), open, find, tell: (text) => notices.tell(text), toggleDrawer: () => drawer.toggle(), redraw };

const drawer = makeDrawer(ui);
const notices = makeNotices(ui);
const chat = makeChat(ui);
const chats = makeChats(ui);
const pages = {
  "signed-out": makeSignIn(ui),
  "signing-in": makeWaiting(),
  open: { element: make("div.open", {}, chats.element, chat.element), draw: drawOpen },
  "taken-over": makeElsewhere("useHere", () => owner.useHere()),
  broken: makeElsewhere("reload", () => location.reload()),
};

/** Draws once at the next frame, however much has changed. */
function redraw() {
  if (drawing === "asked") return;
  // Events may come so fast that each frame finds a transaction.
  if (drawing === "late") return draw();
  drawing = "asked";
  // A page in the background has no frames, and its title and notifications change all the same.
  if (document.visibilityState === "visible") requestAnimationFrame(draw);
  else queueMicrotask(draw);
}

function draw() {
  drawing = owner.isDurable() && press === null ? "none" : "late";
  if (drawing === "late") return;
  const view = owner.view();
  const page = pages[view.phase];
  if (!page.element.isConnected) {
    main.replaceChildren(page.element);
    page.focus?.();
    if (view.phase === "signed-out") for (const part of [chat, chats]) part.forget();
  }
  page.draw(view);
  notices.draw(view);
  const unread = view.chats.filter((chat) => !chat.muted && !chat.ignored).reduce((sum, chat) => sum + chat.unread, 0);
  document.title = unread > 0 ? `(${shortCount(unread)}) wachat` : "wachat";
}

function drawOpen(view) {
  pages.open.element.classList.toggle("has-chat", ui.target !== null);
  chats.draw(view);
  chat.draw(view);
}

function makeWaiting() {
  const text = make("p.waiting", {}, say("signingIn"));
  return { element: make("main.centre", {}, text), draw: () => {} };
}

/** Makes the page that says why nothing goes on here, and has one button. */
function makeElsewhere(label, onclick) {
  const why = make("p", { role: "status" });
  const element = make("main.centre.card", {}, make("h1", {}, "wachat"), why, button(say(label), onclick, { className: "primary" }));
  return { element, draw: (view) => setText(why, sayWhy(view.reason ?? "other-page", view.reasonText)) };
}

function notePress({ target }) {
  if (!target.closest?.("button")) return;
  clearTimeout(press);
  press = setTimeout(endPress, PRESS);
}

function endPress() {
  if (press === null) return;
  clearTimeout(press);
  press = null;
  redraw();
}

function open(typed) {
  const target = typed === null ? null : known(typed);
  if (target === ui.target) return chat.focus();
  const isFromList = ui.target === null;
  ui.target = target;
  const address = target === null ? "/" : `/#${encodeURIComponent(target)}`;
  // The back button leads to the list of chats, and from there out of the page.
  if (target !== null && isFromList) history.pushState({ target }, "", address);
  else history.replaceState({ target }, "", address);
  if (target !== null) owner.openChat(target);
  redraw();
  if (target !== null) chat.focus();
}

/** Returns a target as its chat has it: names are the same in capital and in small letters. */
function known(typed) {
  const small = typed.toLowerCase();
  return owner.view().chats.find((chat) => chat.target.toLowerCase() === small)?.target ?? typed;
}

function find(target, key) {
  open(target);
  chat.find(key);
}

function targetOfAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null;
  }
}

addEventListener("popstate", () => {
  ui.target = targetOfAddress();
  redraw();
});
// A click on a notification.
navigator.serviceWorker?.addEventListener("message", ({ data }) => open(data.chat));
for (const event of ["focus", "blur"]) addEventListener(event, redraw, true);
// A page that is hidden gets no frame any more: what waits for one is drawn now.
addEventListener("visibilitychange", () => (drawing === "asked" ? draw() : redraw()), true);
addEventListener("pointerdown", notePress, true);
addEventListener("click", endPress);
addEventListener("beforeunload", (event) => {
  if (owner.view().outbox.count > 0) event.preventDefault();
});

const main = make("div.main");
document.documentElement.lang = say("lang");
document.body.append(notices.element, main, drawer.element);
draw();
