// The state of the page: outbox, conversations and position. The decisions (`decide.js`, `completion.js`) read it and make
// records; `apply` alone changes it, and notes which rows of the database's tables that changes. There is no IO in here, no clock
// and no randomness: time and ids come in with the records.

import { Conversation, UNKNOWN_COUNT } from "./conversation.js";
import { lengthInRecord, mapped } from "./record.js";

/** Ranges of numbers that are kept with a message of the outbox. */
const TAKEN_RANGES = 100;

/** Most conversations that are kept here. */
export const CONVERSATIONS = 10_000;

/**
 * @typedef {{order: number, chat: string, id: string, target: string, text: string, time: number, tried: number|null, taken: {first: number, last: number}[]}} Outgoing
 * `tried`: a SEND was made of it; if the server has it, its number is above this one. `taken`: the numbers of what the user has
 * taken back there since, elsewhere: it may be among them.
 * @typedef {import("./row.js").StoredRow} StoredRow
 * @typedef {ReturnType<typeof newState>} State
 */

/** Makes an empty state. */
export function newState(me) {
  return {
    me,
    /** The server's store, the number up to which every event is in the state, and the highest that was seen (section 6). */
    position: { store: "", last: 0, newest: 0, era: 0 },
    /** The name of the device by which the server has known this client. @type {string|null} */
    device: null,
    /** @type {Outgoing[]} */
    outbox: [],
    nextOrder: 1,
    /** @type {Map<string, Conversation>} */
    chats: new Map(),
    /** Users whose messages are hidden. */
    ignored: new Set(),
    /** The rows of earlier stores by their ids: a restored server may send them again, under any number. */
    earlier: new Map(),
    // What follows is in no table.
    /** The user's own messages above the position come with a poll, too: the server knows this device. */
    ownCome: false,
    /** The place of the first row on the screen: those from there on stay in memory. @type {StoredRow|null} */
    shown: null,
    /** Numbers that were read on another device, and are above the messages that have come. */
    readElsewhere: new Map(),
    /** What was taken back since a page of HISTORY was asked for, which may have been read before that. Null: none is. */
    erasures: null,
    /** How often a text went: what else has texts looks again. */
    erasedCount: 0,
    /** Bytes of the texts of the outbox, as records have them. */
    outboxBytes: 0,
    changes: newChanges(),
  };
}

const newChanges = () => ({ meta: false, chats: new Set(), rows: new Map(), outbox: new Map(), erase: [] });

/** Makes a state of the tables of the database. `older`: the conversations of which there are more rows. */
export function restoreState(me, { meta, chats, rows, earlier, outbox, older }) {
  const state = newState(me);
  Object.assign(state, meta ? { ...meta, me, ignored: new Set(meta.ignored) } : {});
  state.outbox = outbox.sort((one, other) => one.order - other.order);
  state.outboxBytes = outbox.reduce((sum, { text }) => sum + lengthInRecord(text), 0);
  for (const stored of chats) {
    const own = rows.get(stored.key) ?? [];
    state.chats.set(stored.key, Conversation.restore(stored, own, older.has(stored.key)));
  }
  for (const row of earlier) state.earlier.set(earlierKey(row), row);
  return state;
}

/**
 * Takes what the records since the last call have changed, for one transaction.
 * `rows`: by their places, null for one that goes; `erase`: ranges whose texts go, also from rows that are not in memory.
 */
export function takeChanges(state) {
  const { meta, chats, rows, outbox, erase } = state.changes;
  state.changes = newChanges();
  const { position, device, nextOrder, ignored } = state;
  return {
    meta: meta ? { position: { ...position }, device, nextOrder, ignored: [...ignored] } : null,
    chats: [...chats].map((key) => state.chats.get(key).stored()),
    rows: [...rows.values()],
    outbox: [...outbox].map(([order, message]) => ({ order, message: message && { ...message } })),
    erase,
  };
}

export function hasChanges({ changes }) {
  return changes.meta || changes.chats.size + changes.rows.size + changes.outbox.size + changes.erase.length > 0;
}

/** Returns the key of a conversation. */
export const keyOf = (target) => mapped(target);

/** A message by its sender's id: the recognition of a row does not depend on its text, which may be taken back. */
const earlierKey = ({ from, id }) => `${mapped(from)}/${id}`;

/** Returns the conversation with a target, if there is one. */
export const chatOf = (state, target) => state.chats.get(keyOf(target));

/** Returns the target of the conversation that a message belongs to, as this user sees it (section 5). */
export function targetOf(state, { from, to }) {
  return mapped(to) === mapped(state.me) ? from : to;
}

/** Checks that a conversation that the server names is kept: it is here, or there is room for one more. */
export const hasRoomFor = (state, target) => state.chats.has(keyOf(target)) || state.chats.size < CONVERSATIONS;

// ---- Records.

/** Applies a record: the only code that changes the state. */
export function apply(state, record) {
  APPLY[record.kind](state, record);
}

const APPLY = {
  /** A message was typed: it is in the outbox. */
  QUEUED(state, { id, target, text, time }) {
    const message = { order: state.nextOrder, chat: keyOf(target), id, target, text, time, tried: null, taken: [] };
    state.nextOrder += 1;
    state.outbox.push(message);
    state.outboxBytes += lengthInRecord(text);
    noteOutbox(state, message.order, message);
    // It was the draft.
    open(state, target).draft = "";
  },
  /** It is about to be sent; if the server has it, its number is above this one. */
  TRIED(state, { id, above }) {
    const message = state.outbox.find((queued) => queued.id === id);
    if (!message || message.tried !== null) return;
    message.tried = above;
    noteOutbox(state, message.order, message);
  },
  /** The server has it; it leaves the outbox. */
  SENT(state, { id, seq, time }) {
    const message = settle(state, id);
    if (!message) return;
    const { target, text, taken } = message;
    const erased = taken.some(({ first, last }) => seq >= first && seq <= last);
    addMessage(state, target, { seq, id, from: state.me, text, erased, time });
  },
  /** The server has refused it for good; it leaves the outbox. */
  FAILED(state, { id, reason }) {
    const message = settle(state, id);
    if (!message) return;
    const chat = open(state, message.target);
    const { text, time, order } = message;
    const row = { era: chat.era, seq: chat.highest, sub: 1 + order, kind: "refused", id, from: state.me, text, erased: false, time };
    addRow(state, chat, { ...row, reason });
  },
  /** A message was received, or fetched, or was sent on another device. */
  MESSAGE(state, { target, message }) {
    addMessage(state, target, message);
  },
  /** All that the user has sent there, up to a number, has this state. */
  STATE(state, { target, state: reached, upto }) {
    open(state, target).advance(reached, upto);
  },
  /** The user has seen the messages there up to a number. */
  SEEN(state, { target, upto }) {
    const chat = open(state, target);
    chat.seen = Math.max(chat.seen, upto);
    chat.revision += 1;
  },
  /** The messages with these numbers are with the server only. */
  GAP(state, { target, first, last }) {
    const chat = open(state, target);
    addRow(state, chat, { era: chat.era, seq: last, sub: 1, kind: "gap", first });
  },
  /** No message from `first` on is missing any more of the gap that ends with `last`. */
  FILLED(state, { target, first, last }) {
    const chat = open(state, target);
    const gap = chat.rows.find((row) => row.kind === "gap" && row.era === chat.era && row.seq === last);
    if (!gap) return;
    removeRow(state, chat, gap);
    if (gap.first < first) addRow(state, chat, { ...gap, seq: first - 1 });
  },
  /** The server cannot read the messages with these numbers. */
  DAMAGED(state, { target, first, last }) {
    const chat = open(state, target);
    addRow(state, chat, { era: chat.era, seq: last, sub: 1, kind: "damaged", first });
  },
  /** Messages of that user were taken back. `isCounted`: the noted number of them has these already. */
  ERASED(state, { target, first, last, from, isCounted }) {
    const chat = open(state, target);
    const isOf = (row) => row.kind === "message" && row.era === chat.era && row.seq >= first && row.seq <= last;
    const taken = chat.rows.filter((row) => isOf(row) && mapped(row.from) === mapped(from) && !row.erased);
    for (const row of taken) addRow(state, chat, { ...row, text: "", erased: true });
    if (!isCounted) chat.erased += taken.length;
    if (mapped(from) === mapped(state.me)) noteTaken(state, chat, first, last);
    state.erasedCount += 1;
    if (chat.older) state.changes.erase.push({ chat: chat.key, era: chat.era, first, last, from });
  },
  /** Nothing of that conversation up to a number is missing here any more: the server counts this many messages. */
  COMPLETE(state, { target, upto, count, erased, hasStates }) {
    const chat = open(state, target);
    chat.setComplete(upto, count, erased);
    if (hasStates) chat.areStatesMissed = false;
  },
  /** Events went to another program of the user, or the server has forgotten them for this device. */
  STATES_MISSED(state) {
    for (const chat of state.chats.values()) {
      chat.areStatesMissed = true;
      state.changes.chats.add(chat.key);
    }
  },
  /** The user has opened a conversation, or the server names it. `isMember`: false of a room in which the user is not known to be. */
  OPENED(state, { target, isMember = true }) {
    const isNew = !chatOf(state, target);
    const chat = open(state, target);
    if (isNew && chat.isRoom()) chat.left = !isMember;
  },
  /** The user has joined a room, or is no longer in it: one that is joined later may be another one of the name (section 7). */
  MEMBER(state, { room, on }) {
    const chat = open(state, room);
    chat.left = !on;
    if (!on) chat.setComplete(chat.complete.upto, UNKNOWN_COUNT);
  },
  DRAFT(state, { target, text }) {
    open(state, target).draft = text;
  },
  MUTED(state, { target, on }) {
    open(state, target).muted = on;
  },
  IGNORED(state, { user, on }) {
    if (on) state.ignored.add(mapped(user));
    else state.ignored.delete(mapped(user));
    for (const chat of state.chats.values()) chat.revision += 1;
    state.changes.meta = true;
  },
  /** The server has known this client by this name of a device. */
  DEVICE(state, { name }) {
    state.device = name;
    state.changes.meta = true;
  },
  /** Every event of that store up to this number is in the state. */
  POSITION(state, { store, last }) {
    const { position } = state;
    // Another store, or an older copy of this one: from here on its numbers stand for other messages.
    if (position.store !== "" && (position.store !== store || last < position.last)) beginEra(state);
    Object.assign(position, { store, last, newest: Math.max(position.newest, last) });
    state.changes.meta = true;
  },
};

function beginEra(state) {
  state.position.era += 1;
  state.position.newest = 0;
  state.readElsewhere.clear();
  for (const chat of state.chats.values()) {
    for (const row of chat.rows) if (row.kind === "message") state.earlier.set(earlierKey(row), row);
    chat.beginEra(state.position.era);
    state.changes.chats.add(chat.key);
  }
  for (const message of state.outbox) {
    if (message.tried === null) continue;
    // The known numbers are of the other store: the message may have any.
    message.tried = 0;
    message.taken = [];
    noteOutbox(state, message.order, message);
  }
}

/** Returns the conversation with a target, which is made where there is none. Its row of the table is about to change. */
function open(state, target) {
  const key = keyOf(target);
  const known = state.chats.get(key);
  const chat = known ?? new Conversation(key, target, state.position.era);
  if (!known) state.chats.set(key, chat);
  state.changes.chats.add(key);
  return chat;
}

/** Notes what was taken back beside the messages of the outbox whose numbers are not known yet. */
function noteTaken(state, chat, first, last) {
  for (const message of state.outbox) {
    if (message.tried === null || message.chat !== chat.key || last <= message.tried) continue;
    message.taken = [...message.taken, { first, last }].slice(-TAKEN_RANGES);
    noteOutbox(state, message.order, message);
  }
}

/** Takes a message out of the outbox. */
function settle(state, id) {
  const index = state.outbox.findIndex((queued) => queued.id === id);
  if (index < 0) return null;
  const [message] = state.outbox.splice(index, 1);
  state.outboxBytes -= lengthInRecord(message.text);
  noteOutbox(state, message.order, null);
  return message;
}

function addMessage(state, target, { seq, id, from, text, erased, time }) {
  const chat = open(state, target);
  const earlier = takeEarlier(state, chat, id, from);
  // A text never comes back into a row that is known as erased.
  const isErased = erased || earlier?.erased === true || chat.find(seq)?.erased === true;
  const row = { era: chat.era, seq, sub: 0, kind: "message", id, from, text: isErased ? "" : text, erased: isErased, time };
  addRow(state, chat, row);
  if (from === state.me) chat.lastOwn = Math.max(chat.lastOwn, seq);
  if (seq > state.position.newest) {
    state.position.newest = seq;
    state.changes.meta = true;
  }
}

/** Removes the row of a message that an earlier store had sent, and that this one sends again; returns it. */
function takeEarlier(state, chat, id, from) {
  const key = earlierKey({ id, from });
  const row = state.earlier.get(key);
  if (row?.chat !== chat.key) return undefined;
  state.earlier.delete(key);
  removeRow(state, chat, row);
  return row;
}

function addRow(state, chat, row) {
  const stored = { chat: chat.key, ...row };
  chat.insert(stored, state.shown?.chat === chat.key ? state.shown : null);
  noteRow(state, stored, stored);
  state.changes.chats.add(chat.key);
}

function removeRow(state, chat, row) {
  chat.remove(row);
  noteRow(state, row, null);
}

function noteRow({ changes }, place, row) {
  const { chat, era, seq, sub } = place;
  changes.rows.set(`${chat}/${era}/${seq}/${sub}`, { place: [chat, era, seq, sub], row });
}

function noteOutbox(state, order, message) {
  state.changes.outbox.set(order, message);
  state.changes.meta = true;
}
