// The decisions of the page: which records a call of the user, a login or an event makes. They read the state; what they change
// goes through `apply` of `machine.js`. What the history lacks is found by `completion.js`.

import { apply, chatOf, hasRoomFor, keyOf, targetOf } from "./machine.js";
import { lengthInRecord, mapped } from "./record.js";

/** Most messages and bytes of the outbox. */
export const OUTBOX_MESSAGES = 10_000;
export const OUTBOX_BYTES = 16 << 20;

/** Messages after which the history is compared with the server's again. */
const UNCOMPARED_ROWS = 500;

// ---- Decisions about the outbox (section 5).

/** Queues a message. Returns false if the outbox is full. @param {{id: string, target: string, text: string, time: number}} message */
export function queue(state, message) {
  const bytes = state.outboxBytes + lengthInRecord(message.text);
  if (state.outbox.length >= OUTBOX_MESSAGES || bytes > OUTBOX_BYTES) return false;
  apply(state, { kind: "QUEUED", ...message });
  return true;
}

/** Returns the first message whose conversation is not held: nothing overtakes within a conversation. */
export function firstFree(state, isHeld) {
  return state.outbox.find(({ chat }) => !isHeld(chat)) ?? null;
}

/** Notes that a message is about to be sent. Returns null at the first attempt, else the number above which it is. */
export function noteAttempt(state, id) {
  const { tried } = state.outbox.find((queued) => queued.id === id);
  if (tried === null) apply(state, { kind: "TRIED", id, above: state.position.newest });
  return tried;
}

/** Notes that the server has a message of the outbox. */
export const accept = (state, id, seq, time) => apply(state, { kind: "SENT", id, seq, time });

/** Notes that the server has refused a message for good. */
export const fail = (state, id, reason) => apply(state, { kind: "FAILED", id, reason });

// ---- Decisions about a login (sections 3 and 6).

/** Notes the server's store. Another one is noted, and the client goes on from `acknowledged`. Returns true if it is another. */
export function noteLogin(state, { user, store, acknowledged }) {
  state.me = user;
  const known = state.position.store;
  if (known === store && acknowledged > state.position.last) apply(state, { kind: "STATES_MISSED" });
  if (known !== store) apply(state, { kind: "POSITION", store, last: acknowledged });
  return known !== "" && known !== store;
}

/** Notes how the server has let this device in. Returns true if it has known the device before, and knows it no more. */
export function noteDevice(state, name, deviceState) {
  state.ownCome = deviceState === "known";
  const wasKnown = state.device === name;
  if (deviceState && !wasKnown) apply(state, { kind: "DEVICE", name });
  return wasKnown && deviceState === "new";
}

/** The server never gave the number that was noted: its store is an older copy. Goes on from what it calls acknowledged. */
export function noteOlderStore(state, acknowledged) {
  apply(state, { kind: "POSITION", store: state.position.store, last: acknowledged });
}

// ---- Decisions about events (section 7).

/**
 * Takes in the events of a poll. When that is durable, `position.last` may be acknowledged.
 * @returns {{news: object[], lacks: boolean}} Events that the user may want to see at once, and whether messages are missing.
 */
export function takeIn(state, events) {
  const result = { news: [], lacks: false };
  let { last } = state.position;
  for (const event of events) {
    // One that is not above was given before.
    if (event.seq !== 0 && event.seq <= last) continue;
    last = Math.max(last, event.seq);
    const take = Object.hasOwn(TAKE_IN, event.kind) ? TAKE_IN[event.kind] : takeNews;
    take(state, event, result);
  }
  noteReadElsewhere(state);
  if (last > state.position.last) apply(state, { kind: "POSITION", store: state.position.store, last });
  return result;
}

function takeNews(state, event, { news }) {
  // Of an event of a later version the number is enough.
  if (!event.isUnknown) news.push(event);
}

const TAKE_IN = {
  MSG(state, event, result) {
    const target = targetOf(state, event);
    if (isQueued(state, event)) {
      accept(state, event.id, event.seq, event.time);
      if (event.erased) apply(state, { kind: "ERASED", target, first: event.seq, last: event.seq, from: event.from });
      return;
    }
    if (chatOf(state, target)?.has(event.seq)) return;
    if (!hasRoomFor(state, target)) return void result.news.push({ kind: "UNKEPT", target });
    apply(state, { kind: "MESSAGE", target, message: event });
    if (event.erased) countErased(state, target);
    result.news.push({ ...event, target });
    result.lacks ||= chatOf(state, target).above.size > UNCOMPARED_ROWS;
  },
  STATE(state, { target, state: reached, upto }) {
    if (hasRoomFor(state, target)) apply(state, { kind: "STATE", target, state: reached, upto });
  },
  GAP(state, event, result) {
    result.lacks = true;
  },
  DAMAGED(state, { target, seq }, result) {
    if (hasRoomFor(state, target)) apply(state, { kind: "DAMAGED", target, first: seq, last: seq });
    result.news.push({ kind: "DAMAGED", target });
  },
  ERASED(state, { target, first, last, from }) {
    if (chatOf(state, target)) apply(state, { kind: "ERASED", target, first, last, from, isCounted: false });
    state.erasures?.push({ chat: keyOf(target), first, last, from: mapped(from) });
  },
  READ(state, { target, upto }) {
    const key = keyOf(target);
    if (hasRoomFor(state, target)) state.readElsewhere.set(key, Math.max(upto, state.readElsewhere.get(key) ?? 0));
  },
};

/** Checks that a message is one of the outbox: an event may tell before the OK, or instead of it. */
function isQueued(state, { from, id, to, text, erased }) {
  const queued = mapped(from) === mapped(state.me) && state.outbox.find((message) => message.id === id);
  return queued && queued.chat === keyOf(to) && (erased || queued.text === text);
}

/** Counts a message that came erased. */
function countErased(state, target) {
  const { complete, erased } = chatOf(state, target);
  apply(state, { kind: "COMPLETE", target, ...complete, erased: erased + 1 });
}

/** Marks the messages as seen that have come and were read elsewhere: the events come before what they are about. */
function noteReadElsewhere(state) {
  for (const [key, upto] of state.readElsewhere) {
    const chat = state.chats.get(key);
    if (chat) markSeen(state, chat.target, upto);
    if (chat && chat.highest >= upto) state.readElsewhere.delete(key);
  }
}

// ---- Decisions about what the user does.

/** Checks that the user has not seen all messages there up to a number. */
export function isUnseen(state, target, upto) {
  const chat = chatOf(state, target);
  return chat !== undefined && Math.min(upto, chat.highest) > chat.seen;
}

/** Notes that the user has seen the messages there up to a number. Returns false if that is known. */
export function markSeen(state, target, upto) {
  if (!isUnseen(state, target, upto)) return false;
  apply(state, { kind: "SEEN", target, upto: Math.min(upto, chatOf(state, target).highest) });
  return true;
}
