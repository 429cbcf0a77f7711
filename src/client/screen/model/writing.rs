//! The texts of the user: the one in the editor, the drafts of the other conversations, and those that wait for the app.

use std::collections::{HashMap, VecDeque};

use crate::client::app::App;
use crate::client::app::parse::is_begun;
use crate::client::terminal::editor::Editor;
use crate::limits;
use crate::model::Target;

/// Most texts that wait until the app wants one, and their bytes.
const HELD: usize = 1_024;
const HELD_BYTES: usize = limits::TYPED_BYTES;

/// The editor, the drafts, and what was entered.
#[derive(Default)]
pub struct Writing {
    pub editor: Editor,
    /// The drafts of the conversations that are not open.
    pub drafts: HashMap<Target, String>,
    /// Texts that were entered while the app waited for the answer that decides where they go.
    pub held: VecDeque<String>,
}

impl Writing {
    pub fn restored(drafts: HashMap<Target, String>) -> Self {
        Self { drafts, ..Self::default() }
    }

    /// Returns all drafts, with that of the open conversation.
    pub fn all_drafts(&self, open: Option<&Target>) -> HashMap<Target, String> {
        let mut drafts = self.drafts.clone();
        let draft = self.draft();
        if let Some(target) = open.filter(|_| !draft.is_empty()) {
            drafts.insert(target.clone(), draft);
        }
        drafts
    }

    /// Returns what was typed and not given to the app yet.
    pub fn draft(&self) -> String {
        let all: Vec<_> = self.held.iter().cloned().chain(self.typed()).collect();
        all.join("\n")
    }

    /// Returns the text in the editor, if it is one to keep: no password is, and no command that was begun.
    fn typed(&self) -> Option<String> {
        let typed = Some(self.editor.text()).filter(|_| !self.editor.is_secret());
        typed.filter(|typed| !typed.trim().is_empty() && !is_begun(typed))
    }

    /// Hides what is typed while the app asks for a password. Afterwards the draft of the conversation is there again.
    pub(super) fn follow_secret(&mut self, app: &App, open: Option<&Target>) {
        let was_secret = self.editor.is_secret();
        self.editor.set_secret(app.asks_secret());
        if was_secret && !self.editor.is_secret() {
            let draft = open.and_then(|target| self.drafts.get(target));
            self.editor.set_text(draft.map_or("", String::as_str));
        }
    }

    /// Keeps the text in the editor as the draft of the conversation that is left, and takes that of the other one. A
    /// password is discarded.
    pub(super) fn change_draft(&mut self, left: Option<Target>, open: Option<&Target>) {
        if self.editor.is_secret() {
            return self.editor.set_text("");
        }
        let typed = self.typed();
        let mut draft: Vec<_> = open.and_then(|target| self.drafts.get(target)).cloned().into_iter().collect();
        match (left, typed) {
            (Some(left), Some(typed)) => _ = self.drafts.insert(left, typed),
            (Some(left), None) => _ = self.drafts.remove(&left),
            // A text that was typed while none was open is for the first one.
            (None, _) => draft.extend(Some(self.editor.text()).filter(|typed| !typed.trim().is_empty())),
        }
        self.editor.set_text(&draft.join("\n"));
    }

    /// Forgets the draft of a conversation: the text was entered there. The answer to a question for a password is not the
    /// text that was begun there.
    pub(super) fn forget_draft(&mut self, target: &Target) {
        if !self.editor.is_secret() {
            self.drafts.remove(target);
        }
    }

    /// Holds a text that was entered until the app wants it; one more stays in the editor.
    pub(super) fn hold(&mut self, text: String) {
        let bytes: usize = self.held.iter().map(String::len).sum();
        if self.held.len() < HELD && bytes + text.len() <= HELD_BYTES {
            self.held.push_back(text);
        } else {
            self.editor.set_text(&text);
        }
    }

    /// Takes the first text that is held, if the app wants one.
    pub(super) fn take_held(&mut self, app: &App) -> Option<String> {
        let text = if app.wants_line() { self.held.pop_front() } else { None }?;
        if app.asks_secret() {
            // It was typed ahead, and is the password.
            self.editor.forget(&text);
        }
        Some(text)
    }
}
