// Makes elements. All text of the page comes through here or through `text.js`, as text nodes: nothing is ever parsed as markup.

/**
 * Makes an element.
 * @param {string} name Its tag, with classes after dots: `p.hint.small`.
 * @param {Record<string, any>} options `on...` is a listener, `aria...`, `data-...`, `role` and `for` are attributes, the rest are
 *   properties.
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function make(name, options = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(options)) setOption(element, key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function setOption(element, key, value) {
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (/^(aria|data)-|^(role|for|list|enterkeyhint)$/.test(key)) element.setAttribute(key, value);
  else element[key] = value;
}

/** Makes a button that does not send a form. */
export function button(label, onclick, options = {}) {
  return make("button", { type: "button", onclick, ...options }, label);
}

/** Makes a field with its label. */
export function labelled(label, field) {
  return make("label.field", {}, make("span", {}, label), field);
}

/** Sets what is different only: a text that is set anew loses a selection in it. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of an element those of a list, and keeps each that has the same key: it keeps its focus, and is drawn anew
 * only where its item has changed.
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => string} signatureOf What is drawn of an item; the same signature is drawn the same.
 * @param {(item: T) => HTMLElement} draw
 */
export function setChildren(parent, items, keyOf, signatureOf, draw) {
  const known = new Map([...parent.children].map((child) => [child.key, child]));
  const wanted = items.map((item) => keepOrDraw(known.get(keyOf(item)), keyOf(item), signatureOf(item), () => draw(item)));
  const focused = findFocus(parent);
  const kept = new Set(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of wanted) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  if (focused) giveFocus(parent, focused);
}

function keepOrDraw(child, key, signature, draw) {
  if (child?.signature === signature) return child;
  return Object.assign(draw(), { key, signature });
}

/** Returns in which child the focus is, and in which of its controls. */
function findFocus(parent) {
  if (!parent.contains(document.activeElement)) return null;
  const child = [...parent.children].find((child) => child.contains(document.activeElement));
  return child ? { key: child.key, index: controls(child).indexOf(document.activeElement) } : null;
}

/** Gives the focus to the same control, which may have been drawn anew. */
function giveFocus(parent, { key, index }) {
  const child = [...parent.children].find((child) => child.key === key);
  if (child && !child.contains(document.activeElement)) controls(child)[index]?.focus({ preventScroll: true });
}

function controls(element) {
  return [...element.querySelectorAll("button, a")];
}
