//! The texts that were submitted, for the Up key.

use std::collections::VecDeque;

/// Most texts that are kept, and most bytes of all of them.
const TEXTS: usize = 500;
const BYTES: usize = 1 << 20;

/// The texts, the newest first.
#[derive(Default)]
pub struct Recall {
    texts: VecDeque<String>,
    bytes: usize,
    /// The number of the text that is being edited, and the draft that was there before the first was recalled.
    place: Option<(usize, String)>,
}

impl Recall {
    /// Adds a text that was submitted. The same one twice in a row is kept once.
    pub fn add(&mut self, text: &str) {
        self.place = None;
        if text.trim().is_empty() || self.texts.front().is_some_and(|last| last == text) {
            return;
        }
        self.texts.push_front(text.to_owned());
        self.bytes += text.len();
        while self.texts.len() > TEXTS || self.bytes > BYTES {
            self.bytes -= self.texts.pop_back().map_or(0, |text| text.len());
        }
    }

    /// Returns the text before the one shown. `draft`: what is in the editor now.
    pub fn earlier(&mut self, draft: &str) -> Option<String> {
        let number = self.place.as_ref().map_or(0, |(number, _)| number + 1);
        let text = self.texts.get(number)?.clone();
        let draft = self.place.take().map_or_else(|| draft.to_owned(), |(_, draft)| draft);
        self.place = Some((number, draft));
        Some(text)
    }

    /// Returns the text after the one shown, and after the newest the draft.
    pub fn later(&mut self) -> Option<String> {
        let (number, draft) = self.place.take()?;
        let Some(number) = number.checked_sub(1) else { return Some(draft) };
        self.place = Some((number, draft));
        self.texts.get(number).cloned()
    }

    /// Removes a text, however often it was submitted.
    pub fn remove(&mut self, text: &str) {
        self.place = None;
        self.texts.retain(|kept| kept != text);
        self.bytes = self.texts.iter().map(String::len).sum();
    }

    /// Forgets the draft: the editor was cleared.
    pub fn leave(&mut self) {
        self.place = None;
    }
}
