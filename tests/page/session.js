// Sessions of the page on sockets that this test answers: what a server says at a login, and between two requests; their pauses.

import assert from "node:assert/strict";
import { Backoff, Link } from "./page/link.js";
import { REPLIES } from "./page/record.js";
import { Session } from "./page/session.js";
import { newState } from "./page/machine.js";

globalThis.location = { href: "http://localhost/" };

/** A socket whose lines go to `answer`, which returns those that come back. */
let answer = () => [];
globalThis.WebSocket = class {
  static OPEN = 1;

  constructor(url) {
    this.port = new URL(url).pathname.slice(1);
    this.readyState = 1;
    this.lines = [];
    queueMicrotask(() => this.onopen?.());
  }

  send(line) {
    for (const reply of answer(this.port, line)) queueMicrotask(() => this.onmessage?.({ data: reply }));
  }

  close() {
    this.readyState = 3;
  }
};

const rest = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A last line that comes between two requests is what the next one is told. */
async function testLastLine() {
  const link = new Link("recv", () => {});
  answer = () => ["OK;ana;wachat/1;0;store;new"];
  await link.open("DEVICE:page:ana:x", REPLIES.opened);
  link.socket.onmessage({ data: "KO;REPLACED;another session" });
  link.socket.onclose();
  await assert.rejects(link.request("PING"), (error) => error.kind === "replaced");
}

/** Returns why the session of somebody who registers has ended; null: it works. */
async function register(password) {
  let polls = 0;
  answer = (port, line) => {
    if (line.startsWith("REGISTER:")) return ["KO;EXISTS;the name is taken"];
    if (line.startsWith("DEVICE:")) return [line.endsWith(":right") ? "OK;ana;wachat/1;0;store;new" : "KO;AUTH;wrong"];
    if (line === "KEY") return ["KO;SYNTAX;no keys"];
    if (line.startsWith("POLL;")) polls += 1;
    return line.startsWith("POLL;") && polls === 1 ? ["OK;0"] : [];
  };
  let ended = null;
  const state = newState("ana");
  const core = new Proxy(
    { state: () => state, decide: async (decision) => decision(state), ended: (error) => (ended = error) },
    { get: (core, name) => core[name] ?? (() => {}) });
  const session = new Session({ user: "ana", device: "page", key: null, password, register: true }, core);
  session.start();
  for (let turn = 0; turn < 100 && !session.works && !ended; turn += 1) await rest();
  const { works } = session;
  session.end();
  return works ? null : ended.code;
}

/** The account of a REGISTER that got no reply is the user's; another one is not. */
async function testRegister() {
  assert.equal(await register("right"), null);
  assert.equal(await register("wrong"), "EXISTS");
}

/** A clock that is set back while a pause lasts makes it no longer. */
function testPause() {
  const { now } = Date;
  const pause = new Backoff(1_000);
  pause.noteFailure();
  Date.now = () => now() - 3_600_000;
  assert.ok(pause.left() > 0 && pause.left() <= 1_000, String(pause.left()));
  Date.now = now;
}

await testLastLine();
testPause();
await testRegister();
console.log("done");
process.exit(0);
