// The account: devices, password, notifications, the bytes drawer, logging out.

import { make, button, labelled } from "./dom.js";
import { say, sayWhy, when } from "./texts.js";
import { visibleLine } from "./text.js";
import { choose, confirm, drawEnd, showDialog } from "./view_dialog.js";
import { run } from "./view_room.js";

export function showAccount(ui) {
  choose(ui.owner.view().me ?? say("account"), [
    { label: say("devices"), run: () => showDevices(ui) },
    { label: say("changePassword"), run: () => showPassword(ui) },
    { label: say("notify"), run: () => allowNotifications(ui) },
    { label: say("bytes"), run: () => ui.toggleDrawer() },
    { label: say("signOut"), run: () => signOut(ui) },
  ]);
}

async function signOut(ui) {
  if (await confirm(say("signOutSure"), say("signOut"))) ui.owner.signOut();
}

async function allowNotifications(ui) {
  const answer = "Notification" in window && window.isSecureContext ? await Notification.requestPermission() : "denied";
  ui.tell(say(answer === "granted" ? "notifyOn" : "notifyOff"));
}

async function showDevices(ui) {
  if (!(await run(ui, "DEVICES"))) return;
  const devices = ui.owner.view().devices ?? [];
  showDialog(say("devices"), (close) => [
    make("ul.rows-of-dialog", {}, ...devices.map((device) => drawDevice(ui, device, close))),
    button(say("others"), () => logOut(ui, "others", close), { id: "log-out-others" }),
    drawEnd(close, null),
  ]);
}

function drawDevice(ui, device, close) {
  const about = device.own ? say("thisDevice") : device.online ? say("online") : say("lastUse", { time: when(device.time) });
  return make(
    "li", {}, make("span.name", {}, visibleLine(device.name), make("small", {}, about)),
    device.own ? null : button(say("forget"), () => logOut(ui, device.name, close)));
}

async function logOut(ui, device, close) {
  close();
  if (await run(ui, "LOGOUT", device)) ui.tell(say("done"));
}

function showPassword(ui) {
  const field = (id, autocomplete) => make("input", { id, type: "password", autocomplete, required: true });
  showDialog(say("changePassword"), (close) => {
    const [old, next, again] = [field("old", "current-password"), field("new", "new-password"), field("new-again", "new-password")];
    const why = make("p.error", { role: "alert" });
    const submit = async (event) => {
      event.preventDefault();
      if (next.value !== again.value) return why.replaceChildren(say("differ"));
      const answer = await ui.owner.command("PASSWD", old.value, next.value);
      if (!answer.ok) return why.replaceChildren(sayWhy(answer.code, answer.text));
      close();
      ui.tell(say("done"));
    };
    return [make(
      "form", { onsubmit: submit }, labelled(say("oldPassword"), old), labelled(say("newPassword"), next), labelled(say("again"), again), why,
      drawEnd(close, make("button.primary", { type: "submit" }, say("changePassword"))))];
  });
}
