// The owner of the page's state: joins the machine, the store and the two links. It takes one event after the other (a line of
// the server, a call of the view, a timer), has the machine decide, makes the records durable in one transaction, and only then
// carries out what depends on them. It draws nothing. `life.js` has the user, the database and the session; `told.js` what the
// server tells and no table keeps; this module what the user does.
//
// The view gets what it draws from `owner.view()` and calls the other methods; nothing else passes between them.

import { isUnseen, markSeen, queue } from "./decide.js";
import { Life, randomText } from "./life.js";
import { apply, chatOf, keyOf } from "./machine.js";
import { ask, askList, fetchList } from "./perform.js";
import { hasOlder, presentChats, presentFound, presentOutbox, presentRows } from "./present.js";
import { REQUESTS, isTarget, isText, wellFormed } from "./record.js";
import { draftsOf, readStays, readStored, writeStored } from "./stored.js";
import { registerWorker } from "./worker.js";

/** Rows that one `loadOlder` brings from the database. */
const OLDER_ROWS = 200;

/** Where this browser keeps that the user knows what it may drop. */
const WARNED = "wachat warned";

/** Milliseconds after which what is typed is kept. */
const DRAFT_DELAY = 400;

/**
 * A row of a conversation.
 * @typedef {object} Row
 * @property {"message"|"gap"|"damaged"} kind A gap stands for messages that the server alone has (`loadOlder` fetches them);
 *   `damaged` for messages that it cannot read.
 * @property {string} key Unique in its conversation, and the same as long as the row is.
 * @property {number|null} seq Number on the server; null: it has none yet, or the server refused it. Of a gap the last one.
 * @property {string} from
 * @property {string} text Exactly as it was sent.
 * @property {boolean} erased It was taken back: the text is empty.
 * @property {number|null} time Milliseconds since 1970, of the server's clock once it has the message.
 * @property {"queued"|"sent"|"received"|"delivered"|"read"|"refused"} state Of the user's own message. `queued`: in the outbox;
 *   `sent`: a SEND was made of it, and its outcome is unknown; `received`: durable on the server. Others' messages: `received`.
 * @property {string|null} reason Why it was refused, or waits: the code of the server, as `NO_USER` or `QUOTA`.
 * @property {boolean} mine
 */

/**
 * A conversation.
 * @typedef {object} Chat
 * @property {string} target A user's name, or `#` and a room's.
 * @property {"direct"|"room"} kind
 * @property {number} unread Messages of others that were not seen.
 * @property {number} mentions Those among them that name the user.
 * @property {number} seen The number up to which the user has seen them: the unread ones are above it.
 * @property {Row|null} last
 * @property {boolean|null} online Of the other user; null: unknown, or a room.
 * @property {string} topic
 * @property {string|null} owner Who owns the room.
 * @property {"open"|"invite"|null} roomKind
 * @property {boolean} member False: a room that the user is known to have left.
 * @property {boolean} muted
 * @property {boolean} ignored
 * @property {string} draft
 */

/**
 * Something to tell the user once. `key` is one of: `other-store`, `device-forgotten`, `device-remains` (logged out here, but
 * the server was not told), `logged-out` (in another page), `damaged` (target), `announcement` (text), `call` (user), `invited` (room, user), `joined` and
 * `left` (room: on another device), `in-room` and `out-of-room` (room, user), `room-changed` (room), `waits`
 * (target, code), `refused` (target, code, text), `storage-failed`, `full` (too many conversations), `not-lasting`.
 * @typedef {{number: number, key: string, target?: string, user?: string, room?: string, text?: string, code?: string}} Notice
 */

/**
 * Everything that the view draws. It is read only, and made anew at each call.
 * @typedef {object} View
 * @property {"signed-out"|"signing-in"|"open"|"taken-over"|"broken"} phase
 * @property {boolean} offline The server is away, or not yet reached: messages wait in the outbox.
 * @property {string|null} reason Why the phase or the server's absence is as it is: a code of the server (`AUTH`, `BANNED`, ...),
 *   or one of `away`, `key-ended`, `logged-out`, `replaced`, `other-page`, `newer-database`, `storage`, `strange`.
 * @property {string|null} reasonText The text of the server's KO.
 * @property {string|null} me
 * @property {number} erasedCount It changes when messages are taken back: results of a search are asked for again.
 * @property {Chat[]} chats In the order of the last message, the newest first.
 * @property {(target: string, range?: {before?: string|null, from?: string|null, count?: number}) => Row[]} rows The last `count` rows
 *   before the row with the key `before`, or the last ones, or the first ones from a row on, oldest first. The user's messages of the outbox are the last ones.
 * @property {(target: string) => boolean} hasOlder There are rows that `loadOlder` brings.
 * @property {(target: string) => {name: string, online: boolean}[]|null} members Null: not fetched yet (`command("MEMBERS", room)`).
 * @property {{count: number, waiting: number, rows: Row[]}} outbox How many messages there are, and how many have a reason to wait;
 *   of those the first 50, with a `target` each.
 * @property {Notice[]} notices The newest 50, oldest first.
 * @property {{name: string, members: number, member: boolean, kind: string, owner: string|null, topic: string}[]|null} rooms
 * @property {{name: string, time: number, online: boolean, key: boolean, own: boolean}[]|null} devices
 * @property {boolean} secure Nobody in between can read along (https, or this machine).
 */

/**
 * A line as it goes or comes, for the drawer: passwords and keys are masked.
 * @typedef {{port: "send"|"recv", direction: "out"|"in"|"open"|"close", line: string, time: number}} Line
 */

/**
 * The answer to a command: the fields of the reply, and the records of a list.
 * @typedef {{ok: true, fields: string[], records: object[]} | {ok: false, code: string, text: string}} Answer
 */

/**
 * Starts the owner. `onChange`: something to draw has changed; the view reads `view()` at its next frame. Names, texts and keys of
 * rows are strings.
 * @param {{onChange: () => void}} options
 */
export function start({ onChange }) {
  const life = new Life(onChange);
  const owner = new Owner(life);
  life.onHide = () => owner.keepDrafts();
  life.onRead = () => owner.takeKeptDrafts();
  life.watchPage();
  life.resume();
  registerWorker();
  return {
    /** @returns {View} */
    view: () => owner.view(),
    /** Whether everything that `view` returns is durable. What is not may be lost with the page, and is not drawn; `onChange`
     * is called as soon as it is. */
    isDurable: () => life.isDurable,
    /** Logs in, or registers and logs in. `stay`: outbox, history and a key stay in this browser.
     * @param {{user: string, password: string, register: boolean, stay: boolean}} account */
    signIn: (account) => life.signIn(account),
    /** Ends the session, and forgets device, key and database. */
    signOut: () => life.signOut(),
    /** Takes over from the newer page, or from the session that has replaced this one. */
    useHere: () => life.useHere(),
    /** Queues a message. Resolves when it is durable in the outbox; rejects with an Error whose message is `too-long`, `full`,
     * `no-target` or `storage`. */
    send: (target, text) => owner.send(target, text),
    /** Makes a conversation that is not in the list yet one of it (a new chat by name). */
    openChat: (target) => owner.openChat(target),
    /** Notes that the user has seen a conversation up to a number. */
    read: (target, seq) => owner.read(target, seq),
    /** Notes the first row that is drawn, by its key; null: none is. */
    show: (target, key) => owner.show(target, key),
    /** Brings older rows from the database, or from the server. */
    loadOlder: (target) => owner.loadOlder(target),
    /** Finds rows with all these words, the newest first. @returns {Promise<(Row & {target: string})[]>} */
    search: (words) => owner.search(words),
    /** Takes a message back. @returns {Promise<Answer>} */
    erase: (target, seq) => owner.command("ERASE", target, String(seq)),
    /** Who has read it, by STATUS: records `{user, state}`. @returns {Promise<Answer>} */
    readers: (target, seq) => owner.command("STATUS", target, String(seq)),
    /** Keeps what is typed and not sent. */
    draft: (target, text) => owner.draft(target, text),
    mute: (target, on) => life.change({ kind: "MUTED", target, on }),
    ignore: (target, on) => life.change({ kind: "IGNORED", user: target, on }),
    /** JOIN LEAVE ROOM INVITE KICK TOPIC OWNER MEMBERS ROOMS USERS DEVICES SESSIONS LOGOUT PASSWD PERMIT, with their fields. Where
     * no server answers the code is `AWAY`. @returns {Promise<Answer>} */
    command: (name, ...fields) => owner.command(name, ...fields),
    /** Hears every line in both directions. @param {(line: Line) => void} listener @returns {() => void} ends it */
    onLine: (listener) => owner.addListener(listener),
    /** Closes both connections right after the next SEND was written. */
    cutAfterNextSend: () => life.session?.cutAfterNextSend(),
  };
}

class Owner {
  /** @param {Life} life */
  constructor(life) {
    this.life = life;
    /** What was typed and is not durable yet, and the timer after which it is to be. */
    this.drafts = new Map();
    this.draftTimer = null;
    /** The browser was asked to keep the database. */
    this.isAsked = false;
    this.searches = 0;
  }

  async send(target, typed) {
    const text = wellFormed(typed);
    if (!isText(text)) throw new Error("too-long");
    if (!isTarget(target)) throw new Error("no-target");
    if (this.life.phase !== "open") throw new Error("storage");
    this.persist();
    const message = { id: randomText(22), target: this.shown(target), text, time: Date.now() };
    const isQueued = await this.life.decide((state) => queue(state, message)).catch(() => {
      throw new Error("storage");
    });
    if (!isQueued) throw new Error("full");
    this.life.session?.wake();
  }

  /** Returns a target as it is shown: the user may have typed it in other letters. */
  shown(target) {
    return chatOf(this.life.state, target)?.target ?? target.trim();
  }

  /** Asks the browser to keep the database, once, when there is something to keep. */
  async persist() {
    if (this.isAsked || !this.life.store.lasts || !navigator.storage?.persist) return;
    this.isAsked = true;
    const isKept = await navigator.storage.persist().catch(() => false);
    if (isKept || readStored("localStorage", WARNED) !== null) return;
    writeStored("localStorage", WARNED, "yes");
    this.life.told.tell("not-lasting");
  }

  openChat(target) {
    if (this.life.phase !== "open" || !isTarget(target) || chatOf(this.life.state, target)) return;
    this.life.change({ kind: "OPENED", target, isMember: false });
  }

  async read(target, seq) {
    // Each drawing says what is on the screen.
    if (!isUnseen(this.life.state, target, seq)) return;
    const isNew = await this.life.decide((state) => markSeen(state, target, seq)).catch(() => false);
    if (isNew) this.life.session?.sender.read(target, seq);
  }

  show(target, key) {
    // The key of a message of the outbox has two parts: all rows are above it.
    const [era, seq, sub = null] = (key ?? "").split("-").map(Number);
    this.life.state.shown = sub === null ? null : { chat: keyOf(target), era, seq, sub };
  }

  async loadOlder(target) {
    const chat = chatOf(this.life.state, target);
    if (!chat) return;
    if (chat.older) {
      const [first] = chat.rows;
      const place = first ?? { chat: chat.key, era: chat.era, seq: Number.MAX_SAFE_INTEGER, sub: 0 };
      const { found, older } = await this.life.store.olderRows(place, OLDER_ROWS);
      // Where the first row is another one by now, these may not be the ones before it.
      if (chat.rows[0] === first) chat.prepend(found, older);
      this.life.changed();
      return;
    }
    const gap = chat.left ? null : chat.lastGap();
    if (gap) await this.life.session?.sender.fill(chat.target, gap);
  }

  async search(words) {
    const wanted = folded(words).split(/\s+/u).filter(Boolean);
    if (wanted.length === 0 || !this.life.store) return [];
    this.searches += 1;
    const number = this.searches;
    // Each key that is typed begins another one.
    const isWanted = () => number === this.searches;
    const rows = await this.life.store.search(({ text }) => wanted.every((word) => folded(text).includes(word)), isWanted);
    return presentFound(this.life.state, rows);
  }

  draft(target, text) {
    this.draftTimer ??= setTimeout(() => this.flushDrafts(), DRAFT_DELAY);
    this.drafts.set(target, text);
  }

  /** Makes durable what was typed. */
  async flushDrafts() {
    this.draftTimer = null;
    const drafts = [...this.drafts];
    const { me } = this.life.state;
    const isStored = await this.life.decide((state) => applyDrafts(state, drafts)).then(() => true, () => false);
    for (const [target, text] of drafts) if (this.drafts.get(target) === text) this.drafts.delete(target);
    if (isStored && this.drafts.size === 0) writeStored("localStorage", draftsOf(me), null);
  }

  /** Keeps what was typed beside the database: a transaction that is open ends with a page that goes, and its drafts with it. */
  keepDrafts() {
    const { phase, state, store } = this.life;
    if (this.drafts.size === 0 || phase !== "open") return;
    if (store.lasts) writeStored("localStorage", draftsOf(state.me), JSON.stringify([...this.drafts]));
    this.flushDrafts();
  }

  /** Takes in what the page before this one has kept. */
  takeKeptDrafts() {
    const kept = JSON.parse(readStored("localStorage", draftsOf(this.life.state.me)) ?? "[]");
    applyDrafts(this.life.state, kept);
    this.drafts = new Map([...kept, ...this.drafts]);
    if (kept.length > 0) this.flushDrafts();
  }

  /** Carries out a request of the SEND port (section 5), and notes what its answer tells. */
  async command(verb, ...fields) {
    const names = Object.keys(REQUESTS[verb]).map((name) => name.replace("?", ""));
    const value = Object.fromEntries(fields.map((field, index) => [names[index], wellFormed(String(field))]));
    const { session } = this.life;
    if (!session) return { ok: false, code: "AWAY", text: "" };
    if (verb === "JOIN" || verb === "LEAVE") this.life.told.asked.add(`${verb} ${keyOf(value.room)}`);
    const work = (link) => {
      if (["STATUS", "USERS", "ROOMS", "MEMBERS"].includes(verb)) return fetchList(link, verb, value);
      if (["DEVICES", "SESSIONS"].includes(verb) || (verb === "PERMIT" && fields.length === 0)) return askList(link, verb, value);
      return ask(link, verb, value);
    };
    const answer = await session.sender.question(work, verb === "PASSWD");
    if (!answer.ok) this.life.told.asked.delete(`${verb} ${keyOf(value.room ?? "")}`);
    if (answer.ok) this.life.told.noteAnswer(verb, value, answer.records ?? []);
    return answer.ok ? { ok: true, fields: answer.fields ?? [], records: answer.records ?? [] } : answer;
  }

  addListener(listener) {
    this.life.listeners.add(listener);
    return () => this.life.listeners.delete(listener);
  }

  view() {
    const { state, session, told, phase, why, isOffline } = this.life;
    const holds = session?.sender.holds ?? new Map();
    const hasState = state.me !== "" && phase !== "signed-out";
    return {
      phase, offline: isOffline, reason: why.reason, reasonText: why.text,
      me: state.me === "" ? readStays() : state.me, erasedCount: state.erasedCount,
      chats: hasState ? presentChats(state, { holds, online: told.online, rooms: told.roomsByKey }) : [],
      rows: (target, range) => presentRows(state, target, holds, range),
      hasOlder: (target) => hasOlder(state, target),
      members: (target) => told.members.get(keyOf(target)) ?? null,
      outbox: presentOutbox(state, holds, isOffline),
      notices: told.notices, rooms: told.rooms, devices: told.devices, secure: window.isSecureContext,
    };
  }
}

function applyDrafts(state, drafts) {
  for (const [target, text] of drafts) apply(state, { kind: "DRAFT", target, text: wellFormed(text) });
}

/** Returns a text as it is searched: in small letters without accents. */
const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
