// The page to log in or to register.

import { make, button, labelled, setText } from "./dom.js";
import { say, sayWhy } from "./texts.js";

export function makeSignIn({ owner }) {
  let registers = false;
  let error = "";
  let me = null;
  const user = make("input", { id: "user", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: false, required: true });
  const password = makePassword("password", "current-password");
  const again = makePassword("again", "new-password");
  const againField = labelled(say("again"), again);
  const stay = make("input", { id: "stay", type: "checkbox" });
  const why = make("p.error", { role: "alert" });
  const submit = make("button.primary", { id: "sign-in", type: "submit" });
  const other = button("", () => showForm(!registers), { id: "other-form", className: "link" });
  const form = make(
    "form", { onsubmit: signIn }, labelled(say("user"), user), labelled(say("password"), password), againField,
    make("label.check", {}, stay, say("stay")), make("p.hint", {}, say("stayHint")), why, submit, other);
  const insecure = make("p.warning", { id: "insecure" }, say("insecure"));
  showForm(false);

  function showForm(isNew) {
    registers = isNew;
    error = "";
    againField.hidden = !isNew;
    again.required = isNew;
    password.autocomplete = isNew ? "new-password" : "current-password";
    setText(submit, say(isNew ? "register" : "signIn"));
    setText(other, say(isNew ? "toSignIn" : "toRegister"));
    setText(why, "");
  }

  function signIn(event) {
    event.preventDefault();
    error = registers && password.value !== again.value ? say("differ") : "";
    setText(why, error);
    if (error !== "") return;
    owner.signIn({ user: user.value, password: password.value, register: registers, stay: stay.checked });
    password.value = "";
    again.value = "";
  }

  return {
    element: make("main.centre.card", {}, make("h1", {}, "wachat"), insecure, form),
    focus: () => user.focus(),
    draw(view) {
      insecure.hidden = view.secure;
      // Who was logged in here types the password alone.
      if (view.me !== me) user.value = view.me ?? user.value;
      me = view.me;
      if (error === "") setText(why, view.reason ? sayWhy(view.reason, view.reasonText) : "");
    },
  };
}

function makePassword(id, autocomplete) {
  return make("input", { id, type: "password", autocomplete, required: true });
}
