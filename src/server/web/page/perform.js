// What takes several requests of the protocol: lists page by page, and the search for a message of which it is not known
// whether the server has it. Each function works on a link that is logged in on the SEND port, and knows no state.

import { Backoff, LinkError, MIN_HOLD, recordOf } from "./link.js";
import { PAGE_RECORDS, REPLIES, writeRequest } from "./record.js";

/** Most tries of a request that is refused by RATE (section 4). */
const RATE_TRIES = 5;

/** Most pages of one list: 100,000 users are a hundred. */
const MOST_PAGES = 100;

const sleep = (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds));

/** Repeats a request while the user is above the rate, a few times. */
async function withRate(request) {
  const pause = new Backoff(MIN_HOLD);
  for (let tries = 1; tries < RATE_TRIES; tries += 1) {
    const reply = await request();
    if (reply.ok || reply.code !== "RATE") return reply;
    pause.noteFailure();
    await sleep(pause.left());
  }
  return request();
}

/** Sends a request that OK alone answers. @param {import("./link.js").Link} link */
export function ask(link, verb, value) {
  return withRate(() => link.request(writeRequest(verb, value)));
}

/** Sends a request that a list answers, which is no page of a longer one. */
export function askList(link, verb, value) {
  return withRate(() => link.requestList(writeRequest(verb, value), recordOf(verb)));
}

/** The value of the request for the page after a record, by the request (section 4). */
const NEXT_PAGE = {
  CHATS: (last) => ({ before: last.last, after: last.target }),
  USERS: (last) => ({ after: last.name }),
  ROOMS: (last) => ({ after: last.name }),
  MEMBERS: (last) => ({ after: last.name }),
  STATUS: (last) => ({ after: last.user }),
};

/**
 * Fetches a list, page after page, up to the page that is not full or a number of pages.
 * @returns {Promise<{ok: true, records: object[]} | {ok: false, code: string, text: string}>}
 */
export async function fetchList(link, verb, value = {}, pages = MOST_PAGES) {
  const records = [];
  for (let page = 0; page < pages; page += 1) {
    const next = page === 0 ? {} : NEXT_PAGE[verb](records.at(-1));
    const reply = await askList(link, verb, { ...value, limit: PAGE_RECORDS, ...next });
    if (!reply.ok) return reply;
    records.push(...reply.records);
    if (reply.records.length < PAGE_RECORDS) break;
  }
  return { ok: true, records };
}

/** Fetches a page of HISTORY: the last records, or the last ones below a number. */
export function fetchHistory(link, target, before, limit = PAGE_RECORDS) {
  return askList(link, "HISTORY", before === null ? { target, limit } : { target, limit, before });
}

/** Sends a message. After RATE the owner holds the conversation. */
export async function sendMessage(link, { id, target, text }) {
  const reply = await link.request(writeRequest("SEND", { id, to: target, text }), REPLIES.accepted);
  if (reply.ok && reply.value.id !== id) throw new LinkError("away", "strange");
  return reply;
}

/**
 * Sends a message again after an attempt of unknown outcome, unless the server has it above a number: it remembers the id for
 * a time only (section 5).
 */
export async function retryMessage(link, message, above, me) {
  const found = await findSent(link, message, above, me);
  return found ? { ok: true, value: found } : sendMessage(link, message);
}

async function findSent(link, message, above, me) {
  let before = null;
  let limit = 50;
  for (;;) {
    const page = await fetchHistory(link, message.target, before, limit);
    // It is not known yet whether the server has the message.
    if (!page.ok && page.code === "RATE") throw new LinkError("away", page.code, page.text);
    const records = page.ok ? page.records : [];
    const sent = records.find(({ id, from }) => id === message.id && from === me);
    if (sent) return sent;
    const oldest = records[0]?.first ?? records[0]?.seq;
    if (oldest === undefined || oldest <= above + 1) return null;
    // A server that does not go back would be asked for ever.
    if (before !== null && oldest >= before) throw new LinkError("away", "strange");
    before = oldest;
    limit = PAGE_RECORDS;
  }
}
