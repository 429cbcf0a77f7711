// A server as the protocol's page describes it, with one user, `ana`, of whom one device is under test; the others are further
// devices of ana, and the users with whom she talks. It knows neither the page's modules nor the server's source.

const ROOM = "#sala";
export const TARGETS = ["luis", "eva", ROOM, "ana"];

/** Events that one reply to POLL has at most, and records of one reply to HISTORY: few, so that there are many replies. */
const MOST_EVENTS = 4;
const MOST_RECORDS = 5;

/** Ids that the server remembers: at least so many of the newest. */
const MOST_IDS = 3;

export class Server {
  constructor(random) {
    this.random = random;
    this.store = "store0";
    this.seq = 0;
    /** All messages of ana's conversations, in order. */
    this.messages = [];
    /** Answers to SENDs, by the id (section 5: a known id gets the very same reply). */
    this.known = new Map();
    this.read = new Map();
    this.marks = new Map();
    /** Events for ana that no device has acknowledged; those of the device under test. */
    this.mail = [];
    this.events = [];
    this.acknowledged = 0;
    this.userAcknowledged = 0;
    this.isKnown = false;
    this.count = 0;
    this.snapshot = null;
  }

  next() {
    this.seq += 1;
    return this.seq;
  }

  conversation({ from, to }) {
    return to === "ana" ? from : to;
  }

  of(target) {
    return this.messages.filter((message) => this.conversation(message) === target);
  }

  /** A message is accepted: its number, and the event for those that it concerns (section 7). */
  store_(from, to, id, text) {
    const message = { seq: this.next(), id, from, to, text, erased: false, time: 1_000_000 + this.seq, isRemoved: false, isDamaged: false };
    this.messages.push(message);
    const event = { kind: "MSG", seq: message.seq, id, from, to, text, erased: false, time: message.time };
    if (from !== "ana" || to === "ana") this.mail.push(event);
    this.events.push(event);
    return message;
  }

  /** SEND of ana, from any device. */
  send(id, to, text) {
    const known = this.known.get(id);
    if (known) return known.to === to && known.text === text ? known.reply : { ok: false, code: "CONFLICT" };
    const { seq, time } = this.store_("ana", to, id, text);
    const reply = { ok: true, value: { id, seq, time } };
    this.known.set(id, { to, text, reply });
    if (this.known.size > MOST_IDS) this.known.delete(this.known.keys().next().value);
    return reply;
  }

  /** Another device of ana sends a message. */
  sendElsewhere(to) {
    this.count += 1;
    this.send(`other-${this.count}`, to, `text ${this.count} of another device`);
  }

  /** Somebody else writes to ana. */
  receive(from, to) {
    this.count += 1;
    this.store_(from, to, `${from}-${this.count}`, `text ${this.count} of ${from}`);
  }

  /** The recipients have the messages of ana up to one, or have read them. */
  advance(target, state) {
    const own = this.of(target).filter(({ from }) => from === "ana");
    const message = this.random.pick(own);
    if (!message || target === "ana") return;
    const marks = this.marks.get(target) ?? { DELIVERED: 0, READ: 0 };
    if (message.seq <= marks[state]) return;
    marks[state] = message.seq;
    marks.DELIVERED = Math.max(marks.DELIVERED, message.seq);
    this.marks.set(target, marks);
    this.tell({ kind: "STATE", target, state, upto: message.seq, time: 1 });
  }

  /** An event with a number, for all devices of ana. */
  tell(event) {
    const numbered = { ...event, seq: this.next() };
    this.mail.push(numbered);
    this.events.push(numbered);
  }

  stateOf({ seq, from, to }) {
    const marks = this.marks.get(from === "ana" ? to : "") ?? { DELIVERED: 0, READ: 0 };
    if (seq <= marks.READ) return "READ";
    return seq <= marks.DELIVERED ? "DELIVERED" : "RECEIVED";
  }

  /** A message is taken back: one that waits comes under its number, empty (section 5, ERASE). */
  erase(target) {
    const message = this.random.pick(this.of(target).filter(({ erased, isRemoved, isDamaged }) => !erased && !isRemoved && !isDamaged));
    if (!message) return;
    Object.assign(message, { text: "", erased: true });
    const empty = (event) => (event.kind === "MSG" && event.seq === message.seq ? { ...event, text: "", erased: true } : event);
    this.mail = this.mail.map(empty);
    this.events = this.events.map(empty);
    this.tell({ kind: "ERASED", target, first: message.seq, last: message.seq, from: message.from });
  }

  /** A message cannot be read any more: DAMAGED comes in its place. */
  damage(target) {
    const message = this.random.pick(this.of(target).filter(({ isDamaged, erased }) => !isDamaged && !erased));
    if (!message) return;
    message.isDamaged = true;
    const damaged = (event) =>
      event.kind === "MSG" && event.seq === message.seq ? { kind: "DAMAGED", seq: event.seq, target } : event;
    this.mail = this.mail.map(damaged);
    this.events = this.events.map(damaged);
  }

  /** Old messages of the room fall out of its log: a GAP stands for those that wait (section 7, rooms). */
  gap() {
    const isOfRoom = ({ kind, to, from, room }) => (kind === "MSG" && to === ROOM && from !== "ana") || (kind === "GAP" && room === ROOM);
    const all = this.events.filter((event) => isOfRoom(event));
    const fallen = all.slice(0, Math.ceil(all.length / 2));
    if (fallen.length === 0) return;
    const last = fallen.at(-1).seq;
    const gap = { kind: "GAP", room: ROOM, seq: last, first: fallen[0].first ?? fallen[0].seq, last };
    const rest = this.events.filter((event) => !fallen.includes(event));
    this.events = [...rest, gap].sort((one, other) => one.seq - other.seq);
  }

  /** Old messages are removed that wait for nobody (section 7, retention). */
  retain(target) {
    const old = this.of(target).filter(({ seq }) => seq <= Math.min(this.userAcknowledged, this.acknowledged));
    for (const message of old.slice(0, Math.floor(old.length / 2))) message.isRemoved = true;
  }

  /** Another device of ana has acknowledged everything, and has read a conversation. */
  otherDevice(target) {
    this.userAcknowledged = this.seq;
    this.mail = [];
    const last = this.of(target).at(-1)?.seq ?? 0;
    if (last > (this.read.get(target) ?? 0)) {
      this.read.set(target, last);
      this.events.push({ kind: "READ", seq: 0, target, upto: last });
    }
  }

  /** The device loses its number: it lacks too much (section 3). */
  forget() {
    this.isKnown = false;
    this.events = [];
  }

  takeSnapshot() {
    this.snapshot = null;
    this.snapshot = structuredClone({ ...this, random: null });
  }

  /** The store is restored from a backup: its name is another. */
  restore() {
    if (!this.snapshot) return;
    const { random, snapshot, store, count } = this;
    // The programs of the others choose new ids.
    Object.assign(this, structuredClone(snapshot), { random, snapshot, count, store: `store${Number(store.slice(5)) + 1}` });
  }

  /** The login of the device on RECV. A new one begins at the number of the user, and gets no own messages from before. */
  logIn() {
    const device = this.isKnown ? "known" : "new";
    if (!this.isKnown) {
      this.isKnown = true;
      this.acknowledged = this.userAcknowledged;
      this.events = [...this.mail];
    }
    // What has no number is for an open session alone.
    this.events = this.events.filter(({ seq }) => seq > 0);
    return { user: "ana", store: this.store, acknowledged: this.acknowledged, device };
  }

  poll(after) {
    if (after > this.seq) return { ok: false, code: "SEQ" };
    this.acknowledged = Math.max(this.acknowledged, after);
    this.userAcknowledged = Math.max(this.userAcknowledged, this.acknowledged);
    this.mail = this.mail.filter(({ seq }) => seq > this.userAcknowledged);
    const isWaiting = ({ seq }) => seq === 0 || seq > this.acknowledged;
    for (const { kind, first } of this.events.filter((event) => !isWaiting(event))) {
      // The device has stored that this one was taken back.
      if (kind === "ERASED") this.messages.find(({ seq }) => seq === first).isTold = true;
    }
    this.events = this.events.filter(isWaiting);
    const numbered = this.events.filter(({ seq }) => seq > 0).slice(0, MOST_EVENTS);
    const others = this.events.filter(({ seq }) => seq === 0);
    this.events = this.events.filter(({ seq }) => seq > 0);
    return { ok: true, records: structuredClone([...others, ...numbered]), isLast: numbered.length < MOST_EVENTS };
  }

  chats() {
    const record = (target) => {
      const all = this.of(target);
      const erased = all.filter((message) => message.erased).length;
      return { target, last: all.at(-1)?.seq ?? 0, read: this.read.get(target) ?? 0, count: all.length, erased };
    };
    return TARGETS.map(record).filter(({ count, target }) => count > 0 || target === ROOM).sort((one, other) => other.last - one.last);
  }

  history(target, before = null) {
    const all = this.of(target).filter(({ seq, isRemoved }) => !isRemoved && (before === null || seq < before));
    return all.slice(-MOST_RECORDS).map((message) => {
      const { seq, id, from, to, time, text, erased, isDamaged } = message;
      if (isDamaged) return { damaged: true, first: seq, last: seq };
      return { seq, id, from, to, time, state: this.stateOf(message), text, erased };
    });
  }

  setRead(target, seq) {
    this.read.set(target, Math.max(seq, this.read.get(target) ?? 0));
  }
}
