// What can be done with a chat, and with a room: members, topic, who may join, invitations.

import { make, button } from "./dom.js";
import { say, sayWhy } from "./texts.js";
import { visibleLine } from "./text.js";
import { ask, choose, confirm, drawEnd, showDialog } from "./view_dialog.js";

/** The actions that both kinds of chat have. */
export function muteActions(ui, chat) {
  const mute = { label: say(chat.muted ? "unmute" : "mute"), run: () => ui.owner.mute(chat.target, !chat.muted) };
  if (chat.kind === "room") return [mute];
  const label = say(chat.ignored ? "unignore" : "ignore", { user: visibleLine(chat.target) });
  return [mute, { label, run: () => ui.owner.ignore(chat.target, !chat.ignored) }];
}

/** Runs a command, and says how it went where it was refused. @returns {Promise<boolean>} */
export async function run(ui, name, ...fields) {
  const answer = await ui.owner.command(name, ...fields);
  if (!answer.ok) ui.tell(sayWhy(answer.code, answer.text));
  return answer.ok;
}

/** Offers what the reader may do with a room: the owner more than the others. */
export function showRoomActions(ui, chat) {
  const room = chat.target;
  const me = ui.owner.view().me;
  const ownActions = [
    { label: say("setTopic"), run: () => setTopic(ui, chat) },
    { label: say("invite"), run: () => invite(ui, room) },
    chat.roomKind === "invite"
      ? { label: say("makeOpen"), run: () => run(ui, "ROOM", room, "open") }
      : { label: say("makeInvite"), run: () => run(ui, "ROOM", room, "invite") },
  ];
  choose(visibleLine(room), [
    { label: say("members"), run: () => showMembers(ui, room) },
    ...(chat.owner === me ? ownActions : []),
    ...muteActions(ui, chat),
    chat.member
      ? { label: say("leave"), run: async () => (await confirm(visibleLine(room), say("leave"))) && run(ui, "LEAVE", room) }
      : { label: say("join"), run: () => run(ui, "JOIN", room) },
  ]);
}

async function setTopic(ui, chat) {
  const topic = await ask({ title: say("setTopic"), label: say("topic"), action: say("setTopic"), value: chat.topic ?? "" });
  if (topic !== null) run(ui, "TOPIC", chat.target, topic);
}

async function invite(ui, room) {
  const user = await ask({ title: say("invite"), label: say("user"), action: say("invite") });
  if (user !== null && (await run(ui, "INVITE", room, user.trim()))) ui.tell(`${say("invite")}: ${visibleLine(user)} — ${say("done")}`);
}

/** Lists the members of a room; its owner may put them out, or give the room away. */
export async function showMembers(ui, room) {
  await run(ui, "MEMBERS", room);
  const view = ui.owner.view();
  const members = view.members(room) ?? [];
  const owner = view.chats.find((chat) => chat.target === room)?.owner ?? null;
  showDialog(say("members"), (close) => {
    const draw = (member) => drawMember(ui, room, member, owner, close);
    return [make("p.hint", {}, say("countOfMembers", { count: members.length })), make("ul.rows-of-dialog", {}, ...members.map(draw)), drawEnd(close, null)];
  });
}

function drawMember(ui, room, { name, online }, owner, close) {
  const { me } = ui.owner.view();
  const mark = online ? "●" : "○";
  const act = (command) => () => {
    close();
    run(ui, command, room, name);
  };
  const canChange = owner === me && name !== me;
  return make(
    "li", {}, make(`span.mark.${online ? "online" : "offline"}`, { role: "img", "aria-label": say(online ? "online" : "offline") }, mark),
    make("span.name", {}, make("bdi", {}, visibleLine(name)), name === owner ? ` (${say("owner")})` : ""),
    canChange ? button(say("giveRoom"), act("OWNER")) : null,
    canChange ? button(say("kick"), act("KICK")) : null);
}
