// Dialogs: a native one each, so that the browser keeps the focus inside, closes it with Escape, and gives the focus back.

import { make, button, labelled } from "./dom.js";
import { say } from "./texts.js";

/**
 * Shows a dialog until it is closed.
 * @param {string} title
 * @param {(close: (result?: any) => void) => (Node|null)[]} fill Makes what is in it.
 * @returns {Promise<any>} The result that it was closed with; null: none.
 */
export function showDialog(title, fill) {
  return new Promise((resolve) => {
    let result = null;
    const close = (value = null) => {
      result = value;
      dialog.close();
    };
    const heading = make("h2", {}, title);
    const dialog = make(
      "dialog", { "aria-label": title, onclick: (event) => event.target === dialog && close() },
      make("div.dialog", {}, heading, ...fill(close).filter((part) => part !== null)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks for a text. @returns {Promise<string|null>} */
export function ask({ title, label, action, value = "", maxLength = 200 }) {
  return showDialog(title, (close) => {
    const field = make("input", { id: "answer", value, maxLength, autocapitalize: "none", spellcheck: false });
    const submit = (event) => {
      event.preventDefault();
      close(field.value);
    };
    return [make("form", { onsubmit: submit }, labelled(label, field), drawEnd(close, make("button.primary", { type: "submit" }, action)))];
  });
}

/** Asks whether to do something. @returns {Promise<boolean>} */
export async function confirm(text, action) {
  const yes = await showDialog(action, (close) => [
    make("p", {}, text), drawEnd(close, button(action, () => close(true), { className: "primary" })),
  ]);
  return yes === true;
}

/**
 * Offers actions.
 * @param {string} title
 * @param {{label: string, run: () => void}[]} actions
 */
export async function choose(title, actions) {
  const run = await showDialog(title, (close) => [
    make("div.actions", {}, ...actions.map(({ label, run }) => button(label, () => close(run)))),
    drawEnd(close, null),
  ]);
  run?.();
}

/** The last line of a dialog: a way out, and what it is there for. */
export function drawEnd(close, action) {
  return make("div.end", {}, button(say(action === null ? "close" : "cancel"), () => close()), action);
}
