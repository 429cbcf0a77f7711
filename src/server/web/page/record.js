// The codec of lines: from a line to a value, and from a value to a line (protocol, section 2). It knows the form of every
// request, reply, record of a list and event, each in one table that both directions use. It has no state, and asks nobody.

/** Most bytes of a text as a record writes it, and of a topic (sections 2 and 5). */
export const TEXT_BYTES = 60_000;
export const TOPIC_BYTES = 200;

/** Most records in a page of a list, and in a page of HISTORY; the events that a poll asks for (sections 4 to 6). */
export const PAGE_RECORDS = 1000;
export const POLL_EVENTS = 100;

// ---- Records: a line is fields between `;` (section 2).

/**
 * Reads a line without its LF.
 * @returns {string[]|null} The fields without quotes and escapes; null: it is no record.
 */
export function parseRecord(line) {
  if (hasControl(line, "\t")) return null;
  const fields = [];
  let rest = line;
  while (rest !== null) {
    const split = splitField(rest);
    const field = split && unescape(split.field);
    if (field === null) return null;
    fields.push(field);
    rest = split.rest;
  }
  return fields;
}

/** Writes fields as one line, without its LF. */
export function writeRecord(fields) {
  return fields.map(writeField).join(";");
}

/** Splits off the first field. `rest` is null where the line ends; null instead of both: the quotes are wrong. */
function splitField(text) {
  if (!text.startsWith('"')) {
    const end = text.indexOf(";");
    return end < 0 ? { field: text, rest: null } : { field: text.slice(0, end), rest: text.slice(end + 1) };
  }
  const quoted = /^"((?:[^"]|"")*)"(;|$)/.exec(text);
  if (!quoted) return null;
  const rest = quoted[2] ? text.slice(quoted[0].length) : null;
  return { field: quoted[1].replaceAll('""', '"'), rest };
}

const ESCAPES = { "\\n": "\n", "\\r": "\r", "\\\\": "\\" };

function unescape(field) {
  if (!field.includes("\\")) return field;
  if (/\\(?![nr\\])/.test(field.replaceAll("\\\\", ""))) return null;
  return field.replace(/\\./g, (escape) => ESCAPES[escape]);
}

function writeField(text) {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  const isQuoted = text.includes(";") || text.startsWith('"');
  return isQuoted ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}

/** Checks that a text has a control character other than these. */
function hasControl(text, allowed) {
  for (const [control] of text.matchAll(/\p{Cc}/gu)) {
    if (!allowed.includes(control)) return true;
  }
  return false;
}

const encoder = new TextEncoder();

/** Returns the bytes that a text takes in a record. */
export function lengthInRecord(text) {
  return encoder.encode(writeField(text)).length;
}

// ---- Texts that people type.

/**
 * Makes a text that a record may hold: lone surrogates become U+FFFD, since no UTF-8 has them; line breaks are LF; other
 * control characters but TAB go. What is stored is what is sent, so that a retry has the same bytes.
 */
export function wellFormed(typed) {
  const text = typed.replace(/\p{Surrogate}/gu, "\uFFFD").replace(/\r\n?/g, "\n");
  return text.replace(/\p{Cc}/gu, (control) => ("\t\n".includes(control) ? control : ""));
}

/** Checks that a text is one that a message may have (section 2). */
export function isText(text) {
  return !/\p{Surrogate}/u.test(text) && !hasControl(text, "\t\n\r") && lengthInRecord(text) <= TEXT_BYTES;
}

/** Checks that a text can be the name of a user, or of a room with its `#` (section 3). */
export const isTarget = (text) => TARGET.read(text.trim()) !== undefined;

/** Returns the form in which names are compared (section 3): `María` and `MARÍA` are one user. */
export function mapped(name) {
  return name.normalize("NFKC").toLowerCase().normalize("NFC");
}

// ---- Values of fields: each kind reads a text (undefined: it is not of this kind) and writes it.

const plain = (pattern) => ({ read: (text) => (pattern.test(text) ? text : undefined), write: String });
const number = (digits, most) => ({
  read: (text) => (new RegExp(`^\\d{1,${digits}}$`).test(text) && Number(text) <= most ? Number(text) : undefined),
  write: String,
});
const word = (...words) => ({ read: (text) => (words.includes(text) ? text : undefined), write: String });
const choice = (yes, no) => ({
  read: (text) => (text === yes || text === no ? text === yes : undefined),
  write: (value) => (value ? yes : no),
});
const orEmpty = (kind) => ({
  read: (text) => (text === "" ? null : kind.read(text)),
  write: (value) => (value === null ? "" : kind.write(value)),
});

const NAME = "[^\\p{C}\\p{Z}:;#@\"\\\\/.\\-][^\\p{C}\\p{Z}:;#@\"\\\\/]*";
const SEQ = number(16, Number.MAX_SAFE_INTEGER);
const ID = plain(/^[A-Za-z0-9_-]{1,64}$/);
const USER = plain(new RegExp(`^${NAME}$`, "u"));
const ROOM = plain(new RegExp(`^#${NAME}$`, "u"));
const TARGET = plain(new RegExp(`^#?${NAME}$`, "u"));
const DEVICE = plain(/^(?!others$)[A-Za-z][A-Za-z0-9_-]{0,31}$/);
const KEY = plain(/^[A-Za-z0-9_-]{43}$/);
const FINGERPRINT = plain(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/);
const ADDRESS = plain(/^[0-9A-Fa-f.:]+$/);
const STORE = plain(/^[A-Za-z0-9]{1,64}$/);
const FIELD = { read: (text) => text, write: String };
const TEXT = { read: (text) => (isText(text) ? text : undefined), write: String };
const STATE = word("RECEIVED", "DELIVERED", "READ");
const KIND = word("open", "invite");
const YES = choice("yes", "no");
const ONLINE = choice("online", "offline");
const LIMIT = number(4, PAGE_RECORDS);
const TOPIC = {
  read: (text) => (!hasControl(text, "") && encoder.encode(text).length <= TOPIC_BYTES ? text : undefined),
  write: String,
};
const TIME = {
  read(text) {
    const millis = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) ? Date.parse(text) : NaN;
    return Number.isNaN(millis) ? undefined : millis;
  },
  write: (millis) => new Date(millis).toISOString(),
};
const AFTER = { read: (text) => (text === "*" ? text : SEQ.read(text)), write: String };
const LOGOUT = {
  read: (text) => (text === "others" ? text : (SEQ.read(text) ?? DEVICE.read(text))),
  write: String,
};

// ---- Forms: the fields of a record after its first words, in their order. A name that ends with `?` may be missing.

/** @typedef {Record<string, any>} Form */

/** The requests of the SEND port (section 5) and those of the RECV port (section 6). */
export const REQUESTS = {
  SEND: { id: ID, to: TARGET, text: TEXT },
  READ: { target: TARGET, seq: SEQ },
  STATUS: { target: TARGET, seq: SEQ, "limit?": LIMIT, "after?": USER },
  HISTORY: { target: TARGET, "limit?": LIMIT, "before?": SEQ },
  ERASE: { target: TARGET, seq: SEQ },
  CHATS: { "limit?": LIMIT, "before?": SEQ, "after?": TARGET },
  USERS: { "limit?": LIMIT, "after?": USER },
  JOIN: { room: ROOM },
  LEAVE: { room: ROOM },
  ROOMS: { "limit?": LIMIT, "after?": ROOM },
  MEMBERS: { room: ROOM, "limit?": LIMIT, "after?": USER },
  ROOM: { room: ROOM, kind: KIND },
  TOPIC: { room: ROOM, topic: TOPIC },
  INVITE: { room: ROOM, user: USER },
  KICK: { room: ROOM, user: USER },
  OWNER: { room: ROOM, user: USER },
  PEER: { user: USER, "fingerprint?": FINGERPRINT },
  PERMIT: { "user?": USER, "permitted?": YES },
  PASSWD: { old: FIELD, new: FIELD },
  EMAIL: { address: FIELD },
  SESSIONS: {},
  DEVICES: {},
  SERVERS: {},
  LOGOUT: { which: LOGOUT },
  PING: {},
  HELP: {},
  QUIT: {},
};
export const RECV_REQUESTS = {
  POLL: { after: AFTER, "wait?": number(3, 999), "max?": LIMIT },
  PORT: { port: number(5, 65_535), "fingerprint?": FINGERPRINT },
  KEY: {},
  PING: {},
  QUIT: {},
};

/** What comes after OK (sections 3 to 6). */
export const REPLIES = {
  done: {},
  loggedIn: { user: USER, version: word("wachat/1") },
  opened: { user: USER, version: word("wachat/1"), acknowledged: SEQ, store: STORE, "device?": word("new", "known") },
  accepted: { id: ID, state: word("RECEIVED"), time: TIME, seq: SEQ },
  list: { count: SEQ },
  key: { key: KEY },
  peer: { address: ADDRESS, port: number(5, 65_535), token: ID, "fingerprint?": FINGERPRINT },
};

/** The records of lists, by the request that is answered by one (section 5). */
export const RECORDS = {
  STATUS: { user: USER, state: STATE },
  HISTORY: { seq: SEQ, id: ID, from: USER, to: TARGET, time: TIME, state: STATE, text: TEXT, "erased?": FIELD },
  CHATS: { target: TARGET, last: SEQ, read: SEQ, count: SEQ, "erased?": SEQ },
  USERS: { name: USER, online: ONLINE, time: orEmpty(TIME) },
  ROOMS: { name: ROOM, members: SEQ, member: YES, kind: KIND, owner: orEmpty(USER), topic: TOPIC },
  MEMBERS: { name: USER, online: ONLINE },
  SESSIONS: { session: SEQ, port: word("SEND", "RECV"), address: ADDRESS, time: TIME, own: choice("this", "other"),
    device: orEmpty(DEVICE) },
  DEVICES: { name: DEVICE, time: TIME, online: ONLINE, key: choice("key", "password") },
  PERMIT: { user: USER, permitted: YES },
  SERVERS: { host: FIELD, send: number(5, 65_535), recv: number(5, 65_535), "fingerprint?": FINGERPRINT },
  HELP: { form: FIELD, purpose: FIELD },
};

/** The events, by the word after the number (section 7). */
export const EVENTS = {
  MSG: { id: ID, from: USER, to: TARGET, time: TIME, text: TEXT, "erased?": FIELD },
  STATE: { target: TARGET, state: word("DELIVERED", "READ"), upto: SEQ, time: TIME },
  GAP: { room: ROOM, first: SEQ, last: SEQ },
  DAMAGED: { target: TARGET },
  ERASED: { target: TARGET, first: SEQ, last: SEQ, from: USER },
  ONLINE: { user: USER, time: TIME },
  OFFLINE: { user: USER, time: TIME },
  JOIN: { room: ROOM, user: USER, time: TIME },
  PART: { room: ROOM, user: USER, time: TIME },
  ROOM: { room: ROOM, roomKind: KIND, owner: orEmpty(USER), topic: TOPIC },
  INVITE: { room: ROOM, from: USER },
  READ: { target: TARGET, upto: SEQ },
  PEER: { user: USER, token: ID, "fingerprint?": FINGERPRINT },
  CALL: { user: USER, time: TIME },
  NOTICE: { time: TIME, text: TEXT },
};

/** Reads fields of a form from an index on; others may follow (section 2). Null: they are not of the form. */
export function readForm(form, fields, from) {
  const value = {};
  let index = from;
  for (const [name, kind] of Object.entries(form)) {
    const text = fields[index];
    index += 1;
    if (text === undefined && name.endsWith("?")) continue;
    const read = text === undefined ? undefined : kind.read(text);
    if (read === undefined) return null;
    value[name.replace("?", "")] = read;
  }
  return value;
}

/** Returns the fields of a value, up to the last one that it has. */
export function fieldsOf(form, value) {
  const fields = [];
  for (const [name, kind] of Object.entries(form)) {
    const field = value[name.replace("?", "")];
    if (field === undefined) break;
    fields.push(kind.write(field));
  }
  return fields;
}

/** An erased message has an empty text, and the word says so; after another text the field means nothing. */
const readErased = (message) => ({ ...message, erased: message.text === "" && message.erased === "erased" });

// ---- Requests.

/** Writes a request. @param {Form} value */
export function writeRequest(verb, value = {}, forms = REQUESTS) {
  return writeRecord([verb, ...fieldsOf(forms[verb], value)]);
}

/** Writes a poll: acknowledges up to `after`, and waits (section 6). */
export function writePoll(after, wait) {
  return writeRequest("POLL", { after, wait, max: POLL_EVENTS }, RECV_REQUESTS);
}

/** Writes a login line, which is no record (section 3). @param {"LOGIN"|"REGISTER"|"DEVICE"|"KEY"} verb */
export function writeLogin(verb, ...parts) {
  return [verb, ...parts].join(":");
}

/** Checks that these are parts of a login line: no line break, and a colon in the last one alone. */
export function isLogin(...parts) {
  return parts.every((part, index) => part !== "" && !/[\n\r]/.test(part) && (index === parts.length - 1 || !part.includes(":")));
}

// ---- Replies, lists and events.

/**
 * Reads the first line of a reply (section 4).
 * @param {Form} form Of what comes after OK.
 * @returns {{ok: true, value: Form, fields: string[]} | {ok: false, code: string, text: string} | null} Null: it is none.
 */
export function parseReply(line, form) {
  const fields = parseRecord(line);
  if (fields?.[0] === "KO" && fields.length >= 3) return { ok: false, code: fields[1], text: fields[2] };
  const value = fields?.[0] === "OK" ? readForm(form, fields, 1) : null;
  return value && { ok: true, value, fields };
}

/** KO codes after which the server closes the connection (section 4). */
const CLOSING = ["AUTH", "BANNED", "CLOSED", "EXISTS", "TLS", "TIMEOUT", "TOO_LONG", "REPLACED", "SHUTDOWN", "INTERNAL"];

export const closes = (code) => CLOSING.includes(code);

/** Codes of refusals that a later retry may not meet. */
export const isTemporary = (code) => ["QUOTA", "RATE", "FULL"].includes(code);

/**
 * Reads a record of a list. Of HISTORY one may be `{damaged: true, first, last}`.
 * @param {string} verb The request that the list answers.
 */
export function parseListRecord(verb, line) {
  const fields = parseRecord(line);
  if (!fields) return null;
  if (verb === "HISTORY" && fields[0] === "DAMAGED") {
    const damaged = readForm({ first: SEQ, last: SEQ }, fields, 1);
    return damaged && { damaged: true, ...damaged };
  }
  const value = readForm(RECORDS[verb], fields, 0);
  if (value && verb === "CHATS") return { erased: 0, ...value };
  return value && verb === "HISTORY" ? readErased(value) : value;
}

/**
 * Reads an event (section 7), with `seq` and `kind`. One of a kind that is not known has nothing else.
 * @returns {Form|null} Null: it is none.
 */
export function parseEvent(line) {
  const fields = parseRecord(line);
  const seq = SEQ.read(fields?.[0] ?? "");
  const kind = fields?.[1];
  if (seq === undefined || kind === undefined) return null;
  if (!Object.hasOwn(EVENTS, kind)) return { seq, kind, isUnknown: true };
  const value = readForm(EVENTS[kind], fields, 2);
  if (!value || (kind === "GAP" && value.last !== seq)) return null;
  return { ...(kind === "MSG" ? readErased(value) : value), seq, kind };
}

// ---- Masks: no password and no key is shown.

const MASK = "***";

/** Masks a line that goes out. */
export function maskRequest(line) {
  const login = /^((?:LOGIN|REGISTER):[^:]*:|(?:DEVICE|KEY):[^:]*:[^:]*:)/i.exec(line);
  if (login) return login[1] + MASK;
  return /^"?passwd\b/i.test(line) ? `PASSWD;${MASK};${MASK}` : line;
}

/** Masks a line that comes. @param {boolean} hasKey It answers KEY. */
export function maskReply(line, hasKey) {
  return hasKey && line.startsWith("OK;") ? `OK;${MASK}` : line;
}
