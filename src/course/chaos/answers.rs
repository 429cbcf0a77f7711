//! The SENDs that were answered OK: to be sent again, and to see that a retry has the same answer.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;

use crate::limits;
use crate::model::UserName;

/// User and message id.
type Key = (Option<UserName>, String);

/// Remembers the newest answered SENDs of all users.
#[derive(Default)]
pub(super) struct Answers(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    known: HashMap<Key, Answered>,
    /// In the order of their first answers.
    order: VecDeque<Key>,
    bytes: usize,
    repeated: u64,
    different: Option<String>,
}

struct Answered {
    request: Vec<u8>,
    answer: String,
}

impl Answers {
    /// Takes note of the answer to a SEND. All answers to one id are the same (protocol, section 5).
    pub fn note(&self, user: &Option<UserName>, id: &str, request: &[u8], answer: &str) {
        let memory = &mut *self.0.lock();
        let key = (user.clone(), id.to_owned());
        if let Some(before) = memory.known.get(&key) {
            if before.request != request {
                return;
            }
            memory.repeated += 1;
            if before.answer != answer {
                let shown = |text: &str| text.chars().take(limits::SNIPPET_CHARS * 2).collect::<String>();
                let user = user.as_ref().map(UserName::shown).unwrap_or_default();
                let now = shown(answer);
                let before = shown(&before.answer);
                let id = shown(id);
                memory.different.get_or_insert(format!("{id} of {user} is answered {now}, and was {before} before"));
            }
        } else if answer.starts_with("OK;") {
            memory.add(key, Answered { request: request.to_vec(), answer: answer.to_owned() });
        }
    }

    /// Returns some SENDs of a user that were answered: every this many, oldest first.
    pub fn some(&self, user: &Option<UserName>, every: usize) -> Vec<(String, Vec<u8>)> {
        let memory = self.0.lock();
        let own = memory.order.iter().filter(|(who, _)| who == user);
        let some =
            own.step_by(every.max(1)).filter_map(|key| Some((key.1.clone(), memory.known.get(key)?.request.clone())));
        some.collect()
    }

    /// Returns how many SENDs were answered again, and the first answer that was not the same.
    pub fn repeated(&self) -> (u64, Option<String>) {
        let memory = self.0.lock();
        (memory.repeated, memory.different.clone())
    }
}

impl Memory {
    fn add(&mut self, key: Key, answered: Answered) {
        self.bytes += answered.size();
        self.order.push_back(key.clone());
        self.known.insert(key, answered);
        while self.bytes > limits::CHAOS_ANSWERS_BYTES {
            let Some(oldest) = self.order.pop_front().and_then(|key| self.known.remove(&key)) else { return };
            self.bytes -= oldest.size().min(self.bytes);
        }
    }
}

impl Answered {
    /// With the key, which occurs twice, and the entries of both tables.
    fn size(&self) -> usize {
        self.request.len() + self.answer.len() + 512
    }
}
