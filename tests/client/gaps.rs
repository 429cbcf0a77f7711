//! Gaps, fetched messages and what other programs left, in the client's state alone: whatever a server gives, each
//! message is in the history once, in its place, and nothing else is.

use std::collections::BTreeSet;

use crate::client::stage::{chat, message, record, room, row_line, seq, target, user};
use crate::support::random::Random;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Record;
use wachat::client::state::row::{Gap, Row};
use wachat::client::state::{Arrival, ClientState};
use wachat::model::{Message, State, Text, Timestamp};
use wachat::protocol::{Event, HistoryRecord};

fn state() -> ClientState {
    let mut state = ClientState::new(user("ana"));
    state.note_login("store", seq(0));
    state
}

fn rows(state: &ClientState, name: &str) -> Vec<String> {
    state.last_rows(&target(name), usize::MAX).iter().map(row_line).collect()
}

/// A gap among messages, some of which came in another way, and a page that has more and less than the gap.
struct Filling {
    first: u64,
    last: u64,
    /// The numbers of the messages that are here.
    here: BTreeSet<u64>,
    page: Vec<HistoryRecord>,
    /// The numbers of the messages of the page.
    given: BTreeSet<u64>,
}

impl Filling {
    fn new(random: &mut Random) -> Self {
        let first = 5;
        let last = 5 + random.below(20);
        let here = (1..=last + 5).filter(|_| random.chance(25)).collect();
        let lowest = 1 + random.below(last);
        let mut page = Vec::new();
        let mut given = BTreeSet::new();
        for number in lowest..=last + random.below(4) {
            match random.below(4) {
                0 if number > lowest => {}
                1 => page.push(HistoryRecord::Damaged { first: seq(number), last: seq(number) }),
                _ => {
                    page.push(record(number, "luis", "ana", "hola"));
                    given.insert(number);
                }
            }
        }
        Self { first, last, here, page, given }
    }

    fn gap(&self) -> Gap {
        Gap { target: target("luis"), first: seq(self.first), last: seq(self.last) }
    }

    /// Numbers that the page does not reach are still a gap.
    fn rest(&self) -> Option<(u64, u64)> {
        let oldest = self.page.first().map_or(self.first, |record| record.numbers().0.get());
        (oldest > self.first).then(|| (self.first, oldest - 1))
    }
}

#[test]
fn of_a_page_a_gap_takes_its_own_messages_that_are_not_here() {
    for seed in 0..500 {
        let filling = Filling::new(&mut Random::new(seed));
        let mut state = state();
        for number in &filling.here {
            state.take_in(vec![Event::Message(message(*number, "luis", "ana", "hola"))]);
        }
        state.apply(Record::Gap(filling.gap()));
        let is_new = |number: &&u64| (filling.first..=filling.last).contains(number) && !filling.here.contains(number);
        let new: Vec<_> = filling.given.iter().filter(is_new).copied().collect();
        assert_eq!(state.fill_gap(&filling.gap(), &filling.page), new.len(), "seed {seed}");
        let all: BTreeSet<_> = filling.here.iter().chain(&new).copied().collect();
        let mut numbers = Vec::new();
        let mut gaps = Vec::new();
        for row in state.last_rows(&target("luis"), usize::MAX) {
            match row {
                Row::Gap(gap) => gaps.push((gap.first.get(), gap.last.get())),
                row => numbers.push(row.seq().unwrap().get()),
            }
        }
        assert_eq!(numbers, all.into_iter().collect::<Vec<_>>(), "seed {seed}: once, and in order");
        assert_eq!(gaps, filling.rest().into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(state.fill_gap(&filling.gap(), &filling.page), 0, "seed {seed}: nothing of it is new");
    }
}

#[test]
fn only_the_gap_that_was_asked_for_is_filled() {
    let gap = |first, last| Gap { target: target("luis"), first: seq(first), last: seq(last) };
    let mut state = state();
    for gap in [gap(1, 3), gap(5, 9), gap(11, 13)] {
        let _ = state.apply(Record::Gap(gap));
    }
    let page: Vec<_> = (8..=9).map(|number| record(number, "luis", "ana", "hola")).collect();
    assert_eq!(state.fill_gap(&gap(5, 9), &page), 2);
    let expected = ["gap 1-3", "gap 5-7", "8 from luis: hola", "9 from luis: hola", "gap 11-13"];
    assert_eq!(rows(&state, "luis"), expected);
    // One that is no gap any more has nothing to lose.
    assert_eq!(state.fill_gap(&gap(5, 9), &page), 0);
    assert_eq!(rows(&state, "luis"), expected);
    // Nor has one of an earlier store: its numbers stand for other messages now.
    state.note_login("another store", seq(0));
    state.fill_gap(&gap(11, 13), &[]);
    assert_eq!(rows(&state, "luis"), expected);
}

#[test]
fn of_a_room_that_is_joined_the_users_own_and_known_messages_are_no_news() {
    let mut state = state();
    state.take_in(vec![Event::Message(message(2, "luis", "#sala", "two"))]);
    let last: Vec<_> =
        [(1, "eva"), (2, "luis"), (3, "ana"), (4, "luis")].map(|(n, from)| message(n, from, "#sala", "hola")).into();
    let new = state.note_joined(&chat("#sala", 4, 4, 4), last.clone());
    assert_eq!(new.iter().map(|message| message.seq.get()).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(state.note_joined(&chat("#sala", 4, 4, 4), last.clone()), []);
    // A restored server gives them under other numbers.
    state.note_login("another store", seq(0));
    let moved: Vec<_> =
        last.iter().map(|old| Message { seq: seq(old.seq.get() + 50), ..(**old).clone() }.into()).collect();
    let texts = rows(&state, "#sala");
    assert_eq!(texts, ["1 from eva: hola", "2 from luis: two", "4 from luis: hola"]);
    let new = state.note_joined(&chat("#sala", 54, 54, 4), moved);
    assert_eq!(new.iter().map(|message| message.seq.get()).collect::<Vec<_>>(), [52], "its text was another one");
}

/// Events of every kind in one poll: those of a number that was given are passed over, and the states come last.
#[test]
fn each_event_arrives_once_and_states_behind_the_messages() {
    let at = Timestamp::from_millis(1);
    let mut state = state();
    let queued = Outgoing::of(&message(1, "ana", "luis", "mine"));
    state.queue(queued.clone());
    state.accept(&queued.id, at, seq(1));
    let said = message(3, "luis", "ana", "hola");
    let events = || {
        vec![
            Event::State { seq: seq(2), target: target("luis"), state: State::Read, upto: seq(1), at },
            Event::Online { user: user("eva"), at },
            Event::Message(message(3, "luis", "ana", "hola")),
            Event::Gap { room: room("#sala"), first: seq(1), last: seq(4) },
            Event::Damaged { seq: seq(5), target: target("eva") },
            Event::Notice { at, text: Text::new("at 18:00").unwrap() },
        ]
    };
    let arrivals = state.take_in(events());
    let without_number = |arrival: &Arrival| matches!(arrival, Arrival::Online(_) | Arrival::Notice(_));
    assert_eq!(arrivals[..2], [Arrival::Online(user("eva")), Arrival::Message(said)]);
    assert_eq!(arrivals[2..4], [Arrival::Gap(room("#sala")), Arrival::Damaged(target("eva"), seq(5), seq(5))]);
    assert!(matches!(&arrivals[4..], [Arrival::Notice(_), Arrival::Moved(State::Read, moved)] if moved.others == 0));
    assert_eq!(state.position(), seq(5));
    let again = state.take_in(events());
    assert!(again.len() == 2 && again.iter().all(without_number), "{again:?}");
    assert_eq!(rows(&state, "luis"), ["1 sent, READ: mine", "3 from luis: hola"]);
}
