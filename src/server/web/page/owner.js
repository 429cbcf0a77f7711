// The owner of the page's state: joins the machine, the store and the two links. It takes one event after the other (a line of
// the server, a call of the view, a timer), has the machine decide, makes the records durable in one transaction, and only then
// carries out what depends on them. It draws nothing.
//
// The view gets what it draws from `owner.view()` and calls the other methods; nothing else passes between them.

import { markSeen, queue } from "./decide.js";
import { apply, chatOf, hasChanges, keyOf, newState, restoreState, takeChanges } from "./machine.js";
import { ask, askList, fetchList } from "./perform.js";
import { hasOlder, presentChats, presentFound, presentQueued, presentRows } from "./present.js";
import { REQUESTS, isLogin, isTarget, isText, mapped, wellFormed } from "./record.js";
import { Session } from "./session.js";
import { MemoryStore, StoreError, hasStore, openStore } from "./store.js";

/** Notices that are kept. */
const NOTICES = 50;

/** Rows that one `loadOlder` brings from the database. */
const OLDER_ROWS = 200;

/** Milliseconds after which what is typed is kept, and after which a database that failed is opened again. */
const DRAFT_DELAY = 400;
const REOPEN_DELAY = 5_000;

/** The device of those who do not stay logged in: its history ends with the page, and the next page has the same name. */
const PASSING_DEVICE = "page";

/** Where this browser keeps who stays logged in. */
const STAYS = "wachat";

/**
 * A row of a conversation.
 * @typedef {object} Row
 * @property {"message"|"gap"|"damaged"} kind A gap stands for messages that the server alone has (`loadOlder` fetches them);
 *   `damaged` for messages that it cannot read.
 * @property {string} key Unique in its conversation, and the same as long as the row is.
 * @property {number|null} seq Number on the server; null: it has none yet, or the server refused it. Of a gap the last one.
 * @property {string} id
 * @property {string} from
 * @property {string} text Exactly as it was sent.
 * @property {boolean} erased It was taken back: the text is empty.
 * @property {number|null} time Milliseconds since 1970, of the server's clock once it has the message.
 * @property {"queued"|"sent"|"received"|"delivered"|"read"|"refused"} state Of the user's own message. `queued`: in the outbox;
 *   `sent`: a SEND was made of it, and its outcome is unknown; `received`: durable on the server. Others' messages: `received`.
 * @property {string|null} reason Why it was refused, or waits: the code of the server, as `NO_USER` or `QUOTA`.
 * @property {boolean} mine
 * @property {number|null} readers Always null so far: STATUS tells who has read.
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
 * the server was not told), `damaged` (target), `announcement` (text), `call` (user), `invited` (room, user), `joined` and
 * `left` (room: on another device), `kicked` (room), `in-room` and `out-of-room` (room, user), `room-changed` (room), `waits`
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
 * @property {Chat[]} chats In the order of the last message, the newest first.
 * @property {(target: string, range?: {before?: string|null, count?: number}) => Row[]} rows The last `count` rows before the row
 *   with the key `before`, or the last ones, oldest first. The user's messages of the outbox are the last ones.
 * @property {(target: string) => boolean} hasOlder There are rows that `loadOlder` brings.
 * @property {(target: string) => {name: string, online: boolean}[]|null} members Null: not fetched yet (`command("MEMBERS", room)`).
 * @property {Row[]} outbox With a `target` each.
 * @property {Notice[]} notices The newest 50, oldest first.
 * @property {{name: string, members: number, member: boolean, kind: string, owner: string|null, topic: string}[]|null} rooms
 * @property {{name: string, time: number, online: boolean, key: boolean, own: boolean}[]|null} devices
 * @property {boolean} lasts What is stored here stays when the page is closed.
 * @property {boolean|null} persisted The browser has promised not to remove it when space is short; null: it was not asked yet.
 * @property {boolean} secure Nobody in between can read along (https, or this machine).
 * @property {boolean} cut A cut of the connections is armed.
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
 * Starts the owner. `onChange`: something to draw has changed; the view reads `view()` at its next frame.
 * @param {{onChange: () => void}} options
 */
export function start({ onChange }) {
  const owner = new Owner(onChange);
  owner.watchPage();
  owner.resume();
  return {
    /** @returns {View} */
    view: () => owner.view(),
    /** Logs in, or registers and logs in. `stay`: outbox, history and a key stay in this browser.
     * @param {{user: string, password: string, register: boolean, stay: boolean}} account @returns {Promise<void>} */
    signIn: (account) => owner.signIn(account),
    /** Ends the session, and forgets device, key and database. @returns {Promise<void>} */
    signOut: () => owner.signOut(),
    /** Takes over from the newer page, or from the session that has replaced this one. @returns {Promise<void>} */
    useHere: () => owner.useHere(),
    /** Queues a message. Resolves when it is durable in the outbox; rejects with an Error whose message is `too-long`, `full`,
     * `no-target` or `storage`. @param {string} target @param {string} text @returns {Promise<void>} */
    send: (target, text) => owner.send(target, text),
    /** Makes a conversation that is not in the list yet one of it (a new chat by name). @param {string} target */
    openChat: (target) => owner.openChat(target),
    /** Notes that the user has seen a conversation up to a number. @param {string} target @param {number} seq */
    read: (target, seq) => owner.read(target, seq),
    /** Brings older rows from the database, or from the server. @param {string} target @returns {Promise<void>} */
    loadOlder: (target) => owner.loadOlder(target),
    /** Finds rows with all these words, the newest first. @param {string} words @returns {Promise<(Row & {target: string})[]>} */
    search: (words) => owner.search(words),
    /** Takes a message back. @param {string} target @param {number} seq @returns {Promise<Answer>} */
    erase: (target, seq) => owner.command("ERASE", target, String(seq)),
    /** Who has read it, by STATUS: records `{user, state}`. @param {string} target @param {number} seq @returns {Promise<Answer>} */
    readers: (target, seq) => owner.command("STATUS", target, String(seq)),
    /** Keeps what is typed and not sent. @param {string} target @param {string} text */
    draft: (target, text) => owner.draft(target, text),
    /** @param {string} target @param {boolean} on */
    mute: (target, on) => owner.change({ kind: "MUTED", target, on }),
    /** @param {string} target @param {boolean} on */
    ignore: (target, on) => owner.change({ kind: "IGNORED", user: target, on }),
    /** JOIN LEAVE ROOM INVITE KICK TOPIC OWNER MEMBERS ROOMS USERS DEVICES SESSIONS LOGOUT PASSWD PERMIT, with their fields. Where
     * no server answers the code is `AWAY`. @param {string} name @param {...string} fields @returns {Promise<Answer>} */
    command: (name, ...fields) => owner.command(name, ...fields),
    /** Hears every line in both directions. @param {(line: Line) => void} listener @returns {() => void} ends it */
    onLine: (listener) => owner.addListener(listener),
    /** Closes both connections right after the next SEND was written. */
    cutAfterNextSend: () => owner.cutAfterNextSend(),
  };
}

class Owner {
  constructor(onChange) {
    this.changed = onChange;
    this.phase = "signed-out";
    this.why = { reason: null, text: null };
    this.isOffline = false;
    this.state = newState("");
    this.store = null;
    this.account = null;
    this.session = null;
    /** Another number whenever state and session are made anew: what waits for the ones before comes too late. */
    this.life = 0;
    /** The end of the last turn: decisions and their transactions come one after the other. */
    this.turns = Promise.resolve();
    this.notices = [];
    this.noticeCount = 0;
    this.listeners = new Set();
    this.drafts = new Map();
    this.persisted = null;
    this.forgetServer();
  }

  /** Forgets what the server has told and no table keeps. */
  forgetServer() {
    this.online = new Map();
    this.rooms = null;
    this.roomsByKey = new Map();
    this.devices = null;
    this.members = new Map();
    /** Rooms that this page has asked to join or leave: the event is no news. */
    this.asked = new Set();
  }

  // ---- One event after the other (promise 6, output commit).

  /** Runs a decision, and makes what it has changed durable. What depends on it waits for the promise. */
  decide(decision) {
    const { life } = this;
    return this.takeTurn(async () => {
      if (life !== this.life) throw new StoreError("lost");
      const result = decision(this.state);
      if (hasChanges(this.state)) await this.commit(takeChanges(this.state));
      this.changed();
      return result;
    });
  }

  takeTurn(work) {
    const turn = this.turns.then(work);
    this.turns = turn.catch(() => {});
    return turn;
  }

  /** Makes changes durable. Where that fails nothing of them was stored: the state in memory is of no more use. */
  async commit(changes) {
    try {
      await this.store.commit(changes);
    } catch (error) {
      this.noteStoreError(error);
      throw error;
    }
  }

  noteStoreError(error) {
    if (!(error instanceof StoreError) || error.kind !== "failed") return;
    this.stop("broken", "storage");
    this.tell("storage-failed", { text: String(error.cause ?? "") });
    setTimeout(() => this.phase === "broken" && this.useHere(), REOPEN_DELAY);
  }

  /** Applies a record that the user asks for. */
  change(record) {
    this.decide((state) => apply(state, record)).catch(() => {});
  }

  // ---- Phases.

  /** Goes on with the user who stays logged in here, if there is one. */
  async resume() {
    const user = readStays();
    if (user === null) return;
    this.phase = "signing-in";
    try {
      if (await hasStore(user)) await this.openFor(user);
      else this.stop("signed-out", null);
    } catch (error) {
      this.noteOpenError(error);
    }
    this.changed();
  }

  /** Opens the database of a user, and the session where there is a key. */
  async openFor(user) {
    this.life += 1;
    this.store = await openStore(user, (why) => this.noteLost(why));
    const account = await this.store.account();
    this.state = restoreState(account?.user ?? user, await this.store.load());
    if (!account?.key) return this.stop("signed-out", this.why.reason);
    this.account = { ...account, password: null, register: false };
    this.begin("open");
    return undefined;
  }

  noteOpenError(error) {
    const isNewer = error instanceof StoreError && error.kind === "newer";
    this.stop("broken", isNewer ? "newer-database" : "storage");
    if (!isNewer) setTimeout(() => this.phase === "broken" && this.useHere(), REOPEN_DELAY);
  }

  /** Begins a session. */
  begin(phase) {
    this.phase = phase;
    this.why = { reason: null, text: null };
    this.isOffline = true;
    this.forgetServer();
    this.session?.end();
    const { life } = this;
    const isNow = () => life === this.life;
    const session = new Session(this.account, {
      state: () => this.state,
      decide: (decision) => this.decide(decision),
      keepKey: (key) => this.keepKey(key),
      reload: () => this.reload(),
      news: (event) => this.noteNews(event),
      changed: () => this.noteWorks(),
      hear: (line) => this.listeners.forEach((listener) => listener(line)),
      tell: (key, fields) => this.tell(key, fields),
      away: (error) => isNow() && this.noteAway(error),
      ended: (error) => isNow() && this.noteEnded(error),
      broke: (error) => isNow() && this.noteBroke(error),
      notePresence: (users) => users.forEach(({ name, online }) => this.online.set(keyOf(name), online)),
      noteRooms: (rooms) => this.noteRooms(rooms),
    });
    this.session = session;
    session.start();
    this.changed();
  }

  /** Ends session and state of this page. */
  stop(phase, reason, text = null) {
    this.life += 1;
    this.session?.end();
    this.session = null;
    this.store?.close();
    this.phase = phase;
    this.why = { reason, text };
    this.changed();
  }

  noteWorks() {
    this.isOffline = !this.session?.works;
    if (!this.isOffline) this.why = { reason: null, text: null };
    if (!this.isOffline && this.phase === "signing-in") this.phase = "open";
    this.changed();
  }

  noteAway({ code, text }) {
    this.isOffline = true;
    this.why = { reason: code || "away", text: text || null };
    // Somebody waits for the answer to the first login, and may have to change what was typed.
    if (this.phase === "signing-in") this.stop("signed-out", this.why.reason, this.why.text);
    this.changed();
  }

  /** The server wants no further login (section 1): the user decides how it goes on. */
  async noteEnded({ kind, code, text }) {
    if (kind === "replaced") return this.stop("taken-over", "replaced");
    const hadKey = this.account.key !== null;
    const isKeyEnded = code === "AUTH" && hadKey;
    if (isKeyEnded) await this.store.saveAccount({ ...this.kept(), key: null }).catch(() => {});
    const reason = kind === "logged-out" ? "logged-out" : isKeyEnded ? "key-ended" : code;
    const { isNew, store } = this;
    this.stop("signed-out", reason, text);
    // A database that a wrong password has made is of no use.
    if (isNew && kind === "refused") await store.destroy().catch(() => {});
    return undefined;
  }

  noteBroke(error) {
    if (error instanceof StoreError) return this.noteStoreError(error);
    console.error(error);
    return this.stop("broken", "strange");
  }

  /** Another page owns the database, or it was closed. */
  noteLost(why) {
    if (why === "other-page") this.stop("taken-over", why);
    else this.noteOpenError(new StoreError(why === "newer-database" ? "newer" : "failed"));
  }

  // ---- Logging in and out (section 3).

  async signIn({ user: typed, password, register, stay }) {
    const user = wellFormed(typed.trim());
    if (!isLogin(user, wellFormed(password)) || !isTarget(user)) return this.stop("signed-out", "AUTH");
    this.stop("signing-in", null);
    try {
      await this.openStoreFor(user, stay);
    } catch (error) {
      return this.noteOpenError(error);
    }
    const known = await this.store.account();
    const device = known?.device ?? (this.store.lasts ? `page-${randomText(8)}` : PASSING_DEVICE);
    this.account = { user, device, key: null, password: wellFormed(password), register };
    this.state = restoreState(known?.user ?? user, await this.store.load());
    this.begin("signing-in");
    return undefined;
  }

  async openStoreFor(user, stay) {
    this.isNew = false;
    this.store = new MemoryStore();
    if (!stay) return;
    try {
      this.isNew = !(await hasStore(user));
      this.store = await openStore(user, (why) => this.noteLost(why));
    } catch (error) {
      if (error instanceof StoreError && error.kind === "newer") throw error;
      // A private window may have no database.
      this.tell("not-lasting");
    }
  }

  kept() {
    const { user, device, key } = this.account;
    return { user, device, key };
  }

  /** Keeps the key of the device, with which the next page logs in. */
  async keepKey(key) {
    await this.store.saveAccount({ ...this.kept(), user: this.state.me, key });
    this.isNew = false;
    if (this.store.lasts) writeStays(this.state.me);
  }

  async signOut() {
    const { session, store } = this;
    const answer = await (session?.forgetDevice() ?? { ok: false, code: "AWAY" });
    this.stop("signed-out", null);
    this.state = newState("");
    this.account = null;
    writeStays(null);
    await store?.destroy().catch(() => {});
    // The key is nowhere any more; the server keeps the device until it is unused for a month.
    if (!answer.ok && answer.code !== "AUTH") this.tell("device-remains");
    this.changed();
  }

  /** Owns the database again, and reads everything anew: another page may have gone on with it. */
  async useHere() {
    if (!this.account) return this.resume();
    try {
      if (this.store.lasts) return await this.openFor(this.account.user);
      this.life += 1;
      this.state = restoreState(this.account.user, await this.store.load());
      this.begin("open");
    } catch (error) {
      this.noteOpenError(error);
    }
    return undefined;
  }

  /** Reads the tables anew, of which this page is the owner. */
  reload() {
    return this.takeTurn(async () => {
      const { ownCome } = this.state;
      this.state = restoreState(this.state.me, await this.store.load());
      this.state.ownCome = ownCome;
    });
  }

  // ---- What browsers do: hidden and frozen pages, the back-forward cache.

  watchPage() {
    const hurry = () => document.visibilityState === "visible" && this.session?.hurry();
    document.addEventListener("visibilitychange", hurry);
    addEventListener("online", () => this.session?.hurry());
    // A page that may come back from the cache keeps no connection and no database.
    addEventListener("pagehide", () => {
      this.flushDrafts();
      if (this.phase === "open" || this.phase === "signing-in") this.stop("taken-over", "other-page");
    });
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.phase === "taken-over") this.useHere();
    });
  }

  // ---- What the user does.

  async send(target, typed) {
    const text = wellFormed(typed);
    if (!isText(text)) throw new Error("too-long");
    if (!isTarget(target)) throw new Error("no-target");
    if (this.phase !== "open") throw new Error("storage");
    this.persist();
    const message = { id: randomText(22), target: this.shown(target), text, time: Date.now() };
    const isQueued = await this.decide((state) => queue(state, message)).catch(() => {
      throw new Error("storage");
    });
    if (!isQueued) throw new Error("full");
    this.session?.wake();
  }

  /** Returns a target as it is shown: the user may have typed it in other letters. */
  shown(target) {
    return chatOf(this.state, target)?.target ?? target.trim();
  }

  /** Asks the browser to keep the database, once, when there is something to keep. */
  async persist() {
    if (this.persisted !== null || !this.store.lasts || !navigator.storage?.persist) return;
    this.persisted = false;
    this.persisted = await navigator.storage.persist().catch(() => false);
    this.changed();
  }

  openChat(target) {
    if (this.phase !== "open" || !isTarget(target) || chatOf(this.state, target)) return;
    this.change({ kind: "OPENED", target });
  }

  async read(target, seq) {
    const isNew = await this.decide((state) => markSeen(state, target, seq)).catch(() => false);
    if (isNew && !this.state.ignored.has(keyOf(target))) this.session?.sender.read(target, seq);
  }

  async loadOlder(target) {
    const chat = chatOf(this.state, target);
    if (!chat) return;
    if (chat.older) {
      const [first] = chat.rows;
      const place = first ?? { chat: chat.key, era: chat.era, seq: Number.MAX_SAFE_INTEGER, sub: 0 };
      const { found, older } = await this.store.olderRows(place, OLDER_ROWS);
      chat.prepend(found, older);
      this.changed();
      return;
    }
    const gap = chat.lastGap();
    if (gap) await this.session?.sender.fill(chat.target, gap);
  }

  async search(words) {
    const wanted = folded(words).split(/\s+/u).filter(Boolean);
    if (wanted.length === 0 || !this.store) return [];
    const rows = await this.store.search(({ text }) => wanted.every((word) => folded(text).includes(word)));
    return presentFound(this.state, rows);
  }

  draft(target, text) {
    if (this.drafts.size === 0) setTimeout(() => this.flushDrafts(), DRAFT_DELAY);
    this.drafts.set(target, text);
  }

  flushDrafts() {
    for (const [target, text] of this.drafts) this.change({ kind: "DRAFT", target, text: wellFormed(text) });
    this.drafts.clear();
  }

  /** Carries out a request of the SEND port (section 5), and notes what its answer tells. */
  async command(verb, ...fields) {
    const names = Object.keys(REQUESTS[verb]).map((name) => name.replace("?", ""));
    const value = Object.fromEntries(fields.map((field, index) => [names[index], wellFormed(String(field))]));
    const { session } = this;
    if (!session) return { ok: false, code: "AWAY", text: "" };
    if (verb === "JOIN" || verb === "LEAVE") this.asked.add(`${verb} ${keyOf(value.room)}`);
    const work = (link) => {
      if (["STATUS", "USERS", "ROOMS", "MEMBERS"].includes(verb)) return fetchList(link, verb, value);
      if (["DEVICES", "SESSIONS"].includes(verb) || (verb === "PERMIT" && fields.length === 0)) return askList(link, verb, value);
      return ask(link, verb, value);
    };
    const answer = await session.sender.question(work, verb === "PASSWD");
    if (answer.ok) this.noteAnswer(verb, value, answer.records ?? []);
    this.changed();
    return answer.ok ? { ok: true, fields: answer.fields ?? [], records: answer.records ?? [] } : answer;
  }

  noteAnswer(verb, { room }, records) {
    if (verb === "ROOMS") this.noteRooms(records);
    if (verb === "MEMBERS") this.members.set(keyOf(room), records);
    if (verb === "DEVICES") this.devices = records.map((device) => ({ ...device, own: device.name === this.account?.device }));
    if (verb === "USERS" || verb === "MEMBERS") for (const { name, online } of records) this.online.set(keyOf(name), online);
    if (verb === "LEAVE") this.change({ kind: "MEMBER", room, on: false });
    if (verb === "JOIN" || verb === "ROOM") this.noteJoined(room);
    if (["ROOM", "TOPIC", "OWNER", "LEAVE", "JOIN"].includes(verb)) this.session?.sender.presenceSoon();
  }

  noteJoined(room) {
    this.change({ kind: "MEMBER", room, on: true });
    this.session?.sender.compareSoon();
  }

  cutAfterNextSend() {
    this.session?.cutAfterNextSend();
    this.changed();
  }

  addListener(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // ---- What the server tells (section 7).

  noteNews(event) {
    NEWS[event.kind]?.(this, event);
    this.changed();
  }

  noteRooms(rooms) {
    this.rooms = rooms;
    this.roomsByKey = new Map(rooms.map((room) => [keyOf(room.name), room]));
    this.changed();
  }

  /** Tells the user something once. Nothing of those whom the user does not want to hear. */
  tell(key, fields = {}) {
    const from = fields.user ?? fields.target;
    if (from && this.state.ignored.has(mapped(from))) return;
    this.noticeCount += 1;
    this.notices = [...this.notices, { number: this.noticeCount, key, ...fields }].slice(-NOTICES);
    this.changed();
  }

  view() {
    const { state } = this;
    const holds = this.session?.sender.holds ?? new Map();
    const hasState = state.me !== "" && this.phase !== "signed-out";
    return {
      phase: this.phase, offline: this.isOffline, reason: this.why.reason, reasonText: this.why.text,
      me: state.me === "" ? readStays() : state.me,
      chats: hasState ? presentChats(state, { holds, online: this.online, rooms: this.roomsByKey }) : [],
      rows: (target, range) => presentRows(state, target, holds, range),
      hasOlder: (target) => hasOlder(state, target),
      members: (target) => this.members.get(keyOf(target)) ?? null,
      outbox: state.outbox.map((message) => presentQueued(state, message, holds)),
      notices: this.notices, rooms: this.rooms, devices: this.devices, lasts: this.store?.lasts ?? false,
      persisted: this.persisted, secure: window.isSecureContext, cut: this.session?.isCutArmed ?? false,
    };
  }
}

/** What an event means for what is shown, by its kind. */
const NEWS = {
  ONLINE: (owner, { user }) => owner.online.set(keyOf(user), true),
  OFFLINE: (owner, { user }) => owner.online.set(keyOf(user), false),
  UNKEPT: (owner, { target }) => owner.tell("full", { target }),
  DAMAGED: (owner, { target }) => owner.tell("damaged", { target }),
  NOTICE: (owner, { text }) => owner.tell("announcement", { text }),
  CALL: (owner, { user }) => owner.tell("call", { user }),
  INVITE: (owner, { room, from }) => owner.tell("invited", { room, user: from }),
  ROOM(owner, { room, kind, owner: of, topic }) {
    const known = owner.roomsByKey.get(keyOf(room)) ?? { name: room, members: 0, member: true };
    owner.roomsByKey.set(keyOf(room), { ...known, kind, owner: of, topic });
    owner.tell("room-changed", { room });
  },
  JOIN(owner, { room, user }) {
    owner.members.delete(keyOf(room));
    if (mapped(user) !== mapped(owner.state.me)) return owner.tell("in-room", { room, user });
    owner.noteJoined(room);
    if (!owner.asked.delete(`JOIN ${keyOf(room)}`)) owner.tell("joined", { room });
    return undefined;
  },
  PART(owner, { room, user }) {
    owner.members.delete(keyOf(room));
    if (mapped(user) !== mapped(owner.state.me)) return owner.tell("out-of-room", { room, user });
    owner.change({ kind: "MEMBER", room, on: false });
    if (!owner.asked.delete(`LEAVE ${keyOf(room)}`)) owner.tell("left", { room });
    return undefined;
  },
};

/** Returns a text as it is searched: in small letters without accents. */
const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Returns random letters and digits: each is 6 bits. `randomUUID` is missing over http. */
function randomText(length) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte % 64]).join("");
}

/** Who stays logged in here. A browser may refuse to say. */
function readStays() {
  try {
    return localStorage.getItem(STAYS);
  } catch {
    return null;
  }
}

function writeStays(user) {
  try {
    if (user === null) localStorage.removeItem(STAYS);
    else localStorage.setItem(STAYS, user);
  } catch {
    // Then the next page asks for the password.
  }
}
