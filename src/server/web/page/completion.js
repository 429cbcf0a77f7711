// The comparison of the history with the server's (section 5, CHATS), and the pages of HISTORY that complete it: a new device, one
// that was away for too long, a GAP, texts that were taken back meanwhile. It decides and applies; it asks nobody: the owner
// fetches what a plan calls for.

import { apply, chatOf, hasRoomFor, keyOf } from "./machine.js";
import { markSeen } from "./decide.js";
import { mapped } from "./record.js";

/** Rows with which a history that is new here begins; the rest is a gap. */
export const NEW_ROWS = 200;

/** Characters of texts that one comparison fetches of one conversation; the rest is a gap. */
const MOST_CHARACTERS = 8 << 20;

/**
 * A conversation of which messages are missing here.
 * @typedef {object} Missing
 * @property {string} target
 * @property {number} above They are above this number.
 * @property {number} statesAbove The states of the user's messages above this number may have changed.
 * @property {number} erasedAbove Texts above this number may have been taken back.
 * @property {number} last @property {number} count @property {number} erased @property {number} read As CHATS has them.
 * @property {number} taken The messages of others above this number come with a poll.
 * @property {number|null} before The next page is below this number.
 * @property {number} newer @property {number} newerErased Messages that come with a poll, of those that CHATS counts.
 * @property {number} found Erased ones that the pages have shown.
 * @property {number} added @property {number} characters
 */

/**
 * Compares the server's conversations with those here. One that is complete is noted as such.
 * @param {object[]} chats The records of CHATS.
 * @param {number} taken The messages of others above this number come with a poll.
 * @returns {Missing[]} Those that lack something.
 */
export function compare(state, chats, taken) {
  const missing = [];
  noteMembers(state, chats);
  for (const record of chats) {
    const { target, last, count, read, erased } = record;
    if (!hasRoomFor(state, target)) continue;
    const chat = chatOf(state, target);
    if (!chat) apply(state, { kind: "OPENED", target });
    markSeen(state, target, read);
    const here = chatOf(state, target);
    const above = here.complete.upto;
    // What was said in a room before the user joined it counts as read, and comes with no poll.
    const comesAbove = here.isRoom() ? Math.max(taken, read) : taken;
    const isDoubtful = here.areStatesMissed && here.lastOwn > here.marks[here.era].read;
    if (isDoubtful || !here.isComplete(last, count) || here.erased !== erased) {
      const statesAbove = isDoubtful ? here.marks[here.era].read : above;
      const erasedAbove = here.erased === erased ? above : Math.max(0, here.lowest - 1);
      const plan = { before: null, newer: 0, newerErased: 0, found: 0, added: 0, characters: 0 };
      missing.push({ ...record, ...plan, above, statesAbove, erasedAbove, taken: comesAbove });
    } else if (last > above && last <= comesAbove) {
      apply(state, { kind: "COMPLETE", target, upto: last, count });
    }
  }
  return missing;
}

/** Notes of which rooms the user is a member: CHATS lists those alone. */
function noteMembers(state, chats) {
  const listed = new Set(chats.map(({ target }) => keyOf(target)));
  for (const chat of state.chats.values()) {
    const isMember = listed.has(chat.key);
    if (chat.isRoom() && chat.left === isMember) apply(state, { kind: "MEMBER", room: chat.target, on: isMember });
  }
}

/**
 * Adds what a page of HISTORY has and the history lacks.
 * @param {Missing} missing It is changed: `before` is where the next page ends.
 * @param {object[]} page Oldest first.
 * @returns {boolean} Whether another page is due.
 */
export function addPage(state, missing, page) {
  const records = withoutErased(state, missing.target, page);
  takeStates(state, missing, records);
  for (const record of records) addRecord(state, missing, record);
  const oldest = page[0]?.first ?? page[0]?.seq;
  const isGoingBack = oldest !== undefined && (missing.before === null || oldest < missing.before);
  const { above, statesAbove, erasedAbove } = missing;
  const hasAllErased = missing.found + missing.newerErased >= missing.erased || oldest <= erasedAbove + 1;
  if (!isGoingBack || (oldest <= Math.min(above, statesAbove) + 1 && hasAllErased)) {
    finish(state, missing, null);
    return false;
  }
  const isEnough = (above === 0 && missing.added >= NEW_ROWS) || missing.characters >= MOST_CHARACTERS;
  if (isEnough && oldest > above + 1) {
    finish(state, missing, { first: above + 1, last: oldest - 1 });
    return false;
  }
  missing.before = oldest;
  return true;
}

/** Takes the texts out of a page that were taken back after it was read. */
function withoutErased(state, target, page) {
  const key = keyOf(target);
  const ranges = (state.erasures ?? []).filter(({ chat }) => chat === key);
  const isErased = ({ seq, from }) =>
    ranges.some((range) => seq >= range.first && seq <= range.last && mapped(from) === range.from);
  return page.map((record) => (!record.damaged && isErased(record) ? { ...record, text: "", erased: true } : record));
}

/** Moves the user's messages to the states that a page has: the events that told of them came to another program. */
function takeStates(state, { target, above, statesAbove, taken }, records) {
  for (const reached of ["READ", "DELIVERED"]) {
    const is = reached === "READ" ? ["READ"] : ["READ", "DELIVERED"];
    const own = records.filter(({ damaged, from, seq, state: its }) => !damaged && from === state.me && seq > Math.min(above, statesAbove) && is.includes(its));
    const upto = own.at(-1)?.seq ?? 0;
    const marks = chatOf(state, target).marks[state.position.era];
    const known = reached === "READ" ? marks.read : marks.delivered;
    if (upto > known && upto <= taken) apply(state, { kind: "STATE", target, state: reached, upto });
  }
}

function addRecord(state, missing, record) {
  const { target, above, taken, last } = missing;
  if (record.damaged) {
    if (record.last > above) apply(state, { kind: "DAMAGED", target, first: Math.max(record.first, above + 1), last: record.last });
    return;
  }
  const { seq, from, erased } = record;
  if (seq > taken && seq <= last) {
    missing.newer += 1;
    missing.newerErased += erased ? 1 : 0;
  } else {
    missing.found += erased ? 1 : 0;
  }
  const isMine = mapped(from) === mapped(state.me);
  // Those come with a poll, or with the answer to their SEND.
  const comes = (seq > taken && (state.ownCome || !isMine)) || (isMine && state.outbox.some(({ id }) => id === record.id));
  if (comes) return;
  if (seq > above && !chatOf(state, target).has(seq)) {
    apply(state, { kind: "MESSAGE", target, message: record });
    missing.added += 1;
    missing.characters += record.text.length;
  } else if (erased) {
    apply(state, { kind: "ERASED", target, first: seq, last: seq, from, isCounted: true });
  }
}

/** Notes that a conversation is complete, but for a rest that stays with the server, and for what comes with a poll. */
function finish(state, { target, last, taken, above, count, erased, newer, newerErased, read }, rest) {
  if (rest) apply(state, { kind: "GAP", target, ...rest });
  const upto = Math.max(Math.min(last, taken), above);
  apply(state, { kind: "COMPLETE", target, upto, count: count - newer, erased: erased - newerErased, hasStates: true });
  markSeen(state, target, read);
}

/**
 * Adds the messages of a gap that a page of HISTORY below the gap's end has. What the page covers is no part of it any more.
 * @param {{first: number, last: number}} gap
 */
export function fillGap(state, target, gap, page) {
  const chat = chatOf(state, target);
  const records = withoutErased(state, target, page);
  for (const record of records) {
    const isOfGap = !record.damaged && record.seq >= gap.first && record.seq <= gap.last;
    if (isOfGap && !chat.find(record.seq)) apply(state, { kind: "MESSAGE", target, message: record });
  }
  const oldest = page[0]?.first ?? page[0]?.seq ?? gap.first;
  const first = oldest > gap.first && oldest <= gap.last ? oldest : gap.first;
  apply(state, { kind: "FILLED", target, first, last: gap.last });
}

/** A page of HISTORY is asked for: what is taken back from now on may still be in it, until it was taken in. */
export function noteAsked(state, isAsked) {
  state.erasures = isAsked ? [] : null;
}
