// What the view draws, made of the state: rows, conversations, counts. It reads the state and changes nothing.

import { chatOf } from "./machine.js";
import { mapped } from "./record.js";

/** Messages of the outbox that are listed above the chats. */
const SHOWN_OF_OUTBOX = 50;

/** Makes a row of the view (`Row` of `owner.js`) of one of a conversation. */
function presentRow(state, chat, row) {
  const isMine = row.from === state.me;
  const base = { kind: row.kind === "refused" ? "message" : row.kind, key: `${row.era}-${row.seq}-${row.sub}` };
  const shown = { from: row.from ?? "", text: row.text ?? "", erased: row.erased ?? false, time: row.time ?? null };
  const isRefused = row.kind === "refused";
  // A number of an earlier store means another message by now: nothing is asked about it.
  const seq = isRefused || row.era !== chat.era ? null : row.seq;
  const reached = isRefused ? "refused" : isMine ? chat.stateOf(row) : "received";
  return { ...base, ...shown, seq, state: reached, reason: row.reason ?? null, mine: isMine };
}

/** Returns how many messages are in the outbox, how many of them wait for more than their turn, and the first of those. */
export function presentOutbox(state, holds, isOffline) {
  const waiting = isOffline ? state.outbox : state.outbox.filter(({ chat }) => holds.has(chat));
  const rows = waiting.slice(0, SHOWN_OF_OUTBOX).map((message) => presentQueued(state, message, holds));
  return { count: state.outbox.length, waiting: waiting.length, rows };
}

/** Makes a row of the view of a message of the outbox. @param {Map<string, {code: string}>} holds */
export function presentQueued(state, message, holds) {
  const { order, chat, target, text, time, tried } = message;
  const base = { kind: "message", key: `q-${order}`, target, seq: null, from: state.me, text, erased: false, time };
  const reason = holds.get(chat)?.code ?? null;
  return { ...base, state: tried === null ? "queued" : "sent", reason, mine: true };
}

/** Returns the last rows of a conversation before the one with a key, or the first ones from one on, oldest first. */
export function presentRows(state, target, holds, { before = null, from = null, count = 300 } = {}) {
  const chat = chatOf(state, target);
  if (!chat) return [];
  const stored = state.ignored.size === 0 ? chat.rows : chat.rows.filter((row) => isShown(state, row));
  const queued = state.outbox.filter((message) => message.chat === chat.key);
  const indexOf = (key) => (key === null ? stored.length + queued.length : indexOfKey(stored, queued, key));
  const begin = from === null ? Math.max(0, indexOf(before) - count) : indexOf(from);
  const end = from === null ? indexOf(before) : begin + count;
  const rows = stored.slice(begin, end).map((row) => presentRow(state, chat, row));
  const rest = queued.slice(Math.max(0, begin - stored.length), Math.max(0, end - stored.length));
  return [...rows, ...rest.map((message) => presentQueued(state, message, holds))];
}

/** Checks that a row is of nobody whom the user ignores. */
const isShown = (state, { from }) => from === undefined || from === state.me || !isIgnored(state, from);

/** Checks that the user ignores another one. It is asked of all rows at each frame: mapping a name takes long. */
const isIgnored = (state, name) => state.ignored.size > 0 && state.ignored.has(mapped(name));

/** Returns the index of the row with a key among all rows; where there is none, their number. */
function indexOfKey(stored, queued, key) {
  const [era, seq, sub] = key.split("-").map(Number);
  const index = stored.findLastIndex((row) => row.seq === seq && row.era === era && row.sub === sub);
  if (index >= 0) return index;
  const waiting = queued.findIndex(({ order }) => `q-${order}` === key);
  return stored.length + (waiting < 0 ? queued.length : waiting);
}

/** Returns the result of a search as rows of the view, each with its `target`. */
export function presentFound(state, rows) {
  const found = rows.filter((row) => state.chats.has(row.chat) && isShown(state, row));
  return found.map((row) => ({ ...presentRow(state, state.chats.get(row.chat), row), target: state.chats.get(row.chat).target }));
}

/** The counts of a conversation, until something in it changes. @type {WeakMap<object, {revision: number, unread: number, mentions: number}>} */
const counts = new WeakMap();

/** Counts the messages of others that were not seen, and those among them that name the user. */
function countUnread(state, chat) {
  const known = counts.get(chat);
  if (known?.revision === chat.revision) return known;
  const isUnread = ({ kind, era, seq, from }) =>
    kind === "message" && era === chat.era && seq > chat.seen && from !== state.me && !isIgnored(state, from);
  const unread = chat.rows.filter(isUnread);
  const mention = mentionOf(state.me);
  const made = { revision: chat.revision, unread: unread.length, mentions: unread.filter(({ text }) => mention.test(mapped(text))).length };
  counts.set(chat, made);
  return made;
}

/** Returns what a text that names the user has in it: the name after an `@`, or alone as a word. */
function mentionOf(me) {
  const name = mapped(me).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(^|[^\\p{L}\\p{N}_])@?${name}($|[^\\p{L}\\p{N}_])`, "u");
}

/**
 * Returns the conversations, that of the newest message first.
 * @param {{holds: Map<string, object>, online: Map<string, boolean>, rooms: Map<string, object>}} known
 */
export function presentChats(state, { holds, online, rooms }) {
  const queued = new Map(state.outbox.map((message) => [message.chat, message]));
  const newest = (chat) => (queued.has(chat.key) ? Infinity : chat.highest);
  const chats = [...state.chats.values()].sort((one, other) => newest(other) - newest(one) || (one.key < other.key ? -1 : 1));
  return chats.map((chat) => {
    const isRoom = chat.isRoom();
    const room = isRoom ? rooms.get(chat.key) : null;
    const waiting = queued.get(chat.key);
    const row = chat.rows.findLast((row) => (row.kind === "message" || row.kind === "refused") && isShown(state, row));
    const last = waiting ? presentQueued(state, waiting, holds) : row ? presentRow(state, chat, row) : null;
    const { unread, mentions } = countUnread(state, chat);
    return {
      target: chat.target, kind: isRoom ? "room" : "direct", unread, mentions, seen: chat.seen, last,
      online: isRoom ? null : (online.get(chat.key) ?? null), topic: room?.topic ?? "", owner: room?.owner ?? null,
      roomKind: room?.kind ?? null, member: isRoom && !chat.left, muted: chat.muted, ignored: state.ignored.has(chat.key),
      draft: chat.draft,
    };
  });
}

/** Checks that `loadOlder` brings rows. The server gives none of a room that the user is not in. */
export function hasOlder(state, target) {
  const chat = chatOf(state, target);
  return Boolean(chat && (chat.older || (chat.lastGap() && !chat.left)));
}
