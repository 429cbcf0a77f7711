// One conversation: its marks, and its newest rows in memory, in the order of their numbers. It is changed by the machine's
// `apply` alone. A server that was restored from a backup numbers anew: rows of an earlier store have a lower era, and stay before
// the others.

import { comparePlaces } from "./row.js";

/** Rows that stay in memory when there are twice as many; the database has all. */
const ROWS_IN_MEMORY = 1000;

/** Most rows that stay because the reader is far back among them. */
const ROWS_OF_READER = 50_000;

/** The count of a room that the user has left: none that a server reports (section 7). */
export const UNKNOWN_COUNT = 2 ** 52;

export class Conversation {
  /** @param {string} target As it is shown. */
  constructor(key, target, era) {
    this.key = key;
    this.target = target;
    this.era = era;
    /** The numbers up to which the user's messages are delivered and read, of each era. */
    this.marks = { [era]: { delivered: 0, read: 0 } };
    /** The user has seen the messages up to this number. */
    this.seen = 0;
    /** Nothing up to `upto` is missing here, but what stands in gaps: the server counts this many messages. */
    this.complete = { upto: 0, count: 0 };
    /** How many of all messages the server calls erased, as far as it is known (section 5, CHATS). */
    this.erased = 0;
    /** Numbers of the messages above `complete.upto` that are here. */
    this.above = new Set();
    this.lowest = 0;
    this.highest = 0;
    /** The number of the user's last message; events that told of the states of those up to there may not have come. */
    this.lastOwn = 0;
    this.areStatesMissed = false;
    this.muted = false;
    this.draft = "";
    /** @type {import("./row.js").StoredRow[]} */
    this.rows = [];
    /** The database has rows that memory has not. */
    this.older = false;
    /** The user is known not to be in the room any more. In no table: CHATS tells. */
    this.left = false;
    this.revision = 0;
  }

  /** Makes a conversation of what the database has. */
  static restore(stored, rows, older) {
    const made = Object.assign(new Conversation(stored.key, stored.target, stored.era), stored, { rows, older });
    made.above = new Set(stored.above);
    return made;
  }

  /** Returns what the database keeps of it beside its rows. */
  stored() {
    const { key, target, era, marks, seen, complete, erased, lowest, highest, lastOwn, areStatesMissed, muted, draft } = this;
    const copies = { marks: structuredClone(marks), complete: { ...complete }, above: [...this.above] };
    return { key, target, era, ...copies, seen, erased, lowest, highest, lastOwn, areStatesMissed, muted, draft };
  }

  isRoom() {
    return this.target.startsWith("#");
  }

  /** Begins another store's numbering, for which the old marks mean nothing. */
  beginEra(era) {
    this.era = era;
    this.marks[era] = { delivered: 0, read: 0 };
    this.above = new Set();
    Object.assign(this, { seen: 0, complete: { upto: 0, count: 0 }, erased: 0, lowest: 0, highest: 0, lastOwn: 0, areStatesMissed: false });
    this.revision += 1;
  }

  /** Notes that nothing up to a number is missing. `erased`: what the server has counted; undefined: as before. */
  setComplete(upto, count, erased = this.erased) {
    this.complete = { upto, count };
    this.erased = erased;
    this.above = new Set([...this.above].filter((seq) => seq > upto));
  }

  /** Checks that as many messages are here as the server counts up to a number. */
  isComplete(upto, count) {
    if (upto <= this.complete.upto) return true;
    const above = [...this.above].filter((seq) => seq <= upto).length;
    return this.complete.count + above === count;
  }

  /** Checks that the message with a number of this store is here. */
  has(seq) {
    return this.above.has(seq) || this.find(seq) !== undefined;
  }

  /** Returns the message with a number of this store, if it is in memory. */
  find(seq) {
    const index = this.indexAfter({ era: this.era, seq, sub: 0 });
    const row = this.rows[index - 1];
    return row && row.era === this.era && row.seq === seq && row.sub === 0 ? row : undefined;
  }

  /** Returns the index after the last row that is not after this place. */
  indexAfter(place) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePlaces(this.rows[middle], place) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds a row at its place, or in the place of the one that is there. `shown`: the place of the first one on the screen. */
  insert(row, shown = null) {
    this.revision += 1;
    const index = this.indexAfter(row);
    const before = this.rows[index - 1];
    const isThere = before !== undefined && comparePlaces(before, row) === 0;
    this.rows.splice(isThere ? index - 1 : index, isThere ? 1 : 0, row);
    if (row.era === this.era && row.kind === "message") this.noteNumber(row.seq);
    if (this.rows.length > 2 * ROWS_IN_MEMORY) this.trim(shown);
  }

  /** Drops the oldest rows, up to the first one on the screen: what is read stays, and so do the newest, which are counted. */
  trim(shown) {
    const most = this.rows.length - ROWS_IN_MEMORY;
    const above = shown ? Math.max(0, this.indexAfter(shown) - 1) : most;
    const count = this.rows.length - above > ROWS_OF_READER ? most : Math.min(most, above);
    this.rows.splice(0, count);
    this.older ||= count > 0;
  }

  noteNumber(seq) {
    if (seq > this.complete.upto) this.above.add(seq);
    this.highest = Math.max(this.highest, seq);
    this.lowest = this.lowest === 0 ? seq : Math.min(this.lowest, seq);
  }

  remove(row) {
    this.revision += 1;
    this.rows = this.rows.filter((other) => comparePlaces(other, row) !== 0);
  }

  /** Adds older rows of the database before those in memory. */
  prepend(rows, older) {
    this.revision += 1;
    const first = this.rows[0];
    this.rows = [...rows.filter((row) => !first || comparePlaces(row, first) < 0), ...this.rows];
    this.older = older;
  }

  /** Returns the state of the user's message in a row (section 7): a watermark, not a property of the message. */
  stateOf({ era, seq }) {
    const { delivered, read } = this.marks[era] ?? { delivered: 0, read: 0 };
    if (seq <= read) return "read";
    return seq <= delivered ? "delivered" : "received";
  }

  /** Moves the user's messages up to a number to a state. States only move forward. */
  advance(state, upto) {
    const marks = this.marks[this.era];
    if (state === "READ") marks.read = Math.max(marks.read, upto);
    marks.delivered = Math.max(marks.delivered, upto);
    this.revision += 1;
  }

  /** Returns the newest gap. */
  lastGap() {
    return this.rows.findLast(({ kind, era }) => kind === "gap" && era === this.era);
  }
}
