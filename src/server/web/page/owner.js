// The owner of the page's state: joins the machine, the store and the two links. It takes one event after the other (a line of
// the server, a call of the view, a timer), has the machine decide, makes the records durable in one transaction, and only then
// carries out what depends on them. It draws nothing.
//
// The view gets what it draws from `owner.view()` and calls the other methods; nothing else passes between them.

/**
 * A row of a conversation.
 * @typedef {object} Row
 * @property {"message"|"gap"|"damaged"} kind A gap stands for messages that the server alone has (`loadOlder` fetches them);
 *   `damaged` for messages that it cannot read.
 * @property {string} key Unique in its conversation, and the same as long as the row is.
 * @property {number|null} seq Number on the server; null: it has none yet, or the server refused it. Of a gap the last one.
 * @property {string} id
 * @property {string} from
 * @property {string} text Exactly as it was sent.
 * @property {boolean} erased It was taken back: the text is empty.
 * @property {number|null} time Milliseconds since 1970, of the server's clock once it has the message.
 * @property {"queued"|"sent"|"received"|"delivered"|"read"|"refused"} state Of the user's own message. `queued`: in the outbox;
 *   `sent`: a SEND was made of it, and its outcome is unknown; `received`: durable on the server. Others' messages: `received`.
 * @property {string|null} reason Why it was refused, or waits: the code of the server, as `NO_USER` or `QUOTA`.
 * @property {boolean} mine
 * @property {number|null} readers Always null so far: STATUS tells who has read.
 */

/**
 * A conversation.
 * @typedef {object} Chat
 * @property {string} target A user's name, or `#` and a room's.
 * @property {"direct"|"room"} kind
 * @property {number} unread Messages of others that were not seen.
 * @property {number} mentions Those among them that name the user.
 * @property {number} seen The number up to which the user has seen them: the unread ones are above it.
 * @property {Row|null} last
 * @property {boolean|null} online Of the other user; null: unknown, or a room.
 * @property {string} topic
 * @property {string|null} owner Who owns the room.
 * @property {"open"|"invite"|null} roomKind
 * @property {boolean} member False: a room that the user is known to have left.
 * @property {boolean} muted
 * @property {boolean} ignored
 * @property {string} draft
 */

/**
 * Something to tell the user once. `key` is one of: `other-store`, `device-forgotten`, `device-remains` (logged out here, but
 * the server was not told), `damaged` (target), `announcement` (text), `call` (user), `invited` (room, user), `joined` and
 * `left` (room: on another device), `kicked` (room), `in-room` and `out-of-room` (room, user), `room-changed` (room), `waits`
 * (target, code), `refused` (target, code, text), `storage-failed`, `full` (too many conversations), `not-lasting`.
 * @typedef {{number: number, key: string, target?: string, user?: string, room?: string, text?: string, code?: string}} Notice
 */

/**
 * Everything that the view draws. It is read only, and made anew at each call.
 * @typedef {object} View
 * @property {"signed-out"|"signing-in"|"open"|"taken-over"|"broken"} phase
 * @property {boolean} offline The server is away, or not yet reached: messages wait in the outbox.
 * @property {string|null} reason Why the phase or the server's absence is as it is: a code of the server (`AUTH`, `BANNED`, ...),
 *   or one of `away`, `key-ended`, `logged-out`, `replaced`, `other-page`, `newer-database`, `storage`, `strange`.
 * @property {string|null} reasonText The text of the server's KO.
 * @property {string|null} me
 * @property {Chat[]} chats In the order of the last message, the newest first.
 * @property {(target: string, range?: {before?: string|null, count?: number}) => Row[]} rows The last `count` rows before the row
 *   with the key `before`, or the last ones, oldest first. The user's messages of the outbox are the last ones.
 * @property {(target: string) => boolean} hasOlder There are rows that `loadOlder` brings.
 * @property {(target: string) => {name: string, online: boolean}[]|null} members Null: not fetched yet (`command("MEMBERS", room)`).
 * @property {Row[]} outbox With a `target` each.
 * @property {Notice[]} notices The newest 50, oldest first.
 * @property {{name: string, members: number, member: boolean, kind: string, owner: string|null, topic: string}[]|null} rooms
 * @property {{name: string, time: number, online: boolean, key: boolean, own: boolean}[]|null} devices
 * @property {boolean} lasts What is stored here stays when the page is closed.
 * @property {boolean} secure Nobody in between can read along (https, or this machine).
 * @property {boolean} cut A cut of the connections is armed.
 */

/**
 * A line as it goes or comes, for the drawer: passwords and keys are masked.
 * @typedef {{port: "send"|"recv", direction: "out"|"in"|"open"|"close", line: string, time: number}} Line
 */

/**
 * The answer to a command: the fields of the reply, and the records of a list.
 * @typedef {{ok: true, fields: string[], records: object[]} | {ok: false, code: string, text: string}} Answer
 */

/**
 * Starts the owner. `onChange`: something to draw has changed; the view reads `view()` at its next frame.
 * @param {{onChange: () => void}} options
 */
export function start({ onChange }) {
  void onChange;
  const signedOut = {
    phase: "signed-out", offline: false, reason: null, reasonText: null, me: null, chats: [], rows: () => [],
    hasOlder: () => false, members: () => null, outbox: [], notices: [], rooms: null, devices: null, lasts: false,
    secure: window.isSecureContext, cut: false,
  };
  return {
    /** @returns {View} */
    view: () => signedOut,
    /** Logs in, or registers and logs in. `stay`: outbox, history and a key stay in this browser.
     * @param {{user: string, password: string, register: boolean, stay: boolean}} account @returns {Promise<void>} */
    signIn: async (account) => void account,
    /** Ends the session, and forgets device, key and database. @returns {Promise<void>} */
    signOut: async () => {},
    /** Takes over from the newer page, or from the session that has replaced this one. @returns {Promise<void>} */
    useHere: async () => {},
    /** Queues a message. Resolves when it is durable in the outbox; rejects with an Error whose message is `too-long`, `full`,
     * `no-target` or `storage`. @param {string} target @param {string} text @returns {Promise<void>} */
    send: async (target, text) => void [target, text],
    /** Makes a conversation that is not in the list yet one of it (a new chat by name). @param {string} target */
    openChat: (target) => void target,
    /** Notes that the user has seen a conversation up to a number. @param {string} target @param {number} seq */
    read: (target, seq) => void [target, seq],
    /** Brings older rows from the database, or from the server. @param {string} target @returns {Promise<void>} */
    loadOlder: async (target) => void target,
    /** Finds rows with all these words, the newest first. @param {string} words @returns {Promise<(Row & {target: string})[]>} */
    search: async (words) => (void words, []),
    /** Takes a message back. @param {string} target @param {number} seq @returns {Promise<Answer>} */
    erase: async (target, seq) => (void [target, seq], { ok: false, code: "AWAY", text: "" }),
    /** Who has read it, by STATUS: records `{user, state}`. @param {string} target @param {number} seq @returns {Promise<Answer>} */
    readers: async (target, seq) => (void [target, seq], { ok: false, code: "AWAY", text: "" }),
    /** Keeps what is typed and not sent. @param {string} target @param {string} text */
    draft: (target, text) => void [target, text],
    /** @param {string} target @param {boolean} on */
    mute: (target, on) => void [target, on],
    /** @param {string} target @param {boolean} on */
    ignore: (target, on) => void [target, on],
    /** JOIN LEAVE ROOM INVITE KICK TOPIC OWNER MEMBERS ROOMS USERS DEVICES SESSIONS LOGOUT PASSWD PERMIT, with their fields. Where
     * no server answers the code is `AWAY`. @param {string} name @param {...string} fields @returns {Promise<Answer>} */
    command: async (name, ...fields) => (void [name, fields], { ok: false, code: "AWAY", text: "" }),
    /** Hears every line in both directions. @param {(line: Line) => void} listener @returns {() => void} ends it */
    onLine: (listener) => (void listener, () => {}),
    /** Closes both connections right after the next SEND was written. */
    cutAfterNextSend: () => {},
  };
}
