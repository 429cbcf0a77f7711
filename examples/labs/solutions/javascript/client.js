#!/usr/bin/env node
// A client of the wachat protocol (src/protocol/protocol.md), with Node's standard library only.
//
//     WACHAT_USER=ana WACHAT_PASSWORD='palabra larga' node client.js
//
// A line `@luis: hola` on standard input is a message to luis, `@#sala: hola` one to a room. What arrives is printed,
// one line a message. At the end of its input the program ends once each message has its OK.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const readline = require("node:readline");

const HOST = process.env.WACHAT_SERVER ?? "127.0.0.1";
const SEND_PORT = Number(process.env.WACHAT_SEND_PORT ?? 1666);
const RECV_PORT = Number(process.env.WACHAT_RECV_PORT ?? 1999);
const USER = process.env.WACHAT_USER;
const PASSWORD = process.env.WACHAT_PASSWORD;
const NOTES = path.join(process.env.WACHAT_HOME ?? ".", `${USER}.notes`);

const TIMEOUT = 10_000; // milliseconds without a byte after which a connection counts as lost
const WAIT = 5; // seconds that a POLL waits for an event; less than TIMEOUT
const LATER = ["QUOTA", "RATE", "FULL", "TIMEOUT", "SHUTDOWN", "INTERNAL"]; // a retry may succeed (section 4)
const ENDED = ["AUTH", "BANNED", "REPLACED"]; // the program ends; what has no reply waits for its next run (section 1)

/** No reply, or a KO after which a retry may succeed. Errors of the socket count as this, too. */
class Lost extends Error {}

/** Any other KO: the request had no effect, and a retry would get the same answer. */
class Refused extends Error {}

// ---- Lines and records (section 2) ----

class Connection {
  constructor(port) {
    this.socket = net.createConnection(port, HOST);
    this.socket.setTimeout(TIMEOUT, () => this.socket.destroy(new Lost("nothing came for too long")));
    this.chunks = this.socket[Symbol.asyncIterator]();
    this.rest = Buffer.alloc(0); // bytes that have arrived and belong to the next lines
  }

  /** Waits for more bytes. */
  async receive() {
    const { value, done } = await this.chunks.next();
    if (done) throw new Lost("the server has closed the connection");
    return value;
  }

  /** Returns the next line without its LF. An error: the connection is gone. */
  async nextLine() {
    // TODO 1 (section 2, "The way in which TCP cuts or joins lines"): what one receive returns is not one line.
    //- return (await this.receive()).toString().split("\n")[0];
    while (!this.rest.includes(10)) {
      this.rest = Buffer.concat([this.rest, await this.receive()]);
    }
    const end = this.rest.indexOf(10);
    const line = this.rest.subarray(0, end).toString();
    this.rest = this.rest.subarray(end + 1);
    return line.endsWith("\r") ? line.slice(0, -1) : line;
    // END 1
  }

  /** Sends a line and returns the fields of its reply behind OK. */
  async ask(line) {
    this.socket.write(line + "\n");
    const [head, ...rest] = split(await this.nextLine());
    if (head === "KO" && ENDED.includes(rest[0])) giveUp(rest.join("; "));
    if (head === "KO") throw new (LATER.includes(rest[0]) ? Lost : Refused)(rest.join("; "));
    return rest;
  }

  close() {
    this.socket.destroy();
  }
}

// TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes.
//- /** Returns the fields of a record. */
//- function split(line) {
//-   return line.split(";");
//- }
//-
//- /** Writes a field as a record has it. */
//- function quote(field) {
//-   return field;
//- }
/** Returns the fields of a record. */
function split(line) {
  const fields = [""];
  let state = "start"; // of a field; then bare, or quoted, and closed after a quote that may be the last
  const characters = line[Symbol.iterator]();
  for (let c of characters) {
    if (state === "start" && c === '"') {
      state = "quoted";
    } else if (state === "quoted" && c === '"') {
      state = "closed";
    } else if (state !== "quoted" && c === ";") {
      fields.push("");
      state = "start";
    } else {
      if (c === "\\") {
        c = characters.next().value ?? "";
        c = { n: "\n", r: "\r" }[c] ?? c;
      }
      fields[fields.length - 1] += c;
      if (state === "closed") state = "quoted"; // it was the first of two quotes, which stand for one
      else if (state === "start") state = "bare";
    }
  }
  return fields;
}

/** Writes a field as a record has it. */
function quote(field) {
  field = field.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return field.includes(";") || field.startsWith('"') ? `"${field.replaceAll('"', '""')}"` : field;
}
// END 2

// ---- What has to survive a kill: messages without an OK, and the last event that was shown ----

const outbox = new Map(); // id: [to, text]
const seen = { store: "", number: 0 };

function apply([kind, ...rest]) {
  if (kind === "OUT") outbox.set(rest[0], [rest[1], rest[2]]);
  else if (kind === "DONE") outbox.delete(rest[0]);
  else if (kind === "SEEN") Object.assign(seen, { store: rest[0], number: Number(rest[1]) });
}

// TODO 6 (lab 6): the notes are records in the file NOTES, each durable before what depends on it.
//- /** Reads the notes of the runs before this one. */
//- function recall() {}
//-
//- /** Writes a note and applies it. */
//- function note(...fields) {
//-   apply(fields);
//- }
/** Reads the notes of the runs before this one. */
function recall() {
  const file = fs.openSync(NOTES, "a+");
  const all = fs.readFileSync(file);
  const whole = all.subarray(0, all.lastIndexOf(10) + 1);
  for (const line of whole.toString().split("\n").slice(0, -1)) apply(split(line));
  fs.ftruncateSync(file, whole.length); // a kill may have left half a record
  fs.closeSync(file);
}

/** Writes a note and applies it. */
function note(...fields) {
  const file = fs.openSync(NOTES, "a");
  fs.writeSync(file, fields.map(quote).join(";") + "\n");
  fs.fsyncSync(file);
  fs.closeSync(file);
  apply(fields);
}
// END 6

// ---- Requests ----

/** Opens a connection and logs in. Returns the connection and the reply. A KO for good ends the program. */
async function logIn(port) {
  const connection = new Connection(port);
  // TODO 3 (section 3): the login line, and what its reply may be.
  //- connection.socket.write(`LOGIN:${USER}:${PASSWORD}\n`);
  //- return [connection, split(await connection.nextLine()).slice(1)];
  try {
    return [connection, await connection.ask(`LOGIN:${USER}:${PASSWORD}`)];
  } catch (error) {
    connection.close();
    if (error instanceof Refused) giveUp(`not logged in: ${error.message}`);
    throw error;
  }
  // END 3
}

/** Sends one request on a connection of its own (section 1: the SEND port is for short connections). */
async function request(line) {
  const [connection] = await logIn(SEND_PORT);
  try {
    return await connection.ask(line);
  } finally {
    connection.close();
  }
}

/** Does a request, until there is an outcome: a result, or Refused. */
async function retry(work) {
  // TODO 4 (section 4, "No reply means that the outcome is unknown"): the same again, after a pause that grows.
  //- return await work();
  for (let pause = 1000; ; pause = Math.min(2 * pause, 8000)) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Refused) throw error;
      show(`* trying again: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  // END 4
}

/** Sends a message; every attempt has the same id, so it is stored once. Returns false after a KO. */
async function send(id, to, text) {
  let isSent = true;
  try {
    await retry(() => request(`SEND;${id};${quote(to)};${quote(text)}`));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    show(`* not sent to ${to}: ${error.message}`);
    isSent = false;
  }
  note("DONE", id);
  return isSent;
}

// ---- Events (sections 6 and 7) ----

/** Polls on one connection until it is lost. Each POLL acknowledges what was shown. */
async function receive() {
  const [connection, [, , acknowledged, store]] = await logIn(RECV_PORT);
  try {
    if (store !== seen.store) note("SEEN", store, acknowledged); // its numbers are not ours
    for (;;) {
      const [count] = await connection.ask(`POLL;${seen.number};${WAIT}`);
      for (let i = 0; i < Number(count); i++) await take(split(await connection.nextLine()), store);
    }
  } finally {
    connection.close();
  }
}

/** Takes one event: shows a message, notes the number, and says that the message was read. */
async function take([number, kind, ...rest], store) {
  // TODO 5 (sections 5 to 7): each number once, READ for what was shown, and 0 is no number to note.
  //- if (kind === "MSG") show(`${rest[1]}: ${rest[4]}`);
  //- note("SEEN", store, number);
  if (Number(number) !== 0 && Number(number) <= seen.number) return;
  const [, sender, target, when, text] = rest;
  const isRoom = kind === "MSG" && target.startsWith("#");
  if (kind === "MSG") show(`${when.slice(11, 16)} ${isRoom ? target + " " : ""}${sender}: ${text}`);
  else if (kind === "STATE") show(`* ${rest[0]}: ${rest[1]} up to ${rest[2]}`);
  // After it was shown: a kill between the two shows it again, and loses nothing.
  if (Number(number) !== 0) note("SEEN", store, number);
  if (kind === "MSG") {
    try {
      await retry(() => request(`READ;${quote(isRoom ? target : sender)};${number}`));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      show(`* ${error.message}`);
    }
  }
  // END 5
}

/** Prints a line. Control characters of other users do not reach the terminal. */
function show(text) {
  fs.writeSync(1, text.replace(/[\p{Cc}\p{Cf}]/gu, "?") + "\n"); // console.log returns before a slow reader has it
}

function giveUp(why) {
  show(`* ${why}`);
  process.exit(1);
}

/** Receives on one connection after the other (section 1, "Connecting again"). */
async function keepReceiving() {
  for (let pause = 500; ; ) {
    const begin = Date.now();
    try {
      await receive();
    } catch (error) {
      if (error instanceof Refused) giveUp(error.message);
      show(`* connecting again: ${error.message}`);
      pause = Date.now() - begin > TIMEOUT ? 1000 : Math.min(2 * pause, 8000);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function main() {
  recall();
  keepReceiving();
  const results = [];
  for (const [id, [to, text]] of [...outbox]) results.push(await send(id, to, text));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [, to, text] = /^@(.*?): (.*)$/.exec(line) ?? [];
    if (to === undefined) {
      show("* write @name: text");
      continue;
    }
    const id = crypto.randomBytes(12).toString("hex"); // chosen once, before the first attempt
    note("OUT", id, to, text);
    results.push(await send(id, to, text));
  }
  process.exit(results.every(Boolean) ? 0 : 1); // without waiting for the polls
}

main().catch((error) => giveUp(error.message));
