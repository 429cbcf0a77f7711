// The codec of the page beside that of the server: each line of the corpus is read and written again as the same line. The
// corpus is a file of JSON, one object a line: `form` says what the line is, `fields` which fields it has as a record.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as record from "./page/record.js";

const corpus = readFileSync(process.argv[2], "utf8").split("\n").map((line) => JSON.parse(line));
const seen = new Map();

/** Returns a line that was read and written again, by its form. */
function again(form, line) {
  const [kind, name] = form.split(":");
  switch (kind) {
    case "event": {
      const event = record.parseEvent(line);
      note(`event:${event.kind}`);
      return writeEvent(event);
    }
    case "send":
    case "recv": {
      const forms = kind === "send" ? record.REQUESTS : record.RECV_REQUESTS;
      const { verb, ...value } = parseRequest(line, forms);
      note(`${kind}:${verb}`);
      return record.writeRequest(verb, value, forms);
    }
    case "list": {
      note(form);
      return writeListRecord(name, record.parseListRecord(name, line));
    }
    case "reply": {
      note(form);
      return writeReply(record.REPLIES[name], record.parseReply(line, record.REPLIES[name]).value);
    }
    case "ko": {
      const { ok, code, text } = record.parseReply(line, record.REPLIES.done);
      assert.equal(ok, false);
      // The page ignores the server that a SHUTDOWN names.
      const further = code === "SHUTDOWN" ? record.parseRecord(line).slice(3) : [];
      return record.writeRecord(["KO", code, text, ...further]);
    }
    case "login": {
      const [verb, ...parts] = line.split(":");
      return record.writeLogin(verb, ...parts);
    }
    default:
      return line;
  }
}

/** Reads a request, with `verb`. */
function parseRequest(line, forms) {
  const [verb, ...fields] = record.parseRecord(line);
  assert.ok(fields.length <= Object.keys(forms[verb.toUpperCase()]).length, line);
  return { verb: verb.toUpperCase(), ...record.readForm(forms[verb.toUpperCase()], fields, 0) };
}

function writeReply(form, value) {
  return record.writeRecord(["OK", ...record.fieldsOf(form, value)]);
}

function writeListRecord(verb, value) {
  if (value.damaged) return record.writeRecord(["DAMAGED", String(value.first), String(value.last)]);
  return record.writeRecord(record.fieldsOf(record.RECORDS[verb], verb === "HISTORY" ? writeErased(value) : value));
}

function writeEvent(event) {
  const value = event.kind === "MSG" ? writeErased(event) : event;
  return record.writeRecord([String(event.seq), event.kind, ...record.fieldsOf(record.EVENTS[event.kind] ?? {}, value)]);
}

const writeErased = (message) => ({ ...message, erased: message.erased ? "erased" : undefined });

function note(form) {
  seen.set(form, (seen.get(form) ?? 0) + 1);
}

for (const { form, line, fields } of corpus) {
  const what = JSON.stringify({ form, line });
  if (form !== "login") {
    const read = record.parseRecord(line);
    assert.deepEqual(read, fields, what);
    if (read) assert.deepEqual(record.parseRecord(record.writeRecord(read)), fields, what);
  }
  if (form === "record") {
    assert.equal(record.writeRecord(fields), line, what);
    assert.equal(record.lengthInRecord(fields[0]), Buffer.byteLength(record.writeRecord([fields[0]])), what);
  }
  let written = null;
  assert.doesNotThrow(() => (written = again(form, line)), what);
  assert.equal(written, line, what);
}

// Every form was met.
const wanted = [
  ...Object.keys(record.EVENTS).map((kind) => `event:${kind}`),
  ...Object.keys(record.REQUESTS).map((verb) => `send:${verb}`),
  ...Object.keys(record.RECV_REQUESTS).map((verb) => `recv:${verb}`),
  ...Object.keys(record.RECORDS).map((verb) => `list:${verb}`),
  ...Object.keys(record.REPLIES).map((name) => `reply:${name}`),
];
for (const form of wanted) assert.ok(seen.has(form), `${form} is in the corpus`);

// What people type is made of whole characters, and of those that a record may hold.
assert.equal(record.wellFormed("a\ud800b\udc00 \ud83d\ude42\r\nc\rd\u0007\u0085\te"), "a\ufffdb\ufffd \ud83d\ude42\nc\nd\te");
assert.ok(record.isText("x".repeat(60_000)) && !record.isText("x".repeat(60_001)));
assert.ok(record.isText("\n".repeat(30_000)) && !record.isText("\n".repeat(30_001)) && !record.isText("ñ".repeat(30_001)));
assert.ok(!record.isText("\ud800") && !record.isText("\u0000"));
for (const name of ["#", "", "a b", "a;b", "#a#", ".a", "-a", "a:b", "a@b"]) assert.ok(!record.isTarget(name), name);
for (const name of ["ana", "#sala", "María", "x.y-z_0", "пётр"]) assert.ok(record.isTarget(name), name);
assert.equal(record.mapped("MARÍA"), record.mapped("mari\u0301a"));
// No password and no key is shown.
for (const [line, masked] of [
  ["LOGIN:ana:a:b", "LOGIN:ana:***"],
  ["register:ana:secret", "register:ana:***"],
  ["DEVICE:page:ana:a:b", "DEVICE:page:ana:***"],
  ["KEY:page:ana:secret", "KEY:page:ana:***"],
  ["PASSWD;old;new", "PASSWD;***;***"],
  ["SEND;1;ana;LOGIN:x", "SEND;1;ana;LOGIN:x"],
]) {
  assert.equal(record.maskRequest(line), masked);
}
assert.equal(record.maskReply("OK;key", true), "OK;***");
assert.equal(record.maskReply("OK;key", false), "OK;key");
console.log(`${corpus.length} lines`);
