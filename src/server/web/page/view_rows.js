// The messages of the open chat: at most 300 rows of them in the page, wherever the reader is in the history. It says what was
// seen: rows on the screen of a page that is visible and has the focus, and no others.

import { make, button, setChildren } from "./dom.js";
import { say } from "./texts.js";
import { drawRow } from "./view_row.js";

const MOST_ROWS = 300;
/** Rows that come in at the opening: more than a screen has. */
const FIRST_ROWS = 60;
/** Rows that come in at once when the reader scrolls to an end. To lay out a row takes longer than all else: a frame has few. */
const STEP = 20;
/** Pixels from an end at which the next rows come. */
const NEAR = 600;

export function makeRows(ui) {
  /** What is shown: `count` rows before the row `before`, or the last ones. `unreadFrom`: the number after which a line says that
   * unread messages begin. `toShow`: the row to scroll to once. `isAtEnd`: new rows are followed. `first`: the key of the first row that was drawn. */
  let shown = null;
  /** The key of a row that the next drawing has to show. */
  let wanted = null;
  let isLoading = false;
  /** The reader saw the page when it was drawn last. */
  let wasWatched = false;
  const list = make("ol.rows", { "aria-label": say("messages") });
  const older = make("p.hint", { hidden: true }, say("older"));
  const scroller = make("div.scroller", { id: "rows", tabIndex: 0, onscroll: onScroll }, older, list);
  const newest = button("↓", goToEnd, { id: "newest", title: say("newest"), "aria-label": say("newest"), hidden: true });
  const self = { element: make("div.messages", {}, scroller, newest), draw, find, leave, goToEnd, onQuote: () => {} };

  // The keyboard of a phone, or the input, leaves less room: the end stays in sight.
  new ResizeObserver(() => shown?.isAtEnd && (scroller.scrollTop = scroller.scrollHeight)).observe(scroller);

  /** Shows a chat from where its unread messages begin. */
  function show(view, chat) {
    const all = view.rows(chat.target, { count: Infinity });
    const first = chat.unread > 0 ? all.findIndex((row) => row.seq !== null && row.seq > chat.seen && !row.mine) : -1;
    const unreadFrom = first < 0 ? null : chat.seen;
    shown = { target: chat.target, before: null, count: FIRST_ROWS, unreadFrom, toShow: null, isAtEnd: first < 0, first: null };
    if (first >= 0) showRow(all, first);
  }

  /** Has a row in what is shown, with some before it, and scrolls to it. */
  function showRow(all, index) {
    const end = Math.min(all.length, index + FIRST_ROWS);
    shown.before = all[end]?.key ?? null;
    shown.count = end - Math.max(0, index - STEP);
    shown.toShow = all[index].key;
    shown.isAtEnd = false;
  }

  function find(key) {
    wanted = key;
    ui.redraw();
  }

  /** What a search has found may be older than the rows in memory. */
  function showWanted(view) {
    const all = view.rows(shown.target, { count: Infinity });
    const index = all.findIndex((row) => row.key === wanted);
    if (index >= 0) showRow(all, index);
    if (index < 0 && view.hasOlder(shown.target)) loadOlder(view);
    else wanted = null;
  }

  function goToEnd() {
    if (shown === null) return;
    Object.assign(shown, { before: null, count: FIRST_ROWS, isAtEnd: true, toShow: null });
    ui.redraw();
  }

  /** Another chat is open, or none. */
  function leave() {
    shown = null;
    ui.owner.show(null, null);
  }

  function draw(view, chat) {
    const isBack = isWatched() && !wasWatched;
    wasWatched = isWatched();
    // What came at the end meanwhile is read from its beginning.
    if (shown?.target !== chat.target || (isBack && shown.isAtEnd && chat.unread > 0)) show(view, chat);
    if (wanted !== null) showWanted(view);
    if (shown.before === null && !shown.isAtEnd) keepFirst(view);
    const rows = view.rows(chat.target, { before: shown.before, count: shown.count });
    shown.first = rows[0]?.key ?? null;
    // While one looks for a row, all that was loaded on the way stays.
    ui.owner.show(shown.target, wanted === null ? shown.first : "0-0-0");
    const anchor = findAnchor();
    drawRows(view, rows);
    older.hidden = !view.hasOlder(chat.target);
    newest.hidden = shown.before === null && shown.isAtEnd;
    place(anchor);
    tellSeen(rows);
    if (goOn(view) || fillAbove(view)) ui.redraw();
  }

  /** Has new rows come in below those that are read, which stay. */
  function keepFirst(view) {
    const rows = view.rows(shown.target, { count: 2 * MOST_ROWS });
    const first = rows.findIndex((row) => row.key === shown.first);
    if (first < 0) return;
    shown.count = Math.min(MOST_ROWS, Math.max(shown.count, rows.length - first));
    shown.before = rows[first + MOST_ROWS]?.key ?? null;
  }

  function drawRows(view, rows) {
    const items = withLines(rows, shown.unreadFrom);
    setChildren(list, items, (item) => item.key, signatureOf, (item) => drawRow(ui, item, view, self.onQuote));
  }

  /** Returns the first row on the screen, and where it is: it stays there, whatever comes above it. */
  function findAnchor() {
    const top = scroller.getBoundingClientRect().top;
    // A line stays the first of its day while rows come in after it.
    const row = [...list.children].slice(countAbove(top)).find((row) => !row.classList.contains("line"));
    return row ? { key: row.key, offset: row.getBoundingClientRect().top - top } : null;
  }

  /** Returns how many rows end above a height of the screen. */
  function countAbove(height) {
    let [low, high] = [0, list.children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list.children[middle].getBoundingClientRect().bottom <= height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function place(anchor) {
    const rowOf = (key) => [...list.children].find((row) => row.key === key);
    const target = shown.toShow && rowOf(shown.toShow);
    shown.toShow = null;
    if (target) return putOnScreen(target);
    if (shown.isAtEnd) return void (scroller.scrollTop = scroller.scrollHeight);
    const row = anchor && rowOf(anchor.key);
    if (!row) return;
    scroller.scrollTop += row.getBoundingClientRect().top - scroller.getBoundingClientRect().top - anchor.offset;
  }

  /** Scrolls to a row, and no further back than that: where the rest fits on the screen the reader is at the end. */
  function putOnScreen(row) {
    scroller.scrollTop = scroller.scrollHeight;
    const isInSight = row.getBoundingClientRect().top >= scroller.getBoundingClientRect().top;
    shown.isAtEnd = shown.before === null && isInSight;
    if (!shown.isAtEnd) row.scrollIntoView({ block: "center" });
  }

  function onScroll() {
    if (shown === null) return;
    shown.isAtEnd = shown.before === null && heightBelow() < 4;
    ui.redraw();
  }

  function heightBelow() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  }

  /** Has older rows come in before the reader is at the first one. Returns whether the owner has some. */
  function fillAbove(view) {
    if (scroller.scrollTop > NEAR) return false;
    if (goBack(view)) return true;
    loadOlder(view);
    return false;
  }

  /** Takes in older rows that the owner has; beyond the most that the page holds, newer ones go. */
  function goBack(view) {
    const { target, before, count } = shown;
    const rows = view.rows(target, { before, count: count + STEP });
    if (rows.length <= count) return false;
    shown.count = Math.min(MOST_ROWS, rows.length);
    if (rows.length > MOST_ROWS) shown.before = rows[MOST_ROWS].key;
    shown.isAtEnd &&= shown.before === null;
    return true;
  }

  /** Takes in newer rows before the reader is at the last one; beyond the most that the page holds, older ones go. */
  function goOn(view) {
    if (shown.before === null || heightBelow() > NEAR) return false;
    shown.before = view.rows(shown.target, { from: shown.before, count: STEP + 1 })[STEP]?.key ?? null;
    shown.count = Math.min(MOST_ROWS, shown.count + STEP);
    shown.first = null;
    return true;
  }

  /** Has the owner bring what is above, once at a time. */
  async function loadOlder(view) {
    if (isLoading || !view.hasOlder(shown.target)) return;
    isLoading = true;
    try {
      await ui.owner.loadOlder(shown.target);
    } finally {
      isLoading = false;
    }
  }

  /** READ (protocol, section 5) says that a person has read it. */
  function tellSeen(rows) {
    if (!isWatched()) return;
    const bottom = scroller.getBoundingClientRect().bottom;
    const numbers = new Map(rows.map((row) => [row.key, row.seq]));
    let last = countAbove(bottom + 4) - 1;
    while (last >= 0 && !numbers.get(list.children[last].key)) last -= 1;
    const seen = list.children[last];
    if (seen) ui.owner.read(shown.target, numbers.get(seen.key));
  }

  return self;
}

const isWatched = () => document.visibilityState === "visible" && document.hasFocus();

/** What may change of a row. Its text does not, until it is taken back: texts may be long, and each frame compares all rows. */
function signatureOf({ seq, state, reason, erased, goesOn }) {
  return [seq, state, reason, erased, goesOn].join();
}

/** Puts a line where a day begins, and where the unread messages begin; says which rows go on after one of the same sender. */
function withLines(rows, unreadFrom) {
  const items = [];
  let day = "";
  let isMarked = unreadFrom === null;
  let before = null;
  // A clock that went wrong makes a day begin twice.
  const begun = new Map();
  for (const row of rows) {
    const itsDay = row.time === null ? day : new Date(row.time).toDateString();
    if (itsDay !== day) {
      begun.set(itsDay, (begun.get(itsDay) ?? 0) + 1);
      items.push({ kind: "day", key: `day ${itsDay} ${begun.get(itsDay)}`, time: row.time });
    }
    const isUnread = !isMarked && row.kind === "message" && row.seq > unreadFrom && !row.mine;
    if (isUnread) items.push({ kind: "unread", key: "unread" });
    const goesOn = before?.kind === "message" && before.from === row.from && itsDay === day && !isUnread && row.time - before.time < 300_000;
    items.push({ ...row, goesOn });
    day = itsDay;
    isMarked ||= isUnread;
    before = row;
  }
  return items;
}
