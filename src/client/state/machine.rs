//! The state that the records of the log add up to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::choices::{self, Choices};
use super::conversation::{Conversation, Moved};
use super::known::Known;
use super::outbox::Outbox;
use super::outgoing::{Outgoing, is_automatic};
use super::position::Position;
use super::record::Record;
use super::row::{Gap, Row};
use super::shown::Shown;
use crate::limits;
use crate::model::{DeviceName, Message, MessageId, Seq, State, Target, Text, Timestamp, UserName};
use crate::protocol::Codec as _;

/// An effect of a record that the user may want to see.
pub enum Change {
    None,
    /// A message of the user's is in the history, in this state.
    Sent(State),
    Moved(State, Moved),
}

/// The state that the records add up to.
pub struct ClientState {
    pub(super) me: UserName,
    pub(super) position: Position,
    pub(super) outbox: Outbox,
    pub(super) conversations: HashMap<Target, Conversation>,
    pub(super) shown: Shown,
    pub(super) choices: Choices,
    /// The users to whom the user has written, by way of the server or directly: their calls are accepted.
    pub(super) written: HashSet<UserName>,
    /// Ids of the messages that were sent, or failed; kept while what other programs left is taken over.
    settled: Option<HashSet<MessageId>>,
    pub(super) known: Known,
    /// The name of the device by which the server has known this client.
    pub(super) device: Option<DeviceName>,
    /// The user's own messages above the position come with a poll, too: this session is of a device that the server knows.
    pub(super) own_come: bool,
    /// Numbers that were read on another device, and that are above the messages that have come: the highest of each
    /// conversation. They are in no log: the server's list of conversations has them, too.
    pub(super) read_elsewhere: BTreeMap<Target, Seq>,
    /// Messages that were taken back, and whose texts may be in the log.
    pub(super) erased_in_log: usize,
    /// The bytes of the rows that were added since rows were last removed.
    added_bytes: usize,
    /// The rows that are kept, and the most of one conversation: all, unless the state is that of a lookup or a pipe.
    keep: Option<Keep>,
    /// The lines of the records that were applied and are not in the log yet.
    uncommitted: Vec<u8>,
}

struct Keep {
    max: usize,
    wants: Wants,
}

/// Checks that a row of a conversation is kept.
pub type Wants = Box<dyn Fn(&Target, &Row) -> bool + Send>;

impl ClientState {
    pub fn new(me: UserName) -> Self {
        Self {
            me,
            position: Position::default(),
            outbox: Outbox::default(),
            conversations: HashMap::new(),
            shown: Shown::default(),
            choices: Choices::default(),
            written: HashSet::new(),
            settled: Some(HashSet::new()),
            known: Known::new(),
            device: None,
            own_come: false,
            read_elsewhere: BTreeMap::new(),
            erased_in_log: 0,
            added_bytes: 0,
            keep: None,
            uncommitted: Vec::new(),
        }
    }

    /// Makes an empty state whose hashes are comparable with those of another one.
    pub(super) fn like(other: &Self) -> Self {
        Self { known: Known::with_seed(other.known.seed), ..Self::new(other.me.clone()) }
    }

    pub fn replay(&mut self, record: Record) {
        self.apply(record);
        // A log that no checkpoint covers may be long.
        if self.added_bytes > limits::CLIENT_REPLAY_BYTES {
            self.remove_old_rows(limits::CLIENT_ROWS_BYTES);
        }
    }

    /// Returns how many messages were taken back whose texts may be in the log.
    pub fn erased_in_log(&self) -> usize {
        self.erased_in_log
    }

    /// Checks that messages of an earlier store were received.
    pub fn has_earlier_store(&self) -> bool {
        self.position.era > 0
    }

    /// Keeps only these rows from now on, and at most `max` of each conversation.
    pub fn keep_only(&mut self, max: usize, wants: Wants) {
        self.keep = Some(Keep { max, wants });
    }

    /// Applies a new record, and keeps its line for the log.
    pub(super) fn record(&mut self, record: Record) -> Change {
        record.write(&mut self.uncommitted);
        self.apply(record)
    }

    /// Returns the lines for the log's next batch.
    pub fn take_uncommitted(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.uncommitted)
    }

    /// Applies a record: the only code that changes the state.
    pub fn apply(&mut self, record: Record) -> Change {
        match record {
            Record::Queued(message) => {
                self.note_written(&message.to, &message.text);
                self.outbox.push(message);
            }
            Record::Tried { id, above } => self.outbox.note_tried(&id, above),
            Record::Sent { id, seq, at } => return self.apply_sent(&id, seq, at),
            Record::Failed { id, why } => self.apply_failed(&id, why),
            Record::Moved(id) => _ = self.outbox.remove(&id),
            Record::Received(message) => {
                let message = self.without_erased_text(message);
                self.shown.waiting.push_back(message.clone());
                self.add_received(message);
            }
            Record::Fetched(message) => {
                let message = self.without_erased_text(message);
                self.add_received(message);
            }
            Record::Missed(message) => _ = self.add_message(message),
            Record::Complete(target, complete) => self.conversation(&target).set_complete(complete),
            Record::Erased { rows, from, is_event } => self.apply_erased(&rows, &from, is_event),
            Record::Cleaned => self.erased_in_log = 0,
            Record::Emptied { target, from, id } => self.apply_emptied(&target, &from, &id),
            Record::Direct(message) => {
                self.known.add_direct(&message);
                if self.is_mine(&message) {
                    self.note_written(&message.to, &message.text);
                }
                self.add_row(&self.target_of(&message), Row::Direct(message));
            }
            Record::State { target, state, upto, .. } | Record::Reached { target, state, upto } => {
                if let Some(moved) = self.conversation(&target).advance(state, upto) {
                    return Change::Moved(state, moved);
                }
            }
            Record::Ignored(user, hidden) => {
                choices::put(&mut self.choices.ignored, user, hidden);
                self.conversations.values_mut().for_each(|c| c.revision += 1);
            }
            Record::Muted(target, muted) => choices::put(&mut self.choices.muted, target, muted),
            Record::Set(switch, on) => choices::put(&mut self.choices.switches, switch, on),
            Record::Gap(gap) => self.add_row(&gap.target.clone(), Row::Gap(gap)),
            Record::Shown(count) => self.apply_shown(count),
            Record::Seen { target, upto } => self.apply_seen(&target, upto),
            Record::Filled(gap) => self.conversation(&gap.target).fill(&gap),
            Record::Device(name) => self.device = Some(name),
            Record::Newest(seq) => self.position.note_number(seq),
            Record::Position { store, last } => self.move_to(store, last),
        }
        Change::None
    }

    fn apply_erased(&mut self, rows: &Gap, from: &UserName, is_event: bool) {
        self.erased_in_log += 1;
        let may_be_direct = matches!(rows.target, Target::User(_)) && !self.known.directly.is_empty();
        let may_be_elsewhere = may_be_direct || self.has_earlier_store();
        let conversation = self.conversation(&rows.target);
        let ids = conversation.erase(rows, from);
        if is_event {
            conversation.count_erased(rows, !ids.is_empty(), may_be_elsewhere);
        }
        let to = self.recipient(&rows.target, from);
        ids.iter().for_each(|id| self.known.add_emptied(from, &to, id));
        let Self { me, shown, .. } = self;
        let numbers = rows.first..=rows.last;
        shown.erase(|m| m.from == *from && numbers.contains(&m.seq) && m.target_for(me) == rows.target);
    }

    fn apply_emptied(&mut self, target: &Target, from: &UserName, id: &MessageId) {
        self.erased_in_log += 1;
        let to = self.recipient(target, from);
        self.known.add_emptied(from, &to, id);
        self.conversation(target).empty(from, id);
        self.shown.erase(|message| message.from == *from && message.id == *id);
    }

    /// Returns whom the messages of a user in a conversation are for.
    fn recipient(&self, conversation: &Target, from: &UserName) -> Target {
        let is_for_me = matches!(conversation, Target::User(_)) && *from != self.me;
        if is_for_me { Target::User(self.me.clone()) } else { conversation.clone() }
    }

    /// Returns a message as it is added: one that is known as taken back has no text, though this record has it.
    fn without_erased_text(&mut self, message: Arc<Message>) -> Arc<Message> {
        let had_text = !message.text.is_erased();
        let message = self.as_known(message);
        self.erased_in_log += usize::from(had_text && message.text.is_erased());
        message
    }

    fn apply_shown(&mut self, count: u64) {
        while let Some(message) = self.shown.take_next(count) {
            let target = self.target_of(&message);
            self.conversation(&target).note_seen(message.seq);
        }
    }

    fn apply_seen(&mut self, target: &Target, upto: Seq) {
        self.shown.note_seen(&self.me, target, upto);
        self.conversation(target).note_seen(upto);
    }

    fn apply_failed(&mut self, id: &MessageId, why: String) {
        if let Some(message) = self.settle(id) {
            self.add_row(&message.to.clone(), Row::Failed(message, why));
        }
    }

    /// Moves a message from the outbox to its conversation. A note to oneself may be there already, received
    /// before the answer to its SEND.
    fn apply_sent(&mut self, id: &MessageId, seq: Seq, at: Timestamp) -> Change {
        let Some(Outgoing { id, to, text, .. }) = self.settle(id) else { return Change::None };
        let message = Arc::new(Message { seq, id, from: self.me.clone(), to, at, text });
        let is_here = self.has_row(&message) && !self.conversation(&message.to).has_other(message.seq, &message.id);
        if self.holds(&message) || is_here {
            return Change::Sent(self.conversation(&message.to).claim(seq));
        }
        Change::Sent(self.add_message(message))
    }

    fn settle(&mut self, id: &MessageId) -> Option<Outgoing> {
        if let Some(settled) = &mut self.settled {
            settled.insert(id.clone());
        }
        self.outbox.remove(id)
    }

    fn add_received(&mut self, message: Arc<Message>) {
        let target = self.target_of(&message);
        let seq = message.seq;
        // One to oneself is received as from any other user, until the answer to its SEND comes.
        self.note_message(&message);
        self.add_row(&target, Row::Received(message));
        self.conversation(&target).note_received(seq);
    }

    /// Adds a message that was sent or received, and returns its state.
    fn add_message(&mut self, message: Arc<Message>) -> State {
        let message = self.without_erased_text(message);
        let target = self.target_of(&message);
        let is_mine = message.from == self.me;
        let state = self.conversation(&target).state_of(message.seq);
        if is_mine {
            self.note_written(&message.to, &message.text);
        }
        self.note_message(&message);
        self.add_row(&target, if is_mine { Row::Sent(message, state) } else { Row::Received(message) });
        state
    }

    /// Notes that the user has written to a target. An automatic answer is no sign of trust.
    fn note_written(&mut self, to: &Target, text: &Text) {
        if let Target::User(user) = to
            && !is_automatic(text)
        {
            self.written.insert(user.clone());
        }
    }

    fn note_message(&mut self, message: &Message) {
        self.position.note_number(message.seq);
        // A lookup and a pipe need no hashes.
        if self.keep.is_none() {
            self.known.add(message);
        }
    }

    /// Adds a row, if it is one that this state keeps.
    fn add_row(&mut self, target: &Target, row: Row) {
        if self.keep.as_ref().is_some_and(|keep| !(keep.wants)(target, &row)) {
            return;
        }
        self.added_bytes += row.bytes();
        let max = self.keep.as_ref().map(|keep| keep.max);
        let conversation = self.conversation(target);
        conversation.insert(row);
        if let Some(max) = max {
            conversation.keep_last(max);
        }
    }

    /// Removes the oldest rows until those in memory take at most `bytes`: the log has them.
    pub fn remove_old_rows(&mut self, bytes: usize) {
        let rows = self.conversations.values().flat_map(Conversation::rows);
        let mut newest: Vec<_> = rows.filter_map(|row| Some((row.at()?, row.bytes()))).collect();
        newest.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
        let mut space = bytes;
        let first_removed = newest.into_iter().find(|(_, bytes)| match space.checked_sub(*bytes) {
            Some(left) => {
                space = left;
                false
            }
            None => true,
        });
        if let Some((at, _)) = first_removed {
            self.conversations.values_mut().for_each(|conversation| conversation.remove_upto(at));
        }
        self.added_bytes = 0;
    }

    /// Returns all rows, those of a conversation in order.
    pub fn into_rows(self) -> Vec<(Target, Row)> {
        let rows = self.conversations.into_iter();
        rows.flat_map(|(target, c)| c.into_rows().map(move |row| (target.clone(), row))).collect()
    }

    /// Checks that messages of an earlier store may come again whose hashes are in the log only.
    pub fn lacks_hashes(&self) -> bool {
        self.known.is_partial() && self.has_earlier_store()
    }

    /// Takes the hashes of a state that was made of the whole log ([`Self::like`] this one).
    pub(super) fn take_hashes(&mut self, whole: Self) {
        self.known = whole.known;
    }

    fn move_to(&mut self, store: String, last: Seq) {
        if self.position.move_to(store, last) {
            let era = self.position.era;
            self.known.begin_era();
            self.conversations.values_mut().for_each(|c| c.begin_era(era));
            self.outbox.forget_numbers();
            self.shown.forget_numbers();
            self.read_elsewhere.clear();
            // Nothing tells any more which rows of the log they are: their texts leave it at once.
            if self.erased_in_log > 0 {
                self.erased_in_log = self.erased_in_log.max(limits::ERASURES_IN_LOG);
            }
        }
    }

    /// Checks that a message is in the history already under another number: from a store that was lost and
    /// restored, since the user wrote it to themselves, or from a direct chat.
    pub(super) fn holds(&self, message: &Message) -> bool {
        self.known.holds(message, self.is_mine(message))
    }

    /// Checks that a message was queued here, whether it waits or was answered. It can be asked only while what
    /// other programs left is taken over.
    pub(super) fn is_known(&self, id: &MessageId) -> bool {
        self.outbox.contains(id) || self.settled.as_ref().is_some_and(|settled| settled.contains(id))
    }

    /// Notes that nothing more is taken over.
    pub(super) fn forget_settled(&mut self) {
        self.settled = None;
    }

    fn conversation(&mut self, target: &Target) -> &mut Conversation {
        let era = self.position.era;
        self.conversations.entry(target.clone()).or_insert_with(|| Conversation::of_era(era))
    }
}
