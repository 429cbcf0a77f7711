// The machine of the page beside a model of the server: random lives of a device, with lost replies, connections that break, and
// a page that ends before or after any of its transactions and goes on with what the database has. At the end of each life the
// history is that of the server: every message once, in order, no text of one that was taken back.
//
//     node machine.js <file of lines, not used> <lives> <first seed>

import assert from "node:assert/strict";
import { addPage, compare, fillGap, noteAsked } from "./page/completion.js";
import * as decide from "./page/decide.js";
import { apply, chatOf, hasChanges, newState, restoreState, takeChanges } from "./page/machine.js";
import { MemoryStore } from "./page/store.js";
import { Server, TARGETS } from "./model.js";

/** Random numbers that come again with their seed (mulberry32). */
class Random {
  constructor(seed) {
    this.seed = seed >>> 0;
  }

  next() {
    this.seed = (this.seed + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.seed ^ (this.seed >>> 15), this.seed | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  below(most) {
    return Math.floor(this.next() * most);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  happens(chance) {
    return this.next() < chance;
  }
}

/** The page ends here. */
class Crash extends Error {}

/** A reply is lost: the connection is gone. */
class Lost extends Error {}

class Device {
  constructor(server, random) {
    this.server = server;
    this.random = random;
    this.store = new MemoryStore();
    this.state = newState("ana");
    this.queued = [];
    /** The messages that were seen without their text. */
    this.erased = new Set();
    this.count = 0;
    this.trouble = 0.05;
    this.leave();
  }

  /** The connections are gone. */
  leave() {
    this.isOpen = false;
    this.isCompareDue = false;
    this.isBegun = false;
    this.missing = [];
    this.refused = new Set();
  }

  /** A page goes on with what the database has: few rows in memory, so that others are in the database alone. */
  async restart() {
    this.leave();
    this.state = restoreState("ana", await this.store.load(2));
  }

  async decide(decision) {
    const result = decision(this.state);
    if (hasChanges(this.state)) {
      if (this.random.happens(this.trouble)) throw new Crash();
      await this.store.commit(structuredClone(takeChanges(this.state)));
      if (this.random.happens(this.trouble)) throw new Crash();
    }
    return result;
  }

  /** Sends a request: it may be lost, and its reply, too. */
  exchange(request) {
    if (this.random.happens(this.trouble)) throw new Lost();
    const reply = structuredClone(request());
    if (this.random.happens(this.trouble)) throw new Lost();
    return reply;
  }

  async queue(target) {
    this.count += 1;
    const message = { id: `own-${this.count}`, target, text: `own text ${this.count}`, time: this.count };
    await this.decide((state) => decide.queue(state, message));
    this.queued.push(message);
  }

  async logIn() {
    const opened = this.exchange(() => this.server.logIn());
    this.acknowledged = opened.acknowledged;
    const isOther = await this.decide((state) => {
      const isOtherStore = decide.noteLogin(state, opened);
      decide.noteDevice(state, "page", opened.device);
      return isOtherStore;
    });
    if (isOther) await this.reload();
    this.isOpen = true;
  }

  async reload() {
    const { ownCome } = this.state;
    this.state = restoreState("ana", await this.store.load(2));
    this.state.ownCome = ownCome;
    this.missing = [];
  }

  async poll() {
    const reply = this.exchange(() => this.server.poll(this.state.position.last));
    if (!reply.ok) throw new Lost();
    const { lacks } = await this.decide((state) => decide.takeIn(state, reply.records));
    this.wantsCompare ||= lacks;
    const isDue = reply.isLast && this.missing.length === 0 && (!this.isBegun || this.wantsCompare);
    if (isDue) [this.isBegun, this.wantsCompare, this.isCompareDue] = [true, false, true];
    return reply.records.length;
  }

  async sendOne() {
    const message = decide.firstFree(this.state, () => false);
    if (!message) return;
    const above = await this.decide((state) => decide.noteAttempt(state, message.id));
    const reply = this.exchange(() => {
      const found = above === null ? null : this.find(message, above);
      return found ? { ok: true, value: found } : this.server.send(message.id, message.target, message.text);
    });
    assert.ok(reply.ok, reply.code);
    await this.decide((state) => decide.accept(state, message.id, reply.value.seq, reply.value.time));
  }

  /** Looks for a message above a number, by HISTORY. */
  find({ id, target }, above) {
    for (let before = null; ; ) {
      const page = this.server.history(target, before);
      const found = page.find((record) => record.id === id && record.from === "ana");
      const oldest = page[0]?.first ?? page[0]?.seq;
      if (found || oldest === undefined || oldest <= above + 1) return found;
      before = oldest;
    }
  }

  async complete() {
    if (this.isCompareDue) {
      const chats = this.exchange(() => this.server.chats());
      this.isCompareDue = false;
      const taken = Math.max(this.state.position.last, this.acknowledged);
      this.missing = await this.decide((state) => compare(state, chats, taken));
      return;
    }
    const [missing] = this.missing;
    if (!missing) return;
    noteAsked(this.state, true);
    const page = this.exchange(() => this.server.history(missing.target, missing.before));
    // Events come on the other connection, before the page is taken in.
    if (this.trouble > 0) await this.eraseMeanwhile(missing.target);
    if (this.missing[0] !== missing) return;
    const isMore = await this.decide((state) => addPage(state, missing, page));
    noteAsked(this.state, false);
    if (!isMore) this.missing.shift();
  }

  /** A message is taken back after a page was read, and the event comes before the page is taken in. */
  async eraseMeanwhile(target) {
    if (!this.random.happens(0.3)) return;
    this.server.erase(target);
    while ((await this.poll()) > 0);
  }

  async fill() {
    const chat = this.random.pick([...this.state.chats.values()]);
    const gap = chat?.lastGap();
    if (!gap) return;
    noteAsked(this.state, true);
    const page = this.exchange(() => this.server.history(chat.target, gap.seq + 1));
    await this.eraseMeanwhile(chat.target);
    await this.decide((state) => fillGap(state, chat.target, { first: gap.first, last: gap.seq }, page));
    noteAsked(this.state, false);
  }

  async see(target) {
    const chat = chatOf(this.state, target);
    const upto = chat?.highest ?? 0;
    if (await this.decide((state) => decide.markSeen(state, target, upto))) this.exchange(() => this.server.setRead(target, upto));
  }

  async step() {
    if (!this.isOpen) return this.logIn();
    const { random } = this;
    const works = [() => this.poll(), () => this.poll(), () => this.sendOne(), () => this.complete(), () => this.complete()];
    const own = [() => this.queue(random.pick(TARGETS)), () => this.fill(), () => this.see(random.pick(TARGETS))];
    return random.pick([...works, ...own])();
  }

  async attempt(work) {
    try {
      await work();
    } catch (error) {
      if (error instanceof Lost) {
        this.leave();
        // The messages in memory are those of the database: nothing was half done.
        noteAsked(this.state, false);
      } else if (error instanceof Crash) await this.restart();
      else throw error;
    }
  }
}

/** Changes the world around the device. */
function happen(server, random, device) {
  const target = random.pick(TARGETS);
  const others = [
    () => server.receive(target === "#sala" ? random.pick(["luis", "eva"]) : target, target === "#sala" ? target : "ana"),
    () => server.receive("luis", "#sala"),
    () => server.sendElsewhere(target),
    () => server.advance(target, random.pick(["DELIVERED", "READ"])),
    () => server.erase(target),
    () => server.otherDevice(target),
  ];
  const rare = [() => server.forget(), () => server.gap(), () => server.damage(target), () => server.retain(target),
    () => server.takeSnapshot(), () => server.restore()];
  const isRare = random.happens(0.06);
  const what = random.pick(isRare ? rare : others);
  what();
  // The server closes the session of a device that has lost its number, and all of them when it is restored.
  if (isRare && (what === rare[0] || what === rare[5])) device.leave();
}

/** Plays a life, and compares the history with the server's. */
async function live(seed) {
  const random = new Random(seed);
  const server = new Server(random);
  const device = new Device(server, random);
  for (let step = 0; step < 250; step += 1) {
    if (random.happens(0.5)) happen(server, random, device);
    await device.attempt(() => device.step());
    checkAlways(device, server);
  }
  await settle(device);
  check(device, server);
  await checkCounts(device);
  check(device, server);
}

/** Nothing is lost any more: the device catches up, with the session that it has or with another one. */
async function settle(device) {
  device.trouble = 0;
  if (!device.isOpen || device.random.happens(0.5)) {
    await device.restart();
    await device.logIn();
  }
  await catchUp(device);
  for (const chat of device.state.chats.values()) {
    // Those that are not in memory are in the database.
    const { found } = await device.store.olderRows({ chat: chat.key, era: chat.era, seq: Infinity, sub: 0 }, Infinity);
    chat.prepend(found, false);
    for (let gap = chat.lastGap(); gap; gap = chat.lastGap()) {
      noteAsked(device.state, true);
      const page = device.server.history(chat.target, gap.seq + 1);
      await device.decide((state) => fillGap(state, chat.target, { first: gap.first, last: gap.seq }, page));
    }
  }
}

/** The session goes on until nothing waits on either side, and nothing is missing. */
async function catchUp(device) {
  do {
    while ((await device.poll()) > 0);
    await device.sendOne();
    await device.complete();
  } while (device.state.outbox.length > 0 || device.missing.length > 0 || device.isCompareDue);
  while ((await device.poll()) > 0);
}

/** What a GAP stands for is fetched in the session in which it comes, not only by the next one. */
async function meetGap() {
  const random = new Random(1);
  const server = new Server(random);
  const device = new Device(server, random);
  device.trouble = 0;
  await device.logIn();
  await catchUp(device);
  for (let count = 0; count < 4; count += 1) server.receive("luis", "#sala");
  server.gap();
  await catchUp(device);
  check(device, server);
}

/** What is noted of the counts becomes what the server has: a comparison leads to one that finds nothing. */
async function checkCounts(device) {
  for (const isAgain of [false, true]) {
    const taken = Math.max(device.state.position.last, device.acknowledged);
    device.missing = await device.decide((state) => compare(state, device.server.chats(), taken));
    if (isAgain) assert.deepEqual(device.missing.map(({ target }) => target), [], "nothing is missing at the next comparison");
    while (device.missing.length > 0) await device.complete();
    while ((await device.poll()) > 0);
  }
}

/** What holds at any time. */
function checkAlways({ store, state, erased: gone }, server) {
  const rows = [...store.tables.rows.values()].filter(({ kind }) => kind === "message");
  for (const { id, from, erased } of rows) {
    if (erased) gone.add(`${from}/${id}`);
    else assert.ok(!gone.has(`${from}/${id}`), `the text of ${id} came back`);
  }
  assert.equal(state.outboxBytes, state.outbox.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0));
  const queued = new Set([...store.tables.outbox.values()].map(({ id }) => id));
  for (const { id, from } of rows) assert.ok(from !== "ana" || !queued.has(id), `${id} is in the outbox or in the history`);
  if (state.position.store !== server.store) return;
  const erased = server.messages.filter(({ isTold }) => isTold);
  for (const { seq } of erased) {
    const row = rows.find((other) => other.seq === seq && other.era === state.position.era);
    assert.ok(!row || row.text === "", `the text of ${seq} is gone with the event that it was taken back`);
  }
}

function check({ store, state, queued, erased: gone }, server) {
  const rows = [...store.tables.rows.values()];
  const ids = rows.filter(({ kind }) => kind === "message").map(({ from, id }) => `${from}/${id}`);
  assert.equal(new Set(ids).size, ids.length, "no message is there twice");
  for (const { id } of queued) assert.ok(ids.includes(`ana/${id}`), `${id} is in the history`);
  for (const target of TARGETS) {
    const chat = chatOf(state, target);
    const here = rows.filter((row) => row.chat === chat?.key && row.kind === "message");
    const now = new Map(here.filter(({ era }) => era === state.position.era).map((row) => [row.seq, row]));
    for (const message of server.of(target)) {
      const row = now.get(message.seq);
      if (message.isRemoved || message.isDamaged) continue;
      const what = `${target} ${message.seq} ${message.id}`;
      assert.ok(row, `${what} is in the history`);
      const { id, from, text, time } = message;
      // A restored server may have the text of a message that is known as taken back.
      const erased = message.erased || gone.has(`${from}/${id}`);
      assert.deepEqual([row.id, row.from, row.text, row.erased, row.time], [id, from, erased ? "" : text, erased, time], what);
      if (from === "ana" && target !== "ana") assert.equal(chat.stateOf(row).toUpperCase(), server.stateOf(message), what);
    }
    const known = new Set(server.of(target).map(({ seq }) => seq));
    for (const seq of now.keys()) assert.ok(known.has(seq), `${target} ${seq} is a message of the server`);
    for (const row of here) if (row.erased) assert.equal(row.text, "");
    assert.equal(rows.filter(({ chat: key, kind, era }) => key === chat?.key && kind === "gap" && era === chat.era).length, 0);
  }
}

await meetGap();
const lives = Number(process.argv[3] ?? 300);
const first = Number(process.argv[4] ?? 1);
for (let seed = first; seed < first + lives; seed += 1) {
  try {
    await live(seed);
  } catch (error) {
    console.log(`seed ${seed}: ${error.stack}`);
    process.exit(1);
  }
}
console.log(`${lives} lives`);
