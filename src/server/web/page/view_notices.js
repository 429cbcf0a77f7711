// What is said once: notices of the owner, errors of what the reader did, new messages for who listens, notifications.
// And the line above the chats while the server is away.

import { make, button, setText } from "./dom.js";
import { say, sayWhy } from "./texts.js";
import { preview, visibleLine } from "./text.js";
import { notifyByWorker } from "./worker.js";

/** Milliseconds that a notice stays. */
const NOTICE_TIME = 8_000;
/** Messages that stay in the region that a screen reader reads out: it says what is added. */
const MOST_SAID = 10;

export function makeNotices(ui) {
  let lastNumber = -1;
  /** The key of the last row of each chat that was announced. */
  let announced = null;
  /** The last notification of each chat, and the key of its message. */
  const notified = new Map();
  const offline = make("p.banner", { role: "status", hidden: true });
  const outbox = make("details.outbox", { hidden: true });
  const list = make("div.notices", { role: "status" });
  const live = make("div.for-ears", { id: "new-messages", "aria-live": "polite" });

  function tell(text) {
    const notice = make("div.notice", {}, make("span", {}, text), button("×", () => notice.remove(), { "aria-label": say("close") }));
    // The same again is one notice.
    for (const same of [...list.children].filter((other) => other.firstElementChild.textContent === text)) same.remove();
    list.append(notice);
    while (list.children.length > 4) list.firstElementChild.remove();
    removeLater(notice);
  }

  /** Removes a notice some time after it could be seen first. */
  function removeLater(notice) {
    if (document.visibilityState === "visible") setTimeout(() => notice.remove(), NOTICE_TIME);
    else document.addEventListener("visibilitychange", () => removeLater(notice), { once: true });
  }

  function drawNotices(view) {
    for (const notice of view.notices.filter((notice) => notice.number > lastNumber)) {
      lastNumber = notice.number;
      tell(sayNotice(notice));
    }
  }

  /** Has a screen reader say a new message: it says what is added. The text goes from the page again: it may be taken back. */
  function sayAloud(text) {
    const said = make("p", {}, text);
    live.append(said);
    while (live.children.length > MOST_SAID) live.firstElementChild.remove();
    setTimeout(() => said.remove(), NOTICE_TIME);
  }

  /** Closes the notification of a message that was taken back. */
  function closeErased(view) {
    for (const { target, last } of view.chats) {
      const { shown, key } = notified.get(target) ?? {};
      if (!shown || last?.key !== key || !last.erased) continue;
      shown.close();
      notified.delete(target);
    }
  }

  function announce(view) {
    const lasts = new Map(view.chats.map((chat) => [chat.target, chat.last?.key ?? ""]));
    const isNew = (chat) => announced !== null && announced.get(chat.target) !== chat.last?.key;
    const counts = (chat) => chat.last?.kind === "message" && !chat.last.mine && !chat.ignored && chat.unread > 0;
    closeErased(view);
    for (const chat of view.chats.filter((chat) => isNew(chat) && counts(chat))) {
      sayAloud(`${visibleLine(chat.last.from)}: ${preview(chat.last.text)}`);
      const shown = !chat.muted || chat.mentions > 0 ? notify(ui, chat) : null;
      if (shown) notified.set(chat.target, { shown, key: chat.last.key });
    }
    announced = view.phase === "open" ? lasts : null;
  }

  function drawOffline(view) {
    const isAway = view.phase === "open" && view.offline;
    offline.hidden = !isAway;
    const why = view.reason && view.reason !== "away" ? ` — ${sayWhy(view.reason, view.reasonText)}` : "";
    if (isAway) setText(offline, say("banner", { count: view.outbox.count }) + why);
    drawOutbox(view);
  }

  /** What waits although the server is there has a reason. */
  function drawOutbox({ phase, outbox: { waiting, rows } }) {
    outbox.hidden = waiting === 0 || phase !== "open";
    const signature = [waiting, ...rows.map((row) => row.key + row.reason)].join();
    if (outbox.hidden || outbox.signature === signature) return;
    outbox.signature = signature;
    const drawn = rows.map((row) => make("li", {}, describeWaiting(row)));
    outbox.replaceChildren(make("summary", {}, `${say("outbox")} (${waiting})`), make("ul", {}, ...drawn));
  }

  return {
    element: make("div.top", {}, offline, outbox, list, live),
    tell,
    draw(view) {
      drawNotices(view);
      announce(view);
      drawOffline(view);
    },
  };
}

function describeWaiting(row) {
  const why = row.reason ? ` — ${sayWhy(row.reason)}` : "";
  return `${visibleLine(row.target)}: ${preview(row.text)}${why}`;
}

function sayNotice(notice) {
  const { key, target = "", user = "", room = "", text = "", code } = notice;
  const why = code ? sayWhy(code, text) : "";
  return say(`n-${key}`, { target: visibleLine(target), user: visibleLine(user), room: visibleLine(room), text: visibleLine(text), why });
}

/** Shows a notification of the last message of a chat, and returns what closes it; null: there is none. */
function notify(ui, chat) {
  const isSeen = document.visibilityState === "visible" && document.hasFocus();
  if (isSeen || !("Notification" in window) || Notification.permission !== "granted") return null;
  const title = chat.kind === "room" ? `${visibleLine(chat.last.from)} · ${visibleLine(chat.target)}` : visibleLine(chat.target);
  // One for each chat: the newest replaces the one before it.
  const options = { body: preview(chat.last.text), tag: chat.target };
  return notifyByWorker(title, options) ?? notifyByPage(ui, title, options);
}

/** The same without a worker, where the browser shows any. */
function notifyByPage(ui, title, options) {
  try {
    const shown = new Notification(title, options);
    shown.addEventListener("click", () => {
      window.focus();
      ui.open(options.tag);
      shown.close();
    });
    return shown;
  } catch {
    // Android shows only those of a service worker.
    return null;
  }
}
