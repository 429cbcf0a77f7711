// The session of a user at the server: logs in on the RECV port, polls and acknowledges (protocol, section 6). Its sender
// (`sender.js`) has the SEND port. What they bring goes through `core.decide`, which makes it durable before they go on. A session
// ends with its page, and is made anew after that.

import * as decide from "./decide.js";
import { Backoff, Link, LinkError, POLL_WAIT } from "./link.js";
import { POLL_EVENTS, RECV_REQUESTS, REPLIES, parseEvent, writeLogin, writePoll, writeRequest } from "./record.js";
import { Sender } from "./sender.js";

/**
 * @typedef {object} Account
 * @property {string} user @property {string} device @property {string|null} key @property {string|null} password
 * @property {boolean} register The account is to be made.
 */

export class Session {
  /**
   * @param {Account} account
   * @param {object} core `state()`; `decide(decision)`, which makes what a decision has changed durable; `keepKey(key)`;
   *   `reload()`; `news(event)`; `changed()`; `hear(line)`; `ended(error)`: the server wants no further login.
   */
  constructor(account, core) {
    this.account = account;
    this.core = core;
    this.isEnded = false;
    /** This session has answered a poll: that, and not the connection, shows that the server works. */
    this.works = false;
    this.acknowledged = 0;
    this.recv = null;
    this.sender = new Sender(this);
    this.recvPause = new Backoff();
    /** Loops that sleep, to be woken. @type {Set<() => void>} */
    this.sleepers = new Set();
    /** This session has begun a comparison; an event has told of missing messages. */
    this.isBegun = false;
    this.wantsCompare = false;
    this.isCutArmed = false;
    /** The refusal of a REGISTER: the account exists. @type {LinkError|null} */
    this.exists = null;
    /** The user logs out: the server closes the RECV connection, and perhaps before it has answered. */
    this.isLeaving = false;
  }

  start() {
    for (const loop of [this.receive(), this.sender.run()]) {
      // A record that cannot be stored ends the session; the owner knows.
      loop.catch((error) => this.core.broke(error));
    }
  }

  end() {
    this.isEnded = true;
    this.works = false;
    this.recv?.close();
    this.sender.end();
    this.wake();
  }

  /** The network, the page or the user is back: nothing waits for a pause, and a silent connection is dropped. */
  hurry() {
    this.recv?.dropIfSilent();
    this.recvPause.hurry();
    this.sender.hurry();
    this.wake();
  }

  /** Receives nothing more; the sender may still ask. */
  stopReceiving() {
    this.isLeaving = true;
  }

  /** Closes both connections right after the next SEND. */
  cutAfterNextSend() {
    this.isCutArmed = true;
  }

  hear(line) {
    this.core.hear(line);
    if (this.isCutArmed && line.direction === "out" && line.line.startsWith("SEND;")) {
      this.isCutArmed = false;
      queueMicrotask(() => [this.recv, this.sender.link].forEach((link) => link?.close()));
    }
  }

  wake() {
    for (const wake of this.sleepers) wake();
  }

  sleep(milliseconds) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(milliseconds, 3_600_000));
      this.sleepers.add(wake);
    });
  }

  // ---- The receiver.

  async receive() {
    while (!this.isEnded && !this.isLeaving) {
      try {
        await this.logIn();
        while (!this.isEnded) await this.poll();
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        await this.noteFailure(error);
      }
    }
  }

  async noteFailure(error) {
    this.recv?.close();
    if (this.isLeaving) return;
    this.works = false;
    if (this.isEnded) return;
    this.sender.refuseQuestions();
    this.core.changed();
    if (error.kind !== "away") {
      this.end();
      await this.core.ended(error);
      return;
    }
    this.core.away(error);
    this.recvPause.noteFailure();
    await this.sleep(this.recvPause.left());
  }

  /** Logs in on the RECV port (section 3), and asks for a key where there is none. */
  async logIn() {
    const { account } = this;
    if (account.register) await this.register();
    this.recv = new Link("recv", (line) => this.hear(line));
    const { user, device, key, password } = account;
    const login = key ? writeLogin("KEY", device, user, key) : writeLogin("DEVICE", device, user, password);
    const opened = await this.recv.open(login, REPLIES.opened).catch((error) => Promise.reject(this.refusal(error)));
    this.acknowledged = opened.acknowledged;
    this.isBegun = false;
    const news = await this.core.decide((now) => ({
      isOther: decide.noteLogin(now, opened),
      isForgotten: decide.noteDevice(now, device, opened.device),
    }));
    if (news.isOther) await this.noteOtherStore();
    else if (news.isForgotten) this.core.tell("device-forgotten");
    if (!account.key) await this.askKey();
  }

  /** Makes the account. One that exists may be the user's, where an earlier REGISTER got no reply: the login finds out. */
  async register() {
    const link = new Link("send", (line) => this.hear(line));
    const { user, password } = this.account;
    try {
      await link.open(writeLogin("REGISTER", user, password), REPLIES.loggedIn);
    } catch (error) {
      if (error.code !== "EXISTS") throw error;
      this.exists = error;
    }
    link.close();
    this.account.register = false;
  }

  /** Returns why there is no session: an account that another one has is refused as such. */
  refusal(error) {
    return this.exists && error.code === "AUTH" ? this.exists : error;
  }

  async askKey() {
    const reply = await this.recv.request(writeRequest("KEY", {}, RECV_REQUESTS), REPLIES.key);
    if (!reply.ok) return;
    await this.core.keepKey(reply.value.key);
    Object.assign(this.account, { key: reply.value.key, password: null });
  }

  async noteOtherStore() {
    this.sender.missing = [];
    this.core.tell("other-store");
    await this.core.reload();
  }

  /** Acknowledges what is durable, and takes in what comes (section 6). The first reply of a session comes at once. */
  async poll() {
    const wait = this.works ? POLL_WAIT : 0;
    const reply = await this.recv.requestList(writePoll(this.core.state().position.last, wait), parseEvent, wait);
    if (!reply.ok && reply.code === "SEQ") {
      await this.core.decide((state) => decide.noteOlderStore(state, this.acknowledged));
      return this.noteOtherStore();
    }
    if (!reply.ok) throw new LinkError("away", reply.code, reply.text);
    const { news, lacks } = await this.core.decide((state) => decide.takeIn(state, reply.records));
    this.noteWorks();
    this.wantsCompare ||= lacks;
    for (const event of news) this.core.news(event);
    if (reply.records.length < POLL_EVENTS) this.noteCaughtUp();
    return undefined;
  }

  noteWorks() {
    if (this.works) return;
    this.works = true;
    this.recvPause.noteSuccess();
    this.sender.pause.hurry();
    this.sender.isPresenceDue = true;
    this.core.changed();
    this.wake();
  }

  /** No events are pending on the server: the history is compared, at first and when an event tells of missing messages. */
  noteCaughtUp() {
    if (this.sender.missing.length > 0 || (this.isBegun && !this.wantsCompare)) return;
    this.isBegun = true;
    this.wantsCompare = false;
    this.sender.compareSoon();
  }
}
