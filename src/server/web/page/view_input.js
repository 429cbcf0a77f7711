// The input: several lines, a draft for each chat, quoting. What is typed goes when it is durable in the outbox, not before.

import { make, setText } from "./dom.js";
import { say } from "./texts.js";

/** Most lines that the input shows; more scroll. */
const MOST_LINES = 8;

export function makeInput(ui, onSent) {
  let target = null;
  const area = make("textarea", { id: "message", rows: 1, placeholder: say("message"), "aria-label": say("message"), enterkeyhint: "enter", oninput: onInput, onkeydown: onKey });
  const error = make("p.error", { role: "alert" });
  const submit = make("button.primary", { id: "send", type: "submit", title: say("send"), "aria-label": say("send") }, "➤");
  const element = make("form.input", { onsubmit: (event) => (event.preventDefault(), send()) }, error, area, submit);

  function onInput() {
    fit();
    setText(error, "");
    keepDraft();
  }

  function keepDraft() {
    if (target !== null) ui.owner.draft(target, area.value);
  }

  /** Enter sends, Shift-Enter begins a line. On a phone the key is for lines, and while characters are composed it chooses one. */
  function onKey(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") return ui.open(null);
    if (event.key !== "Enter" || event.shiftKey || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    send();
  }

  async function send() {
    const [to, text] = [target, area.value];
    if (to === null || text.trim() === "") return;
    area.value = "";
    fit();
    try {
      await ui.owner.send(to, text);
      ui.owner.draft(to, target === to ? area.value : "");
      onSent();
    } catch (failure) {
      giveBack(to, text, say(failure.message));
    }
  }

  /** What could not be queued is in the input again, before what was typed since. */
  function giveBack(to, text, why) {
    if (to !== target) return ui.owner.draft(to, text);
    area.value = area.value === "" ? text : `${text}\n${area.value}`;
    fit();
    setText(error, why);
    keepDraft();
  }

  function quote(text) {
    const quoted = text.split("\n").map((line) => `> ${line}`).join("\n");
    area.value = `${area.value === "" ? "" : `${area.value}\n`}${quoted}\n`;
    onInput();
    area.focus();
  }

  function fit() {
    area.rows = Math.min(MOST_LINES, area.value.split("\n").length);
  }

  /** Nothing of what was typed is there for another user; drafts are kept. */
  function forget() {
    target = null;
    area.value = "";
    fit();
  }

  return {
    element,
    quote,
    forget,
    focus: () => matchMedia("(pointer: coarse)").matches || area.focus(),
    draw(_view, chat) {
      if (chat.target === target) return;
      keepDraft();
      target = chat.target;
      area.value = chat.draft;
      setText(error, "");
      fit();
    },
  };
}
