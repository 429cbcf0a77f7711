// The connections to the server: lines in WebSockets (protocol, section 10). A link is one connection, logged in on one of the
// two ports: requests and their replies, each with a deadline. It knows no state of the chats and stores nothing; what a failure
// means for a message, the machine and the owner decide.

import { REPLIES, PAGE_RECORDS, closes, maskReply, maskRequest, parseListRecord, parseReply } from "./record.js";

/** Milliseconds in which a reply has to come, beside those that the server may wait (section 1). */
export const TIMEOUT = 11_000;

/** Milliseconds after which an idle connection to the SEND port is closed: it is for short connections. */
export const SEND_IDLE = 2_000;

/** Seconds that a poll waits: short enough to notice a dead connection soon. */
export const POLL_WAIT = 4;

/** First and longest pause before the next try, in milliseconds, and the first one after RATE, QUOTA or FULL. */
const MIN_PAUSE = 1_000;
const MAX_PAUSE = 30_000;
export const MIN_HOLD = 250;

/** Most characters of a list: a reply has fewer (section 4). */
const LIST_CHARACTERS = 4 << 20;

/**
 * Why there is no reply. `away`: no connection, or it broke, or none came in time; a later try may succeed. `refused`: the
 * server refuses the login. `replaced`: another session of this device has taken over. `logged-out`: the user has ended the
 * session elsewhere. After any of them the outcome of what was asked is unknown (section 1).
 */
export class LinkError extends Error {
  /** @param {"away"|"refused"|"replaced"|"logged-out"} kind */
  constructor(kind, code = "", text = "") {
    super(`${kind} ${code}`);
    Object.assign(this, { kind, code, text });
  }
}

const strange = () => new LinkError("away", "strange");

/** Returns the meaning of a KO to a login line: most do not change with another try. */
function errorOfLogin({ code, text }) {
  if (["RATE", "FULL", "TIMEOUT", "SHUTDOWN", "INTERNAL"].includes(code)) return new LinkError("away", code, text);
  return new LinkError(code === "REPLACED" ? "replaced" : "refused", code, text);
}

/** Returns the meaning of a last line: a KO that answers no request. */
function errorOfClose({ code, text }) {
  const kinds = { REPLACED: "replaced", AUTH: "logged-out", BANNED: "refused" };
  return new LinkError(kinds[code] ?? "away", code, text);
}

/** Returns the address of a port: that of the page. */
function addressOf(port) {
  const url = new URL(`/${port}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

export class Link {
  /** @param {"send"|"recv"} port @param {(line: object) => void} hear Told of every line, masked. */
  constructor(port, hear) {
    this.port = port;
    this.hear = hear;
    this.socket = null;
    /** The request that waits for its reply: the next one is sent after it. */
    this.pending = null;
    /** What a last line has said that came between two requests. @type {LinkError|null} */
    this.ending = null;
    this.isOpen = false;
  }

  /**
   * Connects and logs in.
   * @param {string} login The login line. @param {object} form Of the reply.
   * @returns {Promise<object>} The reply; rejects with a LinkError.
   */
  async open(login, form) {
    await new Promise((resolve, reject) => {
      this.pending = { resolve, reject, take: () => reject(strange()) };
      this.startTimer(TIMEOUT);
      this.connect();
    });
    const reply = await this.request(login, form);
    if (!reply.ok) {
      this.close();
      throw errorOfLogin(reply);
    }
    this.isOpen = true;
    return reply.value;
  }

  connect() {
    this.socket = new WebSocket(addressOf(this.port));
    this.socket.onopen = () => {
      this.tell("open", "");
      this.settle()?.resolve();
    };
    this.socket.onmessage = ({ data }) => this.take(data);
    this.socket.onclose = () => this.fail(new LinkError("away"));
  }

  /**
   * Sends a request that one line answers.
   * @param {object} form @param {number} wait Seconds that the server may wait.
   * @returns {Promise<{ok: true, value: object, fields: string[]} | {ok: false, code: string, text: string}>}
   */
  request(line, form = REPLIES.done, wait = 0) {
    return this.exchange(line, wait, (text) => {
      const reply = parseReply(text, form);
      if (!reply) return this.fail(strange());
      // A KO that closes is a last line, which answers no request but a login, and AUTH a PASSWD (section 4).
      const answers = reply.ok || !closes(reply.code) || !this.isOpen || (reply.code === "AUTH" && /^PASSWD;/.test(line));
      return answers ? this.settle().resolve(reply) : this.fail(errorOfClose(reply));
    });
  }

  /**
   * Sends a request that a list answers.
   * @param {(line: string) => object|null} parse Reads a record.
   * @returns {Promise<{ok: true, records: object[], fields: string[]} | {ok: false, code: string, text: string}>}
   */
  requestList(line, parse, wait = 0) {
    const records = [];
    let fields = null;
    let count = 0;
    let characters = 0;
    return this.exchange(line, wait, (text) => {
      characters += text.length;
      if (fields === null) {
        const head = parseReply(text, REPLIES.list);
        if (!head || (head.ok && head.value.count > PAGE_RECORDS)) return this.fail(strange());
        if (!head.ok) return closes(head.code) ? this.fail(errorOfClose(head)) : this.settle().resolve(head);
        fields = head.fields;
        count = head.value.count;
      } else {
        const record = parse(text);
        if (!record || characters > LIST_CHARACTERS) return this.fail(strange());
        records.push(record);
      }
      if (records.length === count) this.settle().resolve({ ok: true, records, fields });
      return undefined;
    });
  }

  /** Sends a line; `take` gets those that come until the request is settled. */
  exchange(line, wait, take) {
    if (this.ending) return Promise.reject(this.ending);
    if (this.socket?.readyState !== WebSocket.OPEN || this.pending) return Promise.reject(new LinkError("away"));
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject, take, hasKey: line === "KEY" };
      this.startTimer(TIMEOUT + 1_000 * wait);
      this.tell("out", maskRequest(line));
      this.socket.send(line);
    });
  }

  startTimer(milliseconds) {
    const { pending } = this;
    pending.deadline = Date.now() + milliseconds;
    pending.timer = setTimeout(() => this.fail(new LinkError("away")), milliseconds);
  }

  take(line) {
    if (typeof line !== "string") return this.fail(strange());
    this.tell("in", maskReply(line, this.pending?.hasKey));
    if (this.pending) return this.pending.take(line);
    // What comes without a request is a last line: the close follows, and the next request is told.
    const reply = parseReply(line, REPLIES.done);
    if (reply && !reply.ok) this.ending = errorOfClose(reply);
    return undefined;
  }

  /** Takes the request that waits: it is about to get its reply, or its error. */
  settle() {
    const { pending } = this;
    clearTimeout(pending?.timer);
    this.pending = null;
    return pending;
  }

  /** Drops the connection. What waits for a reply gets this error. */
  fail(error) {
    const { socket } = this;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      this.socket = null;
      this.isOpen = false;
      this.tell("close", error.code);
    }
    this.settle()?.reject(error);
  }

  close() {
    this.fail(new LinkError("away"));
  }

  /** Drops a connection on which a reply is overdue: a timer that slept may not have said so (a hidden or frozen page). */
  dropIfSilent() {
    if (this.pending && Date.now() > this.pending.deadline) this.close();
  }

  tell(direction, line) {
    this.hear({ port: this.port, direction, line, time: Date.now() });
  }
}

/** Reads a record of the list that answers a request. */
export const recordOf = (verb) => (line) => parseListRecord(verb, line);

/** Doubling pauses with jitter, so that the pages of a server that comes back do not all come at once. A clock that is set changes
 * none of them. */
export class Backoff {
  constructor(first = MIN_PAUSE) {
    this.first = first;
    this.next = first;
    this.until = 0;
  }

  noteFailure() {
    this.until = performance.now() + this.next * (0.75 + Math.random() / 4);
    this.next = Math.min(this.next * 2, MAX_PAUSE);
  }

  noteSuccess() {
    this.next = this.first;
    this.until = 0;
  }

  /** Ends the pause; the one after the next failure is as long as it would have been. */
  hurry() {
    this.until = 0;
  }

  /** Milliseconds that are left of the pause. */
  left() {
    return Math.max(0, this.until - performance.now());
  }
}
