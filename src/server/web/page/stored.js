// What the browser keeps beside the database, in `localStorage` and `sessionStorage`: it is there at once, and is written even by a
// page that is about to go. The browser may refuse to give either.

import { mapped } from "./record.js";

/** Who stays logged in. */
export const STAYS = "wachat";

/** The drafts of a user that were typed last, until the database has them. */
export const draftsOf = (user) => `wachat drafts ${mapped(user)}`;

export const readStays = () => readStored("localStorage", STAYS);

/** @param {"localStorage"|"sessionStorage"} storage */
export function readStored(storage, name) {
  try {
    return globalThis[storage].getItem(name);
  } catch {
    return null;
  }
}

/** Null: nothing is stored there any more. */
export function writeStored(storage, name, value) {
  try {
    if (value === null) globalThis[storage].removeItem(name);
    else globalThis[storage].setItem(name, value);
  } catch {
    // Then the next page asks for the password, or lacks what was typed last.
  }
}
