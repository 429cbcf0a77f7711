// The life of a page: which user, database and session it has, and in which phase it is. A life ends when another page takes over,
// the database fails or the user signs out; what still waits for it comes too late then. Decisions and their transactions come one
// after the other. It knows no commands, and draws nothing.

import { apply, hasChanges, newState, restoreState, takeChanges } from "./machine.js";
import { isLogin, isTarget, wellFormed } from "./record.js";
import { Session } from "./session.js";
import { MemoryStore, StoreError, hasStore, onlyUser, openStore } from "./store.js";
import { STAYS, draftsOf, readStays, readStored, writeStored } from "./stored.js";
import { Told } from "./told.js";

/** Milliseconds after which a database that failed is opened again. */
const REOPEN_DELAY = 5_000;

/** The device of those who do not stay logged in: its history ends with the page. The next page has the same name, since a user
 * has 8 devices in a day at most: of two such pages the newer takes over. */
const PASSING_DEVICE = "page";

/** Where a page tells the next one why it has begun anew: the key of a notice. */
const LEFT = "wachat left";

export class Life {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.changed = onChange;
    /** @type {"signed-out"|"signing-in"|"open"|"taken-over"|"broken"} */
    this.phase = "signed-out";
    this.why = { reason: null, text: null };
    this.isOffline = false;
    this.state = newState("");
    this.store = null;
    this.account = null;
    this.session = null;
    /** The life's number. */
    this.number = 0;
    /** The end of the last turn. */
    this.turns = Promise.resolve();
    this.listeners = new Set();
    /** Everything in the state is durable: while a transaction is out nothing of it is drawn. */
    this.isDurable = true;
    /** A database was made for this login. */
    this.isNew = false;
    /** Told when the page is hidden, or goes: it may not come back. And when the state of a user was read. */
    this.onHide = () => {};
    this.onRead = () => {};
    this.told = new Told(this);
  }

  // ---- One event after the other (promise 6, output commit).

  /** Runs a decision, and makes what it has changed durable. What depends on it waits for the promise. */
  decide(decision) {
    const { number } = this;
    return this.takeTurn(async () => {
      if (number !== this.number) throw new StoreError("lost");
      const result = this.run(decision);
      if (hasChanges(this.state)) await this.commit(takeChanges(this.state));
      return result;
    });
  }

  /** Runs a decision. One that fails is a defect, and may have left the state half changed: nothing goes on with it. */
  run(decision) {
    try {
      return decision(this.state);
    } catch (error) {
      this.noteBroke(error);
      throw error;
    }
  }

  takeTurn(work) {
    const turn = this.turns.then(work);
    this.turns = turn.catch(() => {});
    return turn;
  }

  /** Makes changes durable. Where that fails nothing of them was stored: the state in memory is of no more use. */
  async commit(changes) {
    this.isDurable = false;
    try {
      await this.store.commit(changes);
    } catch (error) {
      this.noteStoreError(error);
      throw error;
    } finally {
      // What came meanwhile, as that another page has taken over, is drawn now, however the transaction ended.
      this.isDurable = true;
      this.changed();
    }
  }

  noteStoreError(error) {
    if (!(error instanceof StoreError) || error.kind !== "failed") return;
    this.stop("broken", "storage");
    this.told.tell("storage-failed", { text: String(error.cause ?? "") });
    setTimeout(() => this.phase === "broken" && this.useHere(), REOPEN_DELAY);
  }

  /** Applies a record that the user asks for. */
  change(record) {
    this.decide((state) => apply(state, record)).catch(() => {});
  }

  // ---- Phases.

  /** Goes on with the user who stays logged in here, if there is one. */
  async resume() {
    this.phase = "signing-in";
    this.number += 1;
    const { number } = this;
    // A browser writes localStorage seconds later, and may be killed before: then the database says who it is.
    const user = readStays() ?? (await onlyUser());
    this.tellLeft();
    // The user may have logged in meanwhile.
    if (number !== this.number) return undefined;
    if (user === null) return this.stop("signed-out", null);
    return this.beginLife(() => this.openKept(user), (account) => this.goOn({ password: null, register: false, ...account }));
  }

  /** Opens the database of a user, if there is one. */
  async openKept(user) {
    const store = (await hasStore(user)) ? await this.openStore(user) : null;
    return { store, account: await store?.account() };
  }

  /** Goes on without a question, where there is something to log in with. */
  goOn(account) {
    if (!account.key && !account.password) return this.stop("signed-out", null);
    this.account = account;
    return this.begin("open");
  }

  /**
   * Begins a life: opens a store, reads what it has, and goes on with it, unless another life has begun meanwhile.
   * @param {() => Promise<{store: object|null, account: object|null}>} open @param {(account: object|null) => void} go
   */
  async beginLife(open, go) {
    this.number += 1;
    const { number } = this;
    try {
      const { store, account } = await open();
      const tables = await store?.load();
      if (number !== this.number) return store?.close();
      this.store = store;
      if (store) this.noteTables(account?.user ?? "", tables);
      go(account ?? null);
    } catch (error) {
      if (number === this.number) this.noteOpenError(error);
    }
    return this.changed();
  }

  noteTables(user, tables) {
    this.state = restoreState(user, tables);
    this.onRead();
  }

  openStore(user) {
    const number = this.number;
    return openStore(user, (why) => number === this.number && this.noteLost(why));
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
    this.told.forget();
    this.session?.end();
    const { number } = this;
    const isNow = () => number === this.number;
    const session = new Session(this.account, {
      state: () => this.state,
      decide: (decision) => this.decide(decision),
      keepKey: (key) => this.keepKey(key),
      reload: () => this.reload(),
      news: (event) => this.told.noteNews(event),
      changed: () => this.noteWorks(),
      hear: (line) => this.listeners.forEach((listener) => listener(line)),
      tell: (key, fields) => this.told.tell(key, fields),
      away: (error) => isNow() && this.noteAway(error),
      ended: (error) => isNow() && this.noteEnded(error),
      broke: (error) => isNow() && this.noteBroke(error),
      notePresence: (users) => this.told.notePresence(users),
      noteRooms: (rooms) => this.told.noteRooms(rooms),
    });
    this.session = session;
    session.start();
    this.changed();
  }

  /** Ends session and state of this page. */
  stop(phase, reason, text = null) {
    this.number += 1;
    this.session?.end();
    this.session = null;
    this.store?.close();
    this.phase = phase;
    this.why = { reason, text };
    this.changed();
  }

  noteWorks() {
    this.isOffline = !this.session?.works;
    if (!this.isOffline) {
      this.why = { reason: null, text: null };
      this.isNew = false;
      this.phase = "open";
    }
    this.changed();
  }

  noteAway({ code, text }) {
    this.isOffline = true;
    this.told.online.clear();
    this.why = { reason: code || "away", text: text || null };
    // Somebody waits for the answer to the first login, and may have to change what was typed.
    if (this.phase === "signing-in") this.stopNew(this.why.reason, this.why.text);
    this.changed();
  }

  /** The server wants no further login (section 1): the user decides how it goes on. */
  async noteEnded({ kind, code, text }) {
    if (kind === "replaced") return this.stop("taken-over", "replaced");
    const hadKey = this.account.key !== null;
    const isKeyEnded = code === "AUTH" && hadKey;
    if (isKeyEnded) await this.store.saveAccount({ ...this.kept(), key: null }).catch(() => {});
    const reason = kind === "logged-out" ? "logged-out" : isKeyEnded ? "key-ended" : code;
    return this.stopNew(reason, text);
  }

  /** Ends a session that could not log in. A database that was made for it is of no use. */
  async stopNew(reason, text) {
    const { isNew, store } = this;
    this.stop("signed-out", reason, text);
    if (isNew) await store.destroy().catch(() => {});
  }

  noteBroke(error) {
    if (error instanceof StoreError) return this.noteStoreError(error);
    console.error(error);
    return this.stop("broken", "strange");
  }

  /** Another page owns the database, or it was closed. */
  noteLost(why) {
    if (why === "other-page") this.stop("taken-over", why);
    else if (why === "deleted") this.noteDeleted();
    else this.noteOpenError(new StoreError(why === "newer-database" ? "newer" : "failed"));
  }

  /** The user has logged out in another page. */
  noteDeleted() {
    this.forgetUser();
    this.beginAnew("logged-out");
  }

  // ---- Logging in and out (section 3).

  async signIn({ user: typed, password: secret, register, stay }) {
    const user = wellFormed(typed.trim());
    const password = wellFormed(secret);
    if (!isLogin(user, password) || !isTarget(user)) return this.stop("signed-out", "AUTH");
    this.stop("signing-in", null);
    this.told.notices = [];
    return this.beginLife(
      () => this.openStoreFor(user, stay),
      (known) => {
        const device = known?.device ?? (this.store.lasts ? `page-${randomText(8)}` : PASSING_DEVICE);
        this.account = { user, device, key: null, password, register };
        this.state.me ||= user;
        this.begin("signing-in");
      },
    );
  }

  async openStoreFor(user, stay) {
    this.isNew = false;
    if (!stay) return { store: new MemoryStore(), account: null };
    try {
      this.isNew = !(await hasStore(user));
      const store = await this.openStore(user);
      return { store, account: await store.account() };
    } catch (error) {
      if (error instanceof StoreError && error.kind === "newer") throw error;
      // A private window may have no database.
      this.told.tell("not-lasting");
      return { store: new MemoryStore(), account: null };
    }
  }

  kept() {
    const { user, device, key } = this.account;
    return { user, device, key };
  }

  /** Keeps the key of the device, with which the next page logs in. */
  async keepKey(key) {
    await this.store.saveAccount({ ...this.kept(), user: this.state.me, key });
    if (this.store.lasts) writeStored("localStorage", STAYS, this.state.me);
  }

  async signOut() {
    const { session, store } = this;
    session?.stopReceiving();
    const answer = await (session?.sender.forgetDevice() ?? { ok: false, code: "AWAY" });
    this.forgetUser();
    writeStored("localStorage", STAYS, null);
    await store?.destroy().catch(() => {});
    // The key is nowhere any more; the server keeps the device until it is unused for a month.
    this.beginAnew(answer.ok || answer.code === "AUTH" ? null : "device-remains");
  }

  /** Ends session and state, with what was typed last. */
  forgetUser() {
    writeStored("localStorage", draftsOf(this.state.me), null);
    this.stop("signing-in", null);
    this.state = newState("");
  }

  /** Loads the page anew, which tells why: what was typed, found and drawn goes with its memory. */
  beginAnew(why) {
    writeStored("sessionStorage", LEFT, why);
    history.replaceState(null, "", "/");
    location.reload();
  }

  /** Tells why the page before this one has begun anew. */
  tellLeft() {
    const why = readStored("sessionStorage", LEFT);
    writeStored("sessionStorage", LEFT, null);
    if (why !== null) this.told.tell(why);
  }

  /** Owns the database again, and reads everything anew: another page may have gone on with it. */
  async useHere() {
    const { account, store } = this;
    if (!account) return this.resume();
    const open = store.lasts ? () => this.openKept(account.user) : async () => ({ store, account });
    return this.beginLife(open, (kept) => (kept ? this.goOn({ ...account, ...kept }) : this.stop("signed-out", "logged-out")));
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
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.session?.hurry();
      else this.onHide();
    });
    addEventListener("online", () => this.session?.hurry());
    // A page that may come back from the cache keeps no connection and no database.
    addEventListener("pagehide", () => {
      this.onHide();
      if (this.phase === "open" || this.phase === "signing-in") this.stop("taken-over", "other-page");
    });
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.phase === "taken-over") this.useHere();
    });
  }
}

/** Returns random letters and digits: each is 6 bits. `randomUUID` is missing over http. */
export function randomText(length) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte % 64]).join("");
}
