//! Everything that a server can be asked, and its lists in pages: whatever the size of a page and wherever it begins, it is a part
//! of the whole list.

use std::fmt::Debug;

use crate::support::values::user;
use wachat::model::{RoomName, Seq, Target, UserName};
use wachat::protocol::Reply;
use wachat::protocol::request::Page;
use wachat::state_machine::{Command, ConnectionId, Effect, Excerpt, Now, Output, StateMachine};

/// The user who asks, and the subject.
pub struct Asked<'a> {
    /// Those who have an account.
    pub users: &'a [&'static str],
    /// All names of users, and of rooms.
    pub names: &'a [&'static str],
    pub rooms: &'a [&'static str],
    pub now: Now,
}

impl Asked<'_> {
    fn targets(&self) -> Vec<Target> {
        self.names.iter().chain(self.rooms).map(|name| Target::parse(name).expect("a target")).collect()
    }
}

/// A question changes nothing: no record follows.
fn ask(machine: &mut StateMachine, command: Command, now: Now) -> Effect {
    let mut out = Output::default();
    machine.handle(ConnectionId(0), command, now, &mut out).expect("no defect");
    assert!(out.records.is_empty(), "{:?}", out.records);
    out.effects.pop().expect("an answer")
}

fn excerpt(machine: &mut StateMachine, command: Command, now: Now) -> Option<Box<Excerpt>> {
    match ask(machine, command, now) {
        Effect::Excerpt(_, excerpt) => Some(excerpt),
        Effect::Reply(_, Reply::Ko(_)) => None,
        other => panic!("{other:?}"),
    }
}

/// Returns all that can be asked of a server, in the form in which it is compared.
pub fn everything(machine: &mut StateMachine, asked: &Asked) -> Vec<String> {
    let mut said = stored(machine, asked);
    let targets = asked.targets();
    for name in asked.users {
        let me = user(name);
        let chats = Command::Chats { user: me.clone(), page: Page::after(None), target: None };
        let rooms = Command::Rooms { user: me.clone(), page: Page::after(None) };
        for command in [chats, rooms, Command::Users { page: Page::after(None) }] {
            said.push(format!("{command:?} {:?}", ask(machine, command.clone(), asked.now)));
        }
        for target in &targets {
            let target = Ok(target.clone());
            let members = Command::Members { user: me.clone(), room: target.clone(), page: Page::after(None) };
            let history =
                Command::Excerpt { user: me.clone(), target: target.clone(), limit: usize::MAX, before: None };
            for command in [members, history] {
                said.push(format!("{command:?} {:?}", ask(machine, command.clone(), asked.now)));
            }
            for seq in recent(machine, 6) {
                let page = Page::after(None);
                let command = Command::Status { user: me.clone(), target: target.clone(), seq, page };
                said.push(format!("{command:?} {:?}", ask(machine, command.clone(), asked.now)));
            }
        }
    }
    said
}

/// The newest numbers: each is looked at while it is one of them.
fn recent(machine: &StateMachine, many: u64) -> impl Iterator<Item = Seq> + use<> {
    let last = machine.stored.last.get();
    (last.saturating_sub(many).max(1)..=last).filter_map(Seq::new)
}

/// Returns the state that the server itself and its administrator look at.
fn stored(machine: &StateMachine, asked: &Asked) -> Vec<String> {
    let stored = &machine.stored;
    let mut said = vec![format!("{} {} {}", stored.last, stored.account_count(), stored.room_count())];
    let mut add = |what: &str, value: &dyn Debug| said.push(format!("{what}: {value:?}"));
    for row in stored.accounts() {
        add("account", &(&row.name, &row.password_hash, &row.email, row.created_at, row.removed_at));
        add("seen", &(row.last_seen, row.acknowledged));
    }
    stored.summarize_rooms(None).for_each(|room| {
        // History files of this test have no true length.
        add("room", &(room.name, room.members, room.creator));
    });
    stored.bans.iter().for_each(|ban| add("ban", &ban));
    stored.filed_conversations().collect::<std::collections::BTreeMap<_, _>>().iter().for_each(|filed| {
        for seq in recent(machine, 20) {
            add("waits", &(filed.0, seq, stored.is_undelivered(*filed.0, seq)));
        }
    });
    add("newest message", &stored.newest_message_at());
    add("waiting", &(stored.tally.waiting.messages, stored.tally.waiting.bytes));
    for (index, name) in asked.users.iter().enumerate() {
        let number = stored.number(&user(name)).expect("an account");
        add("contacts", &stored.contacts(number));
        add("permits", &stored.permits(number).collect::<Vec<_>>());
        for other in &asked.users[..index] {
            let other = stored.number(&user(other)).expect("an account");
            add("strangers", &(stored.is_stranger(number, other), stored.is_stranger(other, number)));
        }
    }
    said
}

/// Returns the records of a list.
macro_rules! records {
    ($machine:expr, $command:expr, $now:expr, $kind:ident) => {
        match ask($machine, $command, $now) {
            Effect::Reply(_, Reply::$kind(records)) => records,
            other => panic!("{other:?}"),
        }
    };
}

/// Each page, of 1 to 3 records or of all, and after each place that there is or could be, is the part of the whole list after the place.
fn assert_parts<Place: Clone + Debug, T: PartialEq + Debug + Clone>(
    places: impl IntoIterator<Item = Place>,
    page: &mut dyn FnMut(Page<Place>) -> Vec<T>,
    is_after: impl Fn(&T, &Place) -> bool,
) {
    let whole = page(Page { limit: 1_000, after: None });
    for place in places.into_iter().map(Some).chain([None]) {
        let rest: Vec<_> =
            whole.iter().filter(|record| place.as_ref().is_none_or(|place| is_after(record, place))).cloned().collect();
        for limit in [1, 2, 3, 1_000] {
            let wanted: Vec<_> = rest.iter().take(limit).cloned().collect();
            let got = page(Page { limit, after: place.clone() });
            assert_eq!(got, wanted, "{limit} after {place:?} of {whole:?}");
        }
    }
}

/// Asserts that each page of each list is a part of the whole list.
pub fn assert_pages(machine: &mut StateMachine, asked: &Asked) {
    let now = asked.now;
    let names = || asked.names.iter().map(|name| user(name)).chain([user("m")]);
    assert_parts(names(), &mut |page| records!(machine, Command::Users { page }, now, Users), |record, place| {
        record.name > *place
    });
    for name in asked.users {
        let me = user(name);
        let rooms = asked.rooms.iter().chain(&["#m"]).map(|room| RoomName::new(room).expect("a room"));
        assert_parts(
            rooms,
            &mut |page| records!(machine, Command::Rooms { user: me.clone(), page }, now, Rooms),
            |record, place| record.name > *place,
        );
        assert_chats(machine, &me, now);
        for target in asked.targets() {
            assert_excerpts(machine, &me, &target, now);
            assert_statuses(machine, &me, &target, names().collect(), now);
        }
    }
    for (room, name) in asked.rooms.iter().flat_map(|room| asked.users.iter().map(move |name| (room, name))) {
        let (room, me) = (Target::parse(room), user(name));
        let command = Command::Members { user: me.clone(), room: room.clone(), page: Page::after(None) };
        if matches!(ask(machine, command, now), Effect::Reply(_, Reply::Ko(_))) {
            continue;
        }
        assert_parts(
            names(),
            &mut |page| {
                records!(machine, Command::Members { user: me.clone(), room: room.clone(), page }, now, Members)
            },
            |record, place| record.name > *place,
        );
    }
}

/// The latest first, then those without a message, by name; a page begins after a number, or after a number and a name.
fn assert_chats(machine: &mut StateMachine, me: &UserName, now: Now) {
    let mut page = |page: Page<Seq>, target: Option<Target>| {
        records!(machine, Command::Chats { user: me.clone(), page, target }, now, Chats)
    };
    let whole = page(Page { limit: 1_000, after: None }, None);
    let key = |chat: &wachat::protocol::reply::Chat| (std::cmp::Reverse(chat.last), chat.target.clone());
    assert!(whole.is_sorted_by_key(key), "{whole:?}");
    for place in &whole {
        for target in [None, Some(place.target.clone())] {
            let rest: Vec<_> = match &target {
                Some(_) => whole.iter().filter(|chat| key(chat) > key(place)).cloned().collect(),
                None => whole.iter().filter(|chat| chat.last < place.last).cloned().collect(),
            };
            for limit in [1, 2, 3, 4, 1_000] {
                let wanted: Vec<_> = rest.iter().take(limit).cloned().collect();
                let got = page(Page { limit, after: Some(place.last) }, target.clone());
                assert_eq!(got, wanted, "{limit} chats of {me} after {place:?}, {target:?}: {whole:?}");
            }
        }
    }
}

/// The part of a conversation in memory.
fn assert_excerpts(machine: &mut StateMachine, me: &UserName, target: &Target, now: Now) {
    let mut part = |limit: usize, before: Option<Seq>| {
        let command = Command::Excerpt { user: me.clone(), target: Ok(target.clone()), limit, before };
        excerpt(machine, command, now).map(|excerpt| excerpt.rows)
    };
    let Some(whole) = part(usize::MAX, None) else { return };
    assert!(whole.is_sorted_by_key(|row| row.seq), "{whole:?}");
    let places = whole.iter().flat_map(|row| [row.seq, row.seq.next()]).map(Some).chain([None]);
    for before in places {
        for limit in [1, 3] {
            let below: Vec<_> = whole.iter().filter(|row| before.is_none_or(|before| row.seq < before)).collect();
            let wanted = &below[below.len().saturating_sub(limit)..];
            let got = part(limit, before).expect("an excerpt");
            assert!(got.iter().eq(wanted.iter().copied()), "{limit} before {before:?}: {got:?}");
        }
    }
}

/// Compares the state of a message at each of its recipients, by name.
fn assert_statuses(machine: &mut StateMachine, me: &UserName, target: &Target, names: Vec<UserName>, now: Now) {
    for seq in recent(machine, 2) {
        let mut part = |page| {
            let command = Command::Status { user: me.clone(), target: Ok(target.clone()), seq, page };
            excerpt(machine, command, now).map_or(Vec::new(), |excerpt| excerpt.statuses)
        };
        assert_parts(names.clone(), &mut part, |status, place| status.user > *place);
    }
}
