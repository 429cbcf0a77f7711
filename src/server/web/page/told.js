// What the server has told and no table keeps: who is online, what is set in rooms, notices. Another session begins without it.

import { keyOf } from "./machine.js";
import { mapped } from "./record.js";

/** Notices that are kept. */
const NOTICES = 50;

export class Told {
  /** @param {import("./life.js").Life} life */
  constructor(life) {
    this.life = life;
    this.notices = [];
    this.noticeCount = 0;
    this.forget();
  }

  forget() {
    this.online = new Map();
    this.rooms = null;
    this.roomsByKey = new Map();
    this.devices = null;
    this.members = new Map();
    /** Rooms that this page has asked to join or leave: the event is no news. */
    this.asked = new Set();
  }

  noteNews(event) {
    if (Object.hasOwn(NEWS, event.kind)) NEWS[event.kind](this, event);
    this.life.changed();
  }

  noteRooms(rooms) {
    this.rooms = rooms;
    this.roomsByKey = new Map(rooms.map((room) => [keyOf(room.name), room]));
    this.life.changed();
  }

  /** Tells the user something once. Nothing of those whom the user does not want to hear. */
  tell(key, fields = {}) {
    const from = fields.user ?? fields.target;
    if (from && this.life.state.ignored.has(mapped(from))) return;
    this.noticeCount += 1;
    this.notices = [...this.notices, { number: this.noticeCount, key, ...fields }].slice(-NOTICES);
    this.life.changed();
  }

  notePresence(users) {
    for (const { name, online } of users) this.online.set(keyOf(name), online);
    this.life.changed();
  }

  /** The user has joined a room: it is one of the conversations, and what was said there is fetched. */
  noteJoined(room) {
    this.life.change({ kind: "MEMBER", room, on: true });
    this.life.session?.sender.compareSoon();
  }

  noteLeft(room) {
    this.life.change({ kind: "MEMBER", room, on: false });
  }

  /** Notes what the answer to a command of the view tells. */
  noteAnswer(verb, { room }, records) {
    if (verb === "ROOMS") this.noteRooms(records);
    if (verb === "MEMBERS") this.members.set(keyOf(room), records);
    if (verb === "USERS" || verb === "MEMBERS") this.notePresence(records);
    if (verb === "DEVICES") this.devices = records.map((device) => ({ ...device, own: device.name === this.life.account?.device }));
    if (verb === "LEAVE") this.noteLeft(room);
    if (verb === "JOIN" || verb === "ROOM") this.noteJoined(room);
    if (["ROOM", "TOPIC", "OWNER", "LEAVE", "JOIN"].includes(verb)) this.life.session?.sender.presenceSoon();
    this.life.changed();
  }
}

/** What an event means for what is shown, by its kind. */
const NEWS = {
  ONLINE: (told, { user }) => told.online.set(keyOf(user), true),
  OFFLINE: (told, { user }) => told.online.set(keyOf(user), false),
  UNKEPT: (told, { target }) => told.tell("full", { target }),
  DAMAGED: (told, { target }) => told.tell("damaged", { target }),
  NOTICE: (told, { text }) => told.tell("announcement", { text }),
  CALL: (told, { user }) => told.tell("call", { user }),
  INVITE: (told, { room, from }) => told.tell("invited", { room, user: from }),
  ROOM(told, { room, roomKind, owner: of, topic }) {
    const known = told.roomsByKey.get(keyOf(room)) ?? { name: room, members: 0, member: true };
    told.roomsByKey.set(keyOf(room), { ...known, kind: roomKind, owner: of, topic });
    told.tell("room-changed", { room });
  },
  JOIN(told, { room, user }) {
    told.members.delete(keyOf(room));
    if (mapped(user) !== mapped(told.life.state.me)) return told.tell("in-room", { room, user });
    told.noteJoined(room);
    if (!told.asked.delete(`JOIN ${keyOf(room)}`)) told.tell("joined", { room });
    return undefined;
  },
  PART(told, { room, user }) {
    told.members.delete(keyOf(room));
    if (mapped(user) !== mapped(told.life.state.me)) return told.tell("out-of-room", { room, user });
    told.noteLeft(room);
    if (!told.asked.delete(`LEAVE ${keyOf(room)}`)) told.tell("left", { room });
    return undefined;
  },
};
