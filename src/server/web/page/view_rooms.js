// The rooms of the server: which there are, joining one, making one.

import { make, button, labelled } from "./dom.js";
import { say } from "./texts.js";
import { visibleLine } from "./text.js";
import { drawEnd, showDialog } from "./view_dialog.js";
import { run } from "./view_room.js";

export async function showRooms(ui) {
  await run(ui, "ROOMS");
  const rooms = ui.owner.view().rooms ?? [];
  showDialog(say("rooms"), (close) => [
    rooms.length === 0 ? make("p.hint", {}, say("noRooms")) : null,
    make("ul.rows-of-dialog", {}, ...rooms.map((room) => drawRoom(ui, room, close))),
    drawMaker(ui, close),
    drawEnd(close, null),
  ]);
}

function drawRoom(ui, room, close) {
  const kind = say(room.kind === "invite" ? "isInvite" : "isOpen");
  const about = [say("countOfMembers", { count: room.members }), kind, room.topic ? visibleLine(room.topic) : null];
  const enter = () => {
    close();
    join(ui, room.name, room.member);
  };
  return make(
    "li", {}, make("span.name", {}, make("bdi", {}, visibleLine(room.name)), make("small", {}, about.filter(Boolean).join(" · "))),
    button(say(room.member ? "open" : "join"), enter));
}

async function join(ui, room, isMember) {
  if (isMember || (await run(ui, "JOIN", room))) ui.open(room);
}

function drawMaker(ui, close) {
  const name = make("input", { id: "room-name", placeholder: say("roomName"), autocapitalize: "none", spellcheck: false, required: true, maxLength: 70 });
  const invite = make("input", { id: "room-invite", type: "checkbox" });
  const submit = (event) => {
    event.preventDefault();
    const typed = name.value.trim();
    close();
    makeRoom(ui, typed.startsWith("#") ? typed : `#${typed}`, invite.checked);
  };
  return make(
    "form", { onsubmit: submit }, make("h3", {}, say("makeRoom")), labelled(say("room"), name),
    make("label.check", {}, invite, say("isInvite")), make("button.primary", { id: "make-room", type: "submit" }, say("makeRoom")));
}

/** An open room is made by who joins it first. */
async function makeRoom(ui, room, isInvite) {
  const isMade = isInvite ? await run(ui, "ROOM", room, "invite") : await run(ui, "JOIN", room);
  if (isMade) ui.open(room);
}
