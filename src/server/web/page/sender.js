// The sender: carries out one thing at a time on the SEND port (protocol, section 5): a question of the view, a message of the
// outbox, a read number, what completes the history. The connection is opened when it is needed, once a session works on the RECV
// port, and is given back when it idles.

import { NEW_ROWS, addPage, compare, fillGap, noteAsked } from "./completion.js";
import * as decide from "./decide.js";
import { Backoff, Link, LinkError, MIN_HOLD, SEND_IDLE } from "./link.js";
import { chatOf, keyOf } from "./machine.js";
import { ask, fetchHistory, fetchList, retryMessage, sendMessage } from "./perform.js";
import { REPLIES, closes, isTemporary, writeLogin, writeRequest } from "./record.js";

/** Pages of users and rooms that are fetched for presence and topics. */
const LIST_PAGES = 10;

export class Sender {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.session = session;
    this.link = null;
    this.lastUsed = 0;
    this.pause = new Backoff();
    /** @type {{work: (link: Link) => Promise<any>, resolve: Function, isOnce: boolean}[]} */
    this.questions = [];
    this.reads = new Map();
    /** Conversations that wait after RATE, QUOTA or FULL, and the messages that the server has refused so. */
    this.holds = new Map();
    this.refused = new Set();
    this.readPause = new Backoff(MIN_HOLD);
    /** The comparison of the history is due; the conversations that it has found to lack something. */
    this.isCompareDue = false;
    this.missing = [];
    this.completionPause = new Backoff();
    this.isPresenceDue = false;
  }

  end() {
    this.link?.close();
    this.refuseQuestions();
  }

  hurry() {
    this.link?.dropIfSilent();
    this.pause.hurry();
  }

  /** Asks something that the view waits for. Where no server works the answer is for now: AWAY. `isOnce`: it is never repeated. */
  question(work, isOnce = false) {
    if (!this.session.works || this.session.isEnded) return Promise.resolve({ ok: false, code: "AWAY", text: "" });
    return new Promise((resolve) => {
      this.questions.push({ work, resolve, isOnce });
      this.session.wake();
    });
  }

  refuseQuestions() {
    for (const { resolve } of this.questions.splice(0)) resolve({ ok: false, code: "AWAY", text: "" });
  }

  /** Tells the server that the user has seen a conversation up to a number, but nobody whose messages are hidden. */
  read(target, seq) {
    if (this.session.core.state().ignored.has(keyOf(target))) return;
    this.reads.set(target, Math.max(seq, this.reads.get(target) ?? 0));
    this.session.wake();
  }

  async run() {
    while (!this.session.isEnded) {
      const job = this.session.works && this.pause.left() === 0 ? this.nextJob() : null;
      if (job) await this.carryOut(job);
      else await this.rest();
    }
  }

  /** Sleeps until there may be something to do. An idle connection is given back. */
  async rest() {
    const pauses = [this.pause, this.readPause, this.completionPause, ...this.holds.values()].map((pause) => pause.left());
    const due = pauses.filter((left) => left > 0);
    if (this.link) due.push(this.lastUsed + SEND_IDLE - Date.now());
    await this.session.sleep(due.length > 0 ? Math.max(0, Math.min(...due)) : Infinity);
    if (this.link && Date.now() >= this.lastUsed + SEND_IDLE) this.quit();
  }

  quit() {
    this.link.request(writeRequest("QUIT")).catch(() => {});
    this.link.close();
    this.link = null;
  }

  /** Returns the next thing to do: questions first, then messages and read numbers, then what completes the history. */
  nextJob() {
    const state = this.session.core.state();
    if (this.questions.length > 0) return { kind: "question", question: this.questions[0] };
    const message = decide.firstFree(state, (key) => this.holds.get(key)?.left() > 0);
    if (message) return { kind: "message", message };
    if (this.reads.size > 0 && this.readPause.left() === 0) return { kind: "read", read: [...this.reads][0] };
    if (this.completionPause.left() > 0) return null;
    if (this.isCompareDue) return { kind: "compare" };
    if (this.missing.length > 0) return { kind: "page" };
    return this.isPresenceDue ? { kind: "presence" } : null;
  }

  /** Carries out one thing, on the connection that there is or on a new one: the server may have closed an idle one. */
  async carryOut(job) {
    const wasOpen = this.link?.isOpen ?? false;
    try {
      const link = await this.openLink();
      await this.JOBS[job.kind].call(this, link, job);
      this.pause.noteSuccess();
      this.lastUsed = Date.now();
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      this.link?.close();
      this.link = null;
      this.noteNoAnswer(job, wasOpen);
      if (!wasOpen) this.pause.noteFailure();
    }
  }

  /** A question is tried again on a new connection, once; everything else until it is answered. */
  noteNoAnswer({ kind, question, message }, wasOpen) {
    if (message) this.refused.delete(message.id);
    if (kind !== "question" || (wasOpen && !question.isOnce)) return;
    this.questions = this.questions.filter((other) => other !== question);
    question.resolve({ ok: false, code: "AWAY", text: "" });
  }

  async openLink() {
    if (this.link?.isOpen) return this.link;
    const link = new Link("send", (line) => this.session.hear(line));
    this.link = link;
    const { user, device, key, password } = this.session.account;
    await link.open(key ? writeLogin("KEY", device, user, key) : writeLogin("LOGIN", user, password), REPLIES.loggedIn);
    return link;
  }

  JOBS = {
    async question(link, { question }) {
      const answer = await question.work(link);
      this.questions = this.questions.filter((other) => other !== question);
      question.resolve(answer);
      if (!answer.ok && closes(answer.code)) this.link?.close();
    },

    /** Sends a message, or retries one of which an earlier attempt has an unknown outcome. */
    async message(link, { message }) {
      const { id } = message;
      const isQueued = () => this.session.core.state().outbox.some((queued) => queued.id === id);
      const above = await this.session.core.decide((state) => (isQueued() ? decide.noteAttempt(state, id) : null));
      // An event may have told meanwhile that the server has it.
      if (!isQueued()) return;
      const isFirst = above === null || this.refused.has(id);
      const { me } = this.session.core.state();
      const reply = await (isFirst ? sendMessage(link, message) : retryMessage(link, message, above, me));
      const key = message.chat;
      if (reply.ok || !isTemporary(reply.code)) {
        this.holds.delete(key);
        this.refused.delete(id);
        const { seq, time } = reply.value ?? {};
        await this.session.core.decide((state) =>
          reply.ok ? decide.accept(state, id, seq, time) : decide.fail(state, id, reply.code));
        if (!reply.ok) this.session.core.tell("refused", { target: message.target, code: reply.code, text: reply.text });
        return;
      }
      this.refused.add(id);
      this.hold(key, message.target, reply);
    },

    async read(link, { read: [target, seq] }) {
      const reply = await link.request(writeRequest("READ", { target, seq }));
      if (!reply.ok && isTemporary(reply.code)) return this.readPause.noteFailure();
      this.readPause.noteSuccess();
      // Another KO changes nothing: the target is gone, or the number is of another store.
      if (this.reads.get(target) === seq) this.reads.delete(target);
      return undefined;
    },

    async compare(link) {
      // One that becomes due meanwhile is made after this one.
      this.isCompareDue = false;
      let chats = null;
      try {
        chats = await fetchList(link, "CHATS");
      } finally {
        this.isCompareDue ||= !chats?.ok;
      }
      if (!chats.ok) return this.completionPause.noteFailure();
      this.completionPause.noteSuccess();
      this.missing = await this.session.core.decide((state) =>
        compare(state, chats.records, Math.max(state.position.last, this.session.acknowledged)));
      for (const { target, read } of chats.records) this.readWhatWasSeen(target, read);
      return undefined;
    },

    async page(link) {
      const [missing] = this.missing;
      const limit = missing.above === 0 ? NEW_ROWS : undefined;
      const isMore = await this.fetchPage(link, missing.target, missing.before, limit, (state, page) => {
        if (!page.ok && isTemporary(page.code)) this.completionPause.noteFailure();
        const isDue = this.completionPause.left() > 0;
        // Another store may have been met meanwhile, or the user has left the room.
        return isDue || (this.missing[0] === missing && page.ok && addPage(state, missing, page.records));
      });
      if (!isMore && this.missing[0] === missing) this.missing.shift();
    },

    async presence(link) {
      const users = await fetchList(link, "USERS", {}, LIST_PAGES);
      const rooms = await fetchList(link, "ROOMS", {}, LIST_PAGES);
      this.isPresenceDue = false;
      if (users.ok) this.session.core.notePresence(users.records);
      if (rooms.ok) this.session.core.noteRooms(rooms.records);
    },
  };

  hold(key, target, { code, text }) {
    const known = this.holds.get(key);
    const hold = known ?? Object.assign(new Backoff(MIN_HOLD), { code });
    this.holds.set(key, hold);
    hold.noteFailure();
    if (!known) this.session.core.tell("waits", { target, code, text });
  }

  /** Tells the server what an earlier page has shown, and may not have told. */
  readWhatWasSeen(target, read) {
    const seen = chatOf(this.session.core.state(), target)?.seen ?? 0;
    if (seen > read) this.read(target, seen);
  }

  /** The user has joined a room: what was said there is fetched now. */
  compareSoon() {
    this.isCompareDue = true;
    this.session.wake();
  }

  /** Rooms have changed: what is known of them is fetched now. */
  presenceSoon() {
    this.isPresenceDue = true;
    this.session.wake();
  }

  /** Brings the newest messages of a gap. */
  fill(target, gap) {
    const numbers = { first: gap.first, last: gap.seq };
    return this.question((link) =>
      this.fetchPage(link, target, gap.seq + 1, NEW_ROWS, (state, page) => {
        if (page.ok) fillGap(state, target, numbers, page.records);
        return page;
      }));
  }

  /** Fetches a page of HISTORY, and takes it in. What is taken back meanwhile may still be in it. */
  async fetchPage(link, target, before, limit, takeIn) {
    const { core } = this.session;
    noteAsked(core.state(), true);
    try {
      const page = await fetchHistory(link, target, before, limit);
      return await core.decide((state) => takeIn(state, page));
    } finally {
      noteAsked(core.state(), false);
    }
  }

  /** Ends the key and forgets this device on the server. */
  forgetDevice() {
    return this.question((link) => ask(link, "LOGOUT", { which: this.session.account.device }), true);
  }
}
