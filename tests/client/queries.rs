//! The questions that the client's state answers, beside a model: random messages, states, refusals, hidden users, other
//! programs, other stores and restarts, and after each of them every question is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::history::{Client, message, open, restart_from_a_checkpoint, seq, state as state_event, target, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::client::state::Arrival;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Switch;
use wachat::client::state::row::Row;
use wachat::model::{Message, MessageId, State, Target, Text, Timestamp, UserName};
use wachat::protocol::{Chat, Code, Event, HistoryRecord};

const LIVES: u64 = 60;
const STEPS: u64 = 120;
const PLACES: [&str; 4] = ["luis", "eva", "#aula", "#sala"];
const WRITERS: [&str; 3] = ["luis", "eva", "ada"];

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// `true`: by a poll, or from before a join; another program has received the others.
    Received(bool),
    Sent(State),
    Direct,
    Failed,
}

/// A row as the model knows it.
#[derive(Clone, Debug)]
struct Line {
    store: u32,
    /// 0: it has none.
    number: u64,
    kind: Kind,
    from: &'static str,
    text: String,
}

struct Life {
    seed: u64,
    random: Random,
    disk: SimulatedDisk,
    client: Option<Client>,
    store: u32,
    /// The last number of the server's.
    last: u64,
    position: u64,
    newest: u64,
    lines: BTreeMap<&'static str, Vec<Line>>,
    /// The numbers up to which the user's messages are delivered and read.
    reached: BTreeMap<&'static str, [u64; 2]>,
    seen: BTreeMap<&'static str, u64>,
    unshown: Vec<(&'static str, u64)>,
    hidden: BTreeSet<&'static str>,
    muted: BTreeSet<&'static str>,
    quiet: bool,
    written: BTreeSet<&'static str>,
    waiting: Vec<(&'static str, Outgoing, Option<u64>)>,
    texts: u64,
    given: Vec<Event>,
}

fn is_room(place: &str) -> bool {
    place.starts_with('#')
}

/// The life of a client: what happens to it.
impl Life {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::default();
        let mut client = open(&disk).unwrap();
        client.log_in("store-0", 0);
        Self {
            seed,
            random: Random::new(seed),
            disk,
            client: Some(client),
            store: 0,
            last: 0,
            position: 0,
            newest: 0,
            lines: BTreeMap::new(),
            reached: BTreeMap::new(),
            seen: BTreeMap::new(),
            unshown: Vec::new(),
            hidden: BTreeSet::new(),
            muted: BTreeSet::new(),
            quiet: false,
            written: BTreeSet::new(),
            waiting: Vec::new(),
            texts: 0,
            given: Vec::new(),
        }
    }

    fn client(&mut self) -> &mut Client {
        self.client.as_mut().unwrap()
    }

    fn step(&mut self) {
        match self.random.below(22) {
            0..=5 => self.receive(),
            6 | 7 => self.send(),
            8 | 9 => self.answer(),
            10 => self.refuse(),
            11 | 12 => self.reach(),
            13 => self.say_directly(),
            14 => self.toggle(),
            15 | 16 => self.show(),
            17 => self.see(),
            18 => self.join(),
            19 => self.compare(),
            20 => self.change_store(),
            _ => self.restart(),
        }
        self.client().0.commit().unwrap();
    }

    fn place(&mut self) -> &'static str {
        PLACES[self.random.below(4) as usize]
    }

    fn writer(&mut self, place: &'static str) -> &'static str {
        if is_room(place) { WRITERS[self.random.below(3) as usize] } else { place }
    }

    fn text(&mut self) -> String {
        self.texts += 1;
        format!("w{} Ñandú", self.texts)
    }

    /// A message with the next number of the server.
    fn message(&mut self, place: &'static str, from: &str, text: &str) -> Arc<Message> {
        self.last += 1;
        let Event::Message(message) = message(self.last, from, &format!("id-{}", self.texts), text) else { panic!() };
        let to = if from == "ana" || is_room(place) { target(place) } else { target("ana") };
        Arc::new(Message { to, at: Timestamp::from_millis(self.texts), ..(*message).clone() })
    }

    /// Puts a line behind those that it does not precede by its number.
    fn add(&mut self, place: &'static str, number: u64, kind: Kind, from: &'static str, text: String) {
        let line = Line { store: self.store, number, kind, from, text };
        let lines = self.lines.entry(place).or_default();
        let is_later = |other: &&Line| other.store == self.store && number > 0 && other.number > number;
        let at = lines.len() - lines.iter().rev().take_while(is_later).count();
        lines.insert(at, line);
        self.newest = self.newest.max(number);
    }

    fn take_in(&mut self, event: Event) -> Vec<Arrival> {
        self.given.push(event.clone());
        self.position = self.last;
        self.newest = self.last;
        self.client().take_in(vec![event])
    }

    fn receive(&mut self) {
        if self.random.chance(10) && !self.given.is_empty() {
            // A reply was lost: the server gives again what it has given.
            let given = self.given.clone();
            assert_eq!(self.client().take_in(given), [], "seed {}", self.seed);
            return;
        }
        let place = self.place();
        let from = self.writer(place);
        let text = self.text();
        let message = self.message(place, from, &text);
        assert_eq!(self.take_in(Event::Message(message.clone())), [Arrival::Message(message)], "seed {}", self.seed);
        self.add(place, self.last, Kind::Received(true), from, text);
        self.unshown.push((place, self.last));
    }

    fn send(&mut self) {
        let place = self.place();
        let automatic = self.random.chance(20);
        let text = format!("{}{}", if automatic { "/me (away) " } else { "" }, self.text());
        let id = MessageId::new(&format!("own-{}", self.texts)).unwrap();
        let at = Timestamp::from_millis(self.texts);
        let queued = Outgoing { id, to: target(place), at, text: Text::new(&text).unwrap() };
        if !automatic && !is_room(place) {
            self.written.insert(place);
        }
        self.client().queue(&queued).unwrap();
        self.waiting.push((place, queued, None));
    }

    /// Notes that the first waiting message is sent, and returns it.
    fn attempt(&mut self) -> Option<(&'static str, Outgoing)> {
        let newest = self.newest;
        let (place, queued, tried) = self.waiting.first_mut()?;
        let place = *place;
        let queued = queued.clone();
        let before = tried.replace(tried.unwrap_or(newest));
        assert_eq!(self.client().0.state.note_attempt(&queued.id), before.map(seq), "{}", self.seed);
        Some((place, queued))
    }

    fn answer(&mut self) {
        let Some((place, queued)) = self.attempt() else { return };
        if self.random.chance(20) {
            return;
        }
        self.waiting.remove(0);
        self.last += 1;
        let state = self.state_of(place, self.last);
        let number = self.last;
        assert_eq!(self.client().accept(&queued, number), state, "seed {}", self.seed);
        self.add(place, number, Kind::Sent(state), "ana", queued.text.to_string());
    }

    fn refuse(&mut self) {
        let Some((place, queued)) = self.attempt() else { return };
        self.waiting.remove(0);
        self.client().0.state.fail(&queued.id, &Code::NoUser.into());
        self.add(place, 0, Kind::Failed, "ana", queued.text.to_string());
    }

    fn state_of(&self, place: &str, number: u64) -> State {
        let [delivered, read] = self.reached.get(place).copied().unwrap_or_default();
        match number {
            number if number <= read => State::Read,
            number if number <= delivered => State::Delivered,
            _ => State::Received,
        }
    }

    /// Moves the model's lines to the state that they have now. Returns the number of those that moved.
    fn move_lines(&mut self, place: &'static str, state: State, upto: u64) -> usize {
        let marks = self.reached.entry(place).or_default();
        marks[0] = marks[0].max(upto);
        if state == State::Read {
            marks[1] = marks[1].max(upto);
        }
        let mut moved = 0;
        for line in self.lines.get_mut(place).unwrap().iter_mut().filter(|line| line.store == self.store) {
            if let Kind::Sent(was) = &mut line.kind
                && line.number <= upto
                && *was < state
            {
                *was = state;
                moved += 1;
            }
        }
        moved
    }

    fn reach(&mut self) {
        let place = self.place();
        if !self.lines.contains_key(place) {
            return;
        }
        let state = if self.random.chance(50) { State::Delivered } else { State::Read };
        let upto = 1 + self.random.below(self.last + 1);
        let upto = upto.min(self.last.max(1));
        self.last += 1;
        let arrivals = self.take_in(state_event(self.last, place, state, upto));
        let told: Vec<_> = arrivals
            .iter()
            .map(|arrival| match arrival {
                Arrival::Moved(state, moved) => (*state, moved.others + 1),
                other => panic!("{other:?}"),
            })
            .collect();
        let moved = self.move_lines(place, state, upto);
        let expected = if moved > 0 { vec![(state, moved)] } else { vec![] };
        assert_eq!(told, expected, "seed {}: {place} {state} {upto}", self.seed);
    }

    fn say_directly(&mut self) {
        let place = PLACES[self.random.below(2) as usize];
        let is_mine = self.random.chance(50);
        let text = self.text();
        let last = self.last;
        let message = self.message(place, if is_mine { "ana" } else { place }, &text);
        self.last = last;
        let message = Arc::new(Message { seq: seq(0), ..(*message).clone() });
        for is_new in [true, false] {
            assert_eq!(self.client().0.state.add_direct(message.clone()), is_new, "seed {}", self.seed);
        }
        if is_mine {
            self.written.insert(place);
        }
        self.add(place, 0, Kind::Direct, if is_mine { "ana" } else { place }, text);
    }

    fn toggle(&mut self) {
        let who = WRITERS[self.random.below(3) as usize];
        let place = self.place();
        match self.random.below(4) {
            0 | 1 => {
                let hidden = self.hidden.insert(who) || !self.hidden.remove(who);
                assert_eq!(self.client().0.state.toggle_ignored(&user(who)), hidden);
            }
            2 => {
                let muted = self.muted.insert(place) || !self.muted.remove(place);
                assert_eq!(self.client().0.state.toggle_muted(&target(place)), muted);
            }
            _ => {
                self.quiet = !self.quiet;
                let on = self.quiet;
                self.client().0.state.turn(Switch::Quiet, on);
            }
        }
    }

    fn show(&mut self) {
        let count = self.random.below(self.unshown.len() as u64 + 1) as usize;
        self.show_first(count);
    }

    fn show_first(&mut self, count: usize) {
        self.client().0.state.mark_shown(count);
        for (place, number) in self.unshown.drain(..count) {
            let seen = self.seen.entry(place).or_default();
            *seen = number.max(*seen);
        }
    }

    /// Returns the last number of this store in a conversation.
    fn last_number(&self, place: &str) -> u64 {
        self.of_store(place).map(|line| line.number).max().unwrap_or(0)
    }

    fn of_store(&self, place: &str) -> impl DoubleEndedIterator<Item = &Line> {
        let store = self.store;
        self.lines.get(place).map_or(&[][..], Vec::as_slice).iter().filter(move |line| line.store == store)
    }

    fn see(&mut self) {
        let place = self.place();
        let upto = self.random.below(self.last + 3);
        let upto = upto.min(self.last_number(place));
        let is_new = upto > self.seen.get(place).copied().unwrap_or(0);
        assert_eq!(self.client().0.state.mark_seen(&target(place), seq(upto)), is_new, "seed {}", self.seed);
        if is_new {
            self.seen.insert(place, upto);
            self.unshown.retain(|(other, number)| *other != place || *number > upto);
        }
    }

    /// Another program of the user takes messages, and sends some: the server's list tells of them.
    fn compare(&mut self) {
        let place = self.place();
        let mut page = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let from = if self.random.chance(40) { "ana" } else { self.writer(place) };
            let text = self.text();
            page.push((self.message(place, from, &text), from, text));
        }
        let count = self.of_store(place).filter(|line| line.number > 0).count() + page.len();
        let chat = Chat {
            target: target(place),
            last: seq(self.last),
            read: seq(0),
            count: count.try_into().unwrap(),
            erased: 0,
        };
        let taken = seq(self.last);
        let missing = self.client().0.state.compare(&[chat], true, taken);
        assert_eq!(missing.len(), 1, "seed {}: {missing:?}", self.seed);
        let records: Vec<_> = page
            .iter()
            .map(|(message, ..)| HistoryRecord::Message { message: message.clone(), state: State::Received })
            .collect();
        assert_eq!(self.client().0.state.take_states(&missing[0], &records), [], "seed {}", self.seed);
        let added = self.client().0.state.add_missed(&missing[0], &records);
        assert_eq!(added.len(), page.len(), "seed {}: {missing:?}", self.seed);
        self.client().0.state.note_complete(&missing[0], None, 0);
        for (message, from, text) in page {
            let kind = if from == "ana" { Kind::Sent(State::Received) } else { Kind::Received(false) };
            if from == "ana" && !is_room(place) {
                self.written.insert(place);
            }
            self.add(place, message.seq.get(), kind, from, text);
        }
    }

    /// The user joins a room, and gets what was said there before.
    fn join(&mut self) {
        let place = PLACES[2 + self.random.below(2) as usize];
        if self.lines.contains_key(place) || self.waiting.iter().any(|(other, ..)| *other == place) {
            return;
        }
        let mut before = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let from = self.writer(place);
            let text = self.text();
            before.push(self.message(place, from, &text));
            self.add(place, self.last, Kind::Received(true), from, text);
        }
        let last = seq(self.last);
        let count = before.len() as u64;
        let chat = Chat { target: target(place), last, read: last, count, erased: 0 };
        assert_eq!(self.client().0.state.note_joined(&chat, before.clone()), before, "seed {}", self.seed);
    }

    /// The server is another one now, or was restored from an older copy.
    fn change_store(&mut self) {
        if self.random.chance(40) {
            return;
        }
        let older = self.random.below(self.position + 1);
        self.show_first(self.unshown.len());
        self.store += 1;
        if self.random.chance(50) && older < self.position {
            let name = self.client().0.state.store().to_owned();
            self.client().0.state.note_position(&name, seq(older));
            self.last = older;
        } else {
            let name = format!("store-{}", self.store);
            assert!(self.client().log_in(&name, 0));
            self.last = 0;
        }
        (self.position, self.newest) = (self.last, self.last);
        self.reached.clear();
        self.seen.clear();
        self.given.clear();
        self.waiting.iter_mut().for_each(|(_, _, tried)| *tried = tried.map(|_| 0));
    }

    fn restart(&mut self) {
        let mut client = self.client.take().unwrap();
        client.0.commit().unwrap();
        self.client = Some(if self.random.chance(50) {
            restart_from_a_checkpoint(client, &self.disk)
        } else {
            drop(client);
            open(&self.disk).unwrap()
        });
    }
}

/// The questions.
impl Life {
    #[track_caller]
    fn check(&self) {
        let state = &self.client.as_ref().unwrap().0.state;
        let seed = self.seed;
        assert_eq!((state.position().get(), state.newest().get()), (self.position, self.newest), "seed {seed}");
        let unshown: Vec<_> = state.unshown().map(|message| message.seq.get()).collect();
        assert_eq!(unshown, self.unshown.iter().map(|(_, number)| *number).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(state.ignored(), self.hidden.iter().copied().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(state.is_on(Switch::Quiet), self.quiet, "seed {seed}");
        for who in WRITERS {
            assert_eq!(state.has_written_to(&user(who)), self.written.contains(who), "seed {seed}: {who}");
            assert_eq!(state.is_ignored(&user(who)), self.hidden.contains(who), "seed {seed}: {who}");
        }
        let waiting: Vec<_> = state.outbox().iter().map(|queued| (queued, state.outbox().tried(&queued.id))).collect();
        let expected: Vec<_> = self.waiting.iter().map(|(_, queued, tried)| (queued, tried.map(seq))).collect();
        assert_eq!(waiting, expected, "seed {seed}");
        assert_eq!(state.conversations().count(), self.lines.len(), "seed {seed}");
        self.check_marks();
        self.check_order();
        PLACES.iter().for_each(|place| self.check_place(place));
    }

    fn numbers(&self, of: impl Fn(&str) -> u64) -> Vec<(Target, u64)> {
        let mut all: Vec<_> = self.lines.keys().map(|place| (target(place), of(place))).collect();
        all.retain(|(_, number)| *number > 0);
        all.sort_by_key(|(_, number)| *number);
        all
    }

    fn last_received(&self, place: &str) -> u64 {
        let received = self.of_store(place).filter(|line| line.kind == Kind::Received(true));
        received.map(|line| line.number).max().unwrap_or(0)
    }

    /// Compares the marks of READ, and the last writer.
    fn check_marks(&self) {
        let state = &self.client.as_ref().unwrap().0.state;
        let plain = |list: Vec<(Target, wachat::model::Seq)>| -> Vec<_> {
            list.into_iter().map(|(target, number)| (target, number.get())).collect()
        };
        assert_eq!(plain(state.last_received()), self.numbers(|place| self.last_received(place)), "seed {}", self.seed);
        let seen = self.numbers(|place| self.seen.get(place).copied().unwrap_or(0));
        let mut found = plain(state.seen());
        // Two may have the same number: one of them is of another program.
        let by_name = |(target, number): &(Target, u64)| (*number, target.to_string());
        found.sort_by_key(by_name);
        let mut expected = seen;
        expected.sort_by_key(by_name);
        assert_eq!(found, expected, "seed {}", self.seed);
        let writers = PLACES.iter().filter(|place| !is_room(place) && !self.hidden.contains(*place));
        let last = writers.map(|place| (self.last_received(place), *place)).max().filter(|(number, _)| *number > 0);
        assert_eq!(state.last_writer(), last.map(|(_, who)| user(who)), "seed {}: /reply", self.seed);
    }

    /// The conversation with the newest message is the first.
    fn check_order(&self) {
        let state = &self.client.as_ref().unwrap().0.state;
        let targets: Vec<_> = state.targets().into_iter().cloned().collect();
        // Nobody has a name to which all messages were refused.
        let is_somebody = |lines: &&Vec<Line>| lines.is_empty() || lines.iter().any(|line| line.kind != Kind::Failed);
        let somebody = self.lines.values().filter(is_somebody).count();
        assert_eq!(targets.len(), somebody, "seed {}: {targets:?}", self.seed);
        let newest = |target: &Target| {
            let place = PLACES.into_iter().find(|place| super::history::target(place) == *target).unwrap();
            self.lines[place].last().filter(|line| line.store == self.store && line.number > 0).map(|line| line.number)
        };
        let numbers: Vec<_> = targets.iter().filter_map(newest).collect();
        assert!(numbers.is_sorted_by(|one, other| one > other), "seed {}: {targets:?} {numbers:?}", self.seed);
    }

    fn check_place(&self, place: &&'static str) {
        let state = &self.client.as_ref().unwrap().0.state;
        let here = target(place);
        let seed = self.seed;
        let lines = self.lines.get(place).cloned().unwrap_or_default();
        let about = format!("seed {seed}: {place}");
        assert_eq!(state.knows(&here), !lines.is_empty(), "{about}");
        assert_eq!(state.is_muted(&here), self.muted.contains(place), "{about}");
        assert_eq!(state.is_hidden(&here), self.hidden.contains(place), "{about}");
        let text = |line: &Line| format!("{} {} {}", name(&line.kind), line.number, line.text);
        let all: Vec<_> = lines.iter().map(text).collect();
        assert_eq!(texts(&state.last_rows(&here, 1_000)), all, "{about}");
        assert_eq!(texts(&state.last_rows(&here, 3)), all[all.len().saturating_sub(3)..], "{about}");
        let is_here_only = |line: &&Line| line.number == 0 || line.store < self.store;
        let here_only: Vec<_> = lines.iter().filter(is_here_only).map(text).collect();
        assert_eq!(texts(&state.rows_without_server(&here)), here_only, "{about}");
        self.check_unread(place);
        self.check_sent(place);
        let mut speakers: Vec<UserName> = Vec::new();
        for line in lines.iter().rev().take(5).filter(|line| matches!(line.kind, Kind::Received(_))) {
            if !speakers.contains(&user(line.from)) {
                speakers.push(user(line.from));
            }
        }
        assert_eq!(state.speakers(&here, 5), speakers, "{about}");
        let word = format!("w{}", 1 + self.texts / 3);
        let found: Vec<_> =
            state.search(&["nandu".to_owned(), word.clone()]).into_iter().filter(|(at, _)| *at == here).collect();
        let found = texts(&found.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
        assert_eq!(found, all.iter().filter(|text| text.contains(&word)).cloned().collect::<Vec<_>>(), "{about}");
    }

    fn check_unread(&self, place: &str) {
        let state = &self.client.as_ref().unwrap().0.state;
        let seen = self.seen.get(place).copied().unwrap_or(0);
        for read in [0, seen, self.last / 2, self.last] {
            let is_unread = |line: &&Line| {
                matches!(line.kind, Kind::Received(_)) && line.number > read && !self.hidden.contains(line.from)
            };
            let unread: Vec<_> = self.of_store(place).filter(is_unread).collect();
            let expected = unread.last().map(|last| (unread.len(), false, last.number, last.text.clone()));
            let found = state.unread(&target(place), seq(read));
            let found = found.map(|(count, more, last)| (count, more, last.seq.get(), last.text.to_string()));
            assert_eq!(found, expected, "seed {}: {place} above {read}", self.seed);
        }
    }

    /// The user's own messages, and which of them are known.
    fn check_sent(&self, place: &str) {
        let state = &self.client.as_ref().unwrap().0.state;
        let here = target(place);
        let about = format!("seed {}: {place}", self.seed);
        let sent: Vec<_> = self.of_store(place).filter(|line| matches!(line.kind, Kind::Sent(_))).collect();
        let found = state.last_sent(&here).map(|(message, state)| (message.seq.get(), Kind::Sent(state)));
        assert_eq!(found, sent.last().map(|line| (line.number, line.kind.clone())), "{about}");
        let unread = sent.iter().find(|line| line.kind != Kind::Sent(State::Read)).map(|line| seq(line.number));
        assert_eq!(state.find_conversation(&here).and_then(|c| c.first_unread_sent()), unread, "{about}");
    }
}

fn name(kind: &Kind) -> String {
    match kind {
        Kind::Received(_) => "in".to_owned(),
        Kind::Sent(state) => format!("out {state}"),
        Kind::Direct => "direct".to_owned(),
        Kind::Failed => "failed".to_owned(),
    }
}

fn texts(rows: &[Row]) -> Vec<String> {
    let text = |row: &Row| match row {
        Row::Received(m) => format!("in {} {}", m.seq, m.text),
        Row::Sent(m, state) => format!("out {state} {} {}", m.seq, m.text),
        Row::Direct(m) => format!("direct 0 {}", m.text),
        Row::Failed(m, _) => format!("failed 0 {}", m.text),
        Row::Gap(gap) => panic!("{gap:?}"),
    };
    rows.iter().map(text).collect()
}

#[test]
fn every_question_is_answered_as_the_model_does() {
    let mut stores = 0;
    let mut hidden = 0;
    let mut unread = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
            life.check();
            hidden += life.hidden.len();
            unread += life.unshown.len();
        }
        stores += life.store;
    }
    assert!(stores > 100 && hidden > 1_000 && unread > 1_000, "the lives are too easy: {stores} {hidden} {unread}");
}
