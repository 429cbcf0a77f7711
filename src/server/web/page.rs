//! The files of the page, which the program holds: a client in the browser, in the shape of the terminal's.
//!
//! ```text
//! view ── calls ──> owner, life ── decisions ──> decide, completion -> machine: apply(record) -> rows of tables
//! session, sender ── replies, events ──┘   store: one strict transaction; then the next request, and a frame
//! ```
//! - `record.js`: the codec of lines. `link.js`: a connection; `perform.js`: what takes several requests.
//! - `machine.js`: the state, and `apply`; `conversation.js` and `row.js`: parts of it. `decide.js`, `completion.js`: the
//!   decisions. `store.js`: the database.
//! - `session.js`: logs in and polls; `sender.js`: the SEND port. `life.js`: user, database and phase; `told.js`: what no
//!   table keeps; `stored.js`: what the browser keeps beside the database. `owner.js`: what the view may call; `present.js`:
//!   what it draws.
//! - `start.js`: loads `view.js`, or the page anew by `reload.js`. `view.js` and its parts: the view. `sw.js`: the service worker; `worker.js` registers it, and notifies by it.

use std::borrow::Cow;

use twox_hash::XxHash3_64;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const MANIFEST: &str = "application/manifest+json";
const IMAGE: &str = "image/svg+xml";

/// Stands in a file for the digest of the build.
const BUILD: &str = "@BUILD@";

/// A file of the page.
pub(super) struct File {
    pub name: &'static str,
    pub content_type: &'static str,
    pub text: Cow<'static, str>,
}

/// Makes the table of files. Each is embedded, so that the page and the server are of the same build.
macro_rules! files {
    ($($name:literal: $content_type:expr,)+) => {
        [$(File { name: $name, content_type: $content_type, text: Cow::Borrowed(include_str!(concat!("page/", $name))) }),+]
    };
}

/// All files, under one digest: a client that has a part of a build never mixes it with a part of another.
pub(super) struct Page {
    files: Vec<File>,
    digest: String,
}

impl Page {
    pub fn new() -> Self {
        let mut files = Vec::from(files! {
            "index.html": HTML,
            "style.css": STYLE,
            "manifest.webmanifest": MANIFEST,
            "icon.svg": IMAGE,
            "sw.js": SCRIPT,
            "record.js": SCRIPT,
            "row.js": SCRIPT,
            "link.js": SCRIPT,
            "perform.js": SCRIPT,
            "conversation.js": SCRIPT,
            "machine.js": SCRIPT,
            "decide.js": SCRIPT,
            "completion.js": SCRIPT,
            "store.js": SCRIPT,
            "stored.js": SCRIPT,
            "present.js": SCRIPT,
            "sender.js": SCRIPT,
            "session.js": SCRIPT,
            "told.js": SCRIPT,
            "life.js": SCRIPT,
            "worker.js": SCRIPT,
            "owner.js": SCRIPT,
            "dom.js": SCRIPT,
            "text.js": SCRIPT,
            "texts.js": SCRIPT,
            "view_dialog.js": SCRIPT,
            "view_sign_in.js": SCRIPT,
            "view_room.js": SCRIPT,
            "view_rooms.js": SCRIPT,
            "view_account.js": SCRIPT,
            "view_chats.js": SCRIPT,
            "view_row.js": SCRIPT,
            "view_rows.js": SCRIPT,
            "view_input.js": SCRIPT,
            "view_chat.js": SCRIPT,
            "view_notices.js": SCRIPT,
            "view_drawer.js": SCRIPT,
            "view.js": SCRIPT,
            "reload.js": SCRIPT,
            "start.js": SCRIPT,
        });
        let texts: Vec<_> = files.iter().map(|file| format!("{}\n{}\n", file.name, file.text)).collect();
        let digest = format!("{:016x}", XxHash3_64::oneshot(texts.concat().as_bytes()));
        for file in &mut files {
            file.text = file.text.replace(BUILD, &digest).into();
        }
        Self { files, digest }
    }

    /// Returns the digest of all files.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the file with a name.
    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Returns the file at a path that has the digest in it: what it holds never changes.
    pub fn file_of_build(&self, path: &str) -> Option<&File> {
        self.file(path.strip_prefix('/')?.strip_prefix(self.digest.as_str())?.strip_prefix('/')?)
    }

    /// Returns what stands for a module of another build: the server that has sent its page was upgraded since. It loads the
    /// page anew; without it the page would stay blank.
    pub fn module_of_other_build(&self, path: &str) -> Option<&File> {
        let (digest, name) = path.strip_prefix('/')?.split_once('/')?;
        let is_digest = digest.len() == self.digest.len() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_module = name.strip_suffix(".js").is_some_and(|name| !name.contains('/'));
        self.file("reload.js").filter(|_| is_digest && digest != self.digest && is_module)
    }
}
