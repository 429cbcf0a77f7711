// Loads the page anew, once. The server answers with this for every module of a build that it does not have: it was upgraded after
// it had sent the page.

const NOTE = "wachat reloaded";

try {
  if (sessionStorage.getItem(NOTE) === null) {
    sessionStorage.setItem(NOTE, "yes");
    location.reload();
  }
} catch {
  // Without the note it might go on for ever.
}
