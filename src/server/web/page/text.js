// Text of other people, as it is shown: what a screen would obey, or what nobody sees, made visible as in the terminal; links;
// names that were mentioned. It makes text nodes and elements, never markup.

import { make } from "./dom.js";

// Direction marks, line and paragraph separators, control characters but TAB and line feed.
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u;
// Characters of which nothing is seen (Default_Ignorable_Code_Point), but those that words and emoji need.
const HIDES = new RegExp(
  "[\\u00ad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u3164\\uffa0\\u180b-\\u180f\\ufe00-\\ufe0d\\u{e0100}-\\u{e01ef}\\u200b\\u2060-\\u206f" +
    "\\ufeff\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "u");
const PICTOGRAPH = new RegExp(
  "[\\u00a9\\u00ae\\u2122\\u2139\\u24c2\\u203c\\u2049\\u3030\\u303d\\u3297\\u3299\\u2190-\\u21ff\\u2900-\\u297f\\u2b00-\\u2bff" +
    "\\u2300-\\u23ff\\u25a0-\\u27bf\\u{1f000}-\\u{1faff}]", "u");
// Scripts whose letters change their form beside others: there the joiners belong to words.
const JOINING = new RegExp(
  "[\\u0620-\\u0dff\\u1000-\\u109f\\u1780-\\u18af\\u1a00-\\u1cff\\ua800-\\uabff\\ufb50-\\ufdff\\ufe70-\\ufefc" +
    "\\u{10a00}-\\u{11fff}]", "u");
const SUSPECT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\ud82f\ud834\udb40-\udb43]/;

/** Marks above those that any writing puts on one character: a screen would draw them over the lines above. */
const TOO_MANY_MARKS = /(\p{M}{31})\p{M}+/gu;

/** Most characters of a message that a list of chats or a notification shows. */
const MOST_PREVIEWED = 120;

/**
 * Makes visible what would turn the reading order around, or of which nothing is seen. TAB and line feed stay.
 * @returns {string}
 */
export function visible(text) {
  const limited = text.replace(TOO_MANY_MARKS, "$1…");
  if (!SUSPECT.test(limited)) return limited;
  const characters = [...limited];
  return characters.map((c, at) => visibleCharacter(characters[at - 1] ?? "", c, characters[at + 1] ?? "")).join("");
}

/** The same for what has to stay on one line, such as a name. */
export function visibleLine(text) {
  return visible(text).replaceAll("\n", "␊");
}

/** The beginning of a message, on one line. */
export function preview(text) {
  const [...characters] = text.slice(0, 2 * MOST_PREVIEWED).replace(/\s+/g, " ");
  const cut = characters.slice(0, MOST_PREVIEWED).join("");
  return visibleLine(cut.length < text.trim().length ? `${cut}…` : cut);
}

function visibleCharacter(before, c, after) {
  const isUnsafe = TURNS.test(c) || HIDES.test(c);
  if (!isUnsafe && hasEffect(before, c, after)) return c;
  if (c === "\u007f") return "␡";
  if (c < " ") return String.fromCodePoint(0x2400 + c.codePointAt(0));
  return `\\u{${c.codePointAt(0).toString(16)}}`;
}

/** Whether a selector or a joiner changes what is seen between its neighbours; all other characters do. */
function hasEffect(before, c, after) {
  const isSelector = (c) => c === "\ufe0e" || c === "\ufe0f";
  if (isSelector(c)) return PICTOGRAPH.test(before) || (/^[0-9#*]$/.test(before) && after === "\u20e3");
  if (c !== "\u200c" && c !== "\u200d") return true;
  const joinsEmoji = c === "\u200d" && (PICTOGRAPH.test(before) || isSelector(before)) && PICTOGRAPH.test(after);
  return joinsEmoji || (JOINING.test(before) && !HIDES.test(before));
}

/**
 * Draws a message: its quoted lines, its links, and the reader's own name marked.
 * @param {string} me
 * @returns {Node[]}
 */
export function drawText(text, me) {
  return paragraphs(text).map(({ quoted, lines }) => {
    const pieces = drawPieces(lines.join("\n"), me);
    return quoted ? make("blockquote", {}, ...pieces) : make("p", {}, ...pieces);
  });
}

/** Splits a text where lines that begin with `> ` begin and end. */
function paragraphs(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const quoted = line.startsWith("> ");
    const last = found.at(-1);
    const shown = quoted ? line.slice(2) : line;
    if (last?.quoted === quoted) last.lines.push(shown);
    else found.push({ quoted, lines: [shown] });
  }
  return found;
}

const ENDS_SENTENCE = ".,;:!?'\"…";
const LINK = /\bhttps?:\/\/[^\s<>"\u0000-\u001f]+/giu;

function drawPieces(text, me) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = withoutPunctuation(match[0]);
    if (!isLink(address)) continue;
    pieces.push(...drawMentions(text.slice(end, match.index), me), drawLink(address));
    end = match.index + address.length;
  }
  return [...pieces, ...drawMentions(text.slice(end), me)];
}

/** A link's text is its address, so that nobody is led to another place than what is read. */
function drawLink(address) {
  return make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, visibleLine(address));
}

function isLink(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") && visibleLine(address) === address;
}

/** Leaves out what ends the sentence around a link, and a bracket that was opened before it. In one pass: the text is a peer's. */
function withoutPunctuation(address) {
  const count = (character) => address.split(character).length;
  let unopened = count(")") - count("(");
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1];
    if (last === ")" && unopened > 0) unopened -= 1;
    else if (!ENDS_SENTENCE.includes(last)) break;
  }
  return address.slice(0, end);
}

/** Marks the words that are the reader's name. */
function drawMentions(text, me) {
  const parts = text.split(/([\p{Alphabetic}\p{N}_]+)/u).filter((part) => part !== "");
  const isName = (part) => me !== "" && part.toLowerCase() === me.toLowerCase();
  if (!parts.some(isName)) return text === "" ? [] : [document.createTextNode(visible(text))];
  return parts.map((part) => (isName(part) ? make("mark", {}, part) : document.createTextNode(visible(part))));
}
