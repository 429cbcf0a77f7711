// The database of the page: one for each user, in IndexedDB, with outbox, history, device and key. What a transaction with
// `durability: "strict"` has completed is what the page calls queued, or acknowledges; there is one for each reply (output commit).
// Each page load is an owner with a number, the newest is the highest, and each transaction checks that it is still its own: a
// page that was frozen writes nothing into what another one has gone on with. It knows tables and no state.

import { mapped } from "./record.js";
import { comparePlaces } from "./row.js";

const VERSION = 1;
const TABLES = ["meta", "chats", "rows", "outbox"];

/** Rows of a conversation that are loaded at first, and as many more as are not seen, up to the second number. */
const ROWS_AT_FIRST = 50;
const UNSEEN_ROWS = 1000;

/** How often the databases are listed before that counts as failed, and the milliseconds between. */
const LISTINGS = 4;
const LISTING_PAUSE = 250;

/** Results of a search, and rows that it reads at once. */
const FOUND_ROWS = 100;
const PORTION = 200;

/**
 * `failed`: a transaction was aborted, or there is no database; nothing of it was stored. `lost`: another page owns the database.
 * `newer`: a newer page has made it.
 */
export class StoreError extends Error {
  /** @param {"failed"|"lost"|"newer"} kind */
  constructor(kind, cause = null) {
    super(kind, { cause });
    this.kind = kind;
  }
}

const nameOf = (user) => `wachat ${mapped(user)}`;

const outcome = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new StoreError("failed", request.error));
  });

const completion = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(new StoreError("failed", transaction.error));
  });

/** Checks that there is a database of a user here. A browser that does not list its databases may have it. */
export async function hasStore(user) {
  if (!globalThis.indexedDB) return false;
  const users = await storedUsers();
  return users === null || users.includes(mapped(user));
}

/** Returns the user whose database is the only one here; null: none is known, or there are several. */
export async function onlyUser() {
  const users = await storedUsers();
  return users?.length === 1 ? users[0] : null;
}

/** Returns the users who have a database here; null: the browser does not tell. */
async function storedUsers() {
  const databases = await listDatabases();
  const prefix = nameOf("");
  return databases?.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name.slice(prefix.length)) ?? null;
}

/** Lists the databases; null: the browser does not. One that is just starting may fail to, and one whose disk is full does. */
async function listDatabases() {
  if (!globalThis.indexedDB?.databases) return null;
  for (let left = LISTINGS; left > 0; left -= 1) {
    try {
      return await indexedDB.databases();
    } catch {
      await new Promise((resolve) => void setTimeout(resolve, LISTING_PAUSE));
    }
  }
  return null;
}

/**
 * Opens the database of a user, and becomes its owner.
 * @param {(why: "other-page"|"newer-database"|"deleted"|"storage") => void} onLost Another page owns it, or it was closed.
 */
export async function openStore(user, onLost) {
  const store = new Store(await openDatabase(nameOf(user)), user, onLost);
  try {
    await store.claim();
    return store;
  } catch (error) {
    store.close();
    throw error;
  }
}

async function openDatabase(name) {
  try {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("meta");
      request.result.createObjectStore("chats", { keyPath: "key" });
      request.result.createObjectStore("rows");
      request.result.createObjectStore("outbox", { keyPath: "order" });
    };
    return await outcome(request);
  } catch (error) {
    throw new StoreError((error.cause ?? error).name === "VersionError" ? "newer" : "failed", error);
  }
}

class Store {
  constructor(database, user, onLost) {
    this.database = database;
    this.user = user;
    this.owner = 0;
    this.lasts = true;
    this.isClosed = false;
    this.tell = (why) => {
      if (this.isClosed) return;
      this.close();
      onLost(why);
    };
    // A newer page wants to change the form of the database, or the user has logged out in another page.
    database.onversionchange = ({ newVersion }) => this.tell(newVersion === null ? "deleted" : "newer-database");
    database.onclose = () => this.tell("storage");
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(nameOf(user));
    // Before it has claimed the database it has no number; a page that claims it after this one is found by the first transaction.
    if (this.channel) this.channel.onmessage = ({ data }) => this.owner > 0 && data.owner > this.owner && this.tell("other-page");
  }

  /** Becomes the owner: the page that was it before writes nothing from here on. */
  async claim() {
    const transaction = this.begin("readwrite");
    const done = completion(transaction);
    const meta = transaction.objectStore("meta");
    const owner = ((await outcome(meta.get("owner"))) ?? 0) + 1;
    meta.put(owner, "owner");
    await done;
    this.owner = owner;
    this.channel?.postMessage({ owner });
  }

  begin(mode) {
    try {
      return this.database.transaction(TABLES, mode, { durability: "strict" });
    } catch (error) {
      throw new StoreError(this.isClosed ? "lost" : "failed", error);
    }
  }

  /** Runs a transaction of the owner; when this resolves it is durable. */
  async write(work) {
    const transaction = this.begin("readwrite");
    const done = completion(transaction);
    // An error of a request aborts the transaction, which says so.
    done.catch(() => {});
    const owner = await outcome(transaction.objectStore("meta").get("owner"));
    if (owner !== this.owner) {
      transaction.abort();
      this.tell("other-page");
      throw new StoreError("lost");
    }
    await work((table) => transaction.objectStore(table));
    await done;
  }

  /** Makes the changes of one event durable. @param {ReturnType<typeof import("./machine.js").takeChanges>} changes */
  commit({ meta, chats, rows, outbox, erase }) {
    return this.write(async (table) => {
      if (meta) table("meta").put(meta, "state");
      for (const chat of chats) table("chats").put(chat);
      for (const { place, row } of rows) row ? table("rows").put(row, place) : table("rows").delete(place);
      for (const { order, message } of outbox) message ? table("outbox").put(message) : table("outbox").delete(order);
      for (const range of erase) await eraseRange(table("rows"), range);
    });
  }

  /** Keeps how the user logs in from here: `{user, device, key}`. */
  saveAccount(account) {
    return this.write((table) => table("meta").put(account, "account"));
  }

  async account() {
    return (await outcome(this.begin("readonly").objectStore("meta").get("account"))) ?? null;
  }

  /** Returns the tables, of the rows the newest of each conversation. */
  async load() {
    const transaction = this.begin("readonly");
    const [meta, chats, outbox] = await Promise.all([
      outcome(transaction.objectStore("meta").get("state")),
      outcome(transaction.objectStore("chats").getAll()),
      outcome(transaction.objectStore("outbox").getAll()),
    ]);
    const tables = { meta: meta ?? null, chats, outbox, rows: new Map(), earlier: [], older: new Set() };
    const rows = transaction.objectStore("rows");
    for (const { key, seen, era } of chats) {
      const isEnough = (row, count) => count >= UNSEEN_ROWS || (count >= ROWS_AT_FIRST && (row.era < era || row.seq <= seen));
      const { found, older } = await lastRows(rows, IDBKeyRange.bound([key], [key, []]), isEnough);
      tables.rows.set(key, found);
      if (older) tables.older.add(key);
      if (era > 0) tables.earlier.push(...(await outcome(rows.getAll(IDBKeyRange.bound([key], [key, era])))));
    }
    tables.earlier = tables.earlier.filter(({ kind }) => kind === "message");
    return tables;
  }

  /** Returns the rows of a conversation before one, the newest of them. @returns {Promise<{found: object[], older: boolean}>} */
  olderRows({ chat, era, seq, sub }, count) {
    const range = IDBKeyRange.bound([chat], [chat, era, seq, sub], false, true);
    return lastRows(this.begin("readonly").objectStore("rows"), range, (row, length) => length >= count);
  }

  /** Returns rows for which `wants` is true, the newest first. Each portion is a transaction: what is to be stored has its turn
   * between them. The search ends where `isWanted` is false. */
  async search(wants, isWanted) {
    let found = [];
    let range = null;
    let rows;
    do {
      rows = await outcome(this.begin("readonly").objectStore("rows").getAll(range, PORTION));
      found = newest([...found, ...rows.filter((row) => row.kind === "message" && wants(row))]);
      const { chat, era, seq, sub } = rows.at(-1) ?? {};
      range = rows.length < PORTION ? null : IDBKeyRange.lowerBound([chat, era, seq, sub], true);
    } while (range && isWanted());
    return found;
  }

  close() {
    this.isClosed = true;
    this.channel?.close();
    this.database.close();
  }

  /** Forgets everything. */
  async destroy() {
    this.close();
    await outcome(indexedDB.deleteDatabase(nameOf(this.user)));
  }
}

/** Visits rows from the last one, or all of a table, until `visit` returns true. */
function walk(table, range, visit) {
  return new Promise((resolve, reject) => {
    const request = table.openCursor(range, "prev");
    request.onerror = () => reject(new StoreError("failed", request.error));
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor || visit(cursor.value, cursor)) resolve(Boolean(cursor));
      else cursor.continue();
    };
  });
}

/** Returns the last rows of a range, oldest first, as many as are enough, and whether there are more. */
async function lastRows(table, range, isEnough) {
  const found = [];
  const older = await walk(table, range, (row) => {
    if (isEnough(row, found.length)) return true;
    found.unshift(row);
    return false;
  });
  return { found, older };
}

/** Removes the texts of a user's messages among these numbers. */
function eraseRange(table, { chat, era, first, last, from }) {
  return walk(table, IDBKeyRange.bound([chat, era, first], [chat, era, last, []]), (row, cursor) => {
    if (isErasable(row, from)) cursor.update({ ...row, text: "", erased: true });
    return false;
  });
}

/** Returns as many rows as a search finds, the newest first. */
const newest = (rows) => rows.sort((one, other) => other.time - one.time).slice(0, FOUND_ROWS);

const isErasable = (row, from) => row.kind === "message" && !row.erased && mapped(row.from) === mapped(from);

/** The same in memory, for those who do not stay logged in: it ends with the page. */
export class MemoryStore {
  constructor() {
    this.lasts = false;
    this.tables = { meta: null, chats: new Map(), rows: new Map(), outbox: new Map() };
    this.kept = null;
  }

  async commit({ meta, chats, rows, outbox, erase }) {
    const { tables } = this;
    if (meta) tables.meta = meta;
    for (const chat of chats) tables.chats.set(chat.key, chat);
    for (const { place, row } of rows) putOrDelete(tables.rows, JSON.stringify(place), row);
    for (const { order, message } of outbox) putOrDelete(tables.outbox, order, message);
    for (const { chat, era, first, last, from } of erase) {
      for (const [place, row] of tables.rows) {
        const isIn = row.chat === chat && row.era === era && row.seq >= first && row.seq <= last;
        if (isIn && isErasable(row, from)) tables.rows.set(place, { ...row, text: "", erased: true });
      }
    }
  }

  async saveAccount(account) {
    this.kept = account;
  }

  async account() {
    return this.kept;
  }

  /** Returns the tables; of each conversation the newest rows, as many as `most`. */
  async load(most = UNSEEN_ROWS) {
    const { meta, chats, rows, outbox } = structuredClone(this.tables);
    const tables = { meta, chats: [...chats.values()], outbox: [...outbox.values()], rows: new Map(), earlier: [], older: new Set() };
    for (const { key, era } of tables.chats) {
      const own = [...rows.values()].filter((row) => row.chat === key).sort(comparePlaces);
      tables.rows.set(key, own.slice(-most));
      if (own.length > most) tables.older.add(key);
      tables.earlier.push(...own.filter((row) => row.kind === "message" && row.era < era));
    }
    return tables;
  }

  async olderRows(place, count) {
    const before = [...this.tables.rows.values()].filter((row) => row.chat === place.chat && comparePlaces(row, place) < 0);
    const found = before.sort(comparePlaces);
    return { found: found.slice(-count), older: found.length > count };
  }

  async search(wants) {
    return newest([...this.tables.rows.values()].filter((row) => row.kind === "message" && wants(row)));
  }

  close() {}

  async destroy() {
    Object.assign(this, new MemoryStore());
  }
}

function putOrDelete(table, key, value) {
  if (value) table.set(key, value);
  else table.delete(key);
}
