//! Records and tables that contradict the state before them: a replay and a checkpoint that name what is not there are
//! errors, and never another state.

use crate::support::values::seq;
use wachat::model::{Banned, State, Target, Timestamp, UserName};
use wachat::protocol::Event;
use wachat::state_machine::{
    AccountNumber, BanRow, Capacities, IdRow, PermitRow, Snapshot, StoredState, WaitingRow, WaitingRowEvent,
};

const AT: &str = "2026-11-20T23:55:00.123Z";

/// Ana and luis have written to each other; ana is the only member of the room, and has sent a message there.
const LOG: [&str; 9] = [
    "0;ACCOUNT;ana;<at>;$hash",
    "0;ACCOUNT;luis;<at>;$hash",
    "0;ACCOUNT;eva;<at>;$hash",
    "0;JOIN;ana;#sala;<at>",
    "0;JOIN;eva;#sala;<at>",
    "1;MSG;m-1;ana;luis;<at>;hola",
    "2;MSG;m-2;ana;#sala;<at>;hola",
    "3;MSG;m-1;luis;ana;<at>;hola",
    "3;BANNED;@luis;<at>;;",
];

fn replay(state: &mut StoredState, line: &str) -> Result<(), wachat::state_machine::ApplyError> {
    state.replay(line.replace("<at>", AT).as_bytes())
}

fn state() -> StoredState {
    let mut state = StoredState::new("store".into());
    LOG.iter().for_each(|line| replay(&mut state, line).unwrap_or_else(|error| panic!("{line}: {error}")));
    state
}

#[test]
fn a_record_that_contradicts_the_state_is_an_error() {
    // Those of a line are right first, then wrong in one field.
    let records: &[&[&str]] = &[
        &["3;ACCOUNT;leo;<at>;$x", "3;ACCOUNT;ana;<at>;$x", "4;ACCOUNT;leo;<at>;$x", "2;ACCOUNT;leo;<at>;$x"],
        &["3;PASSWORD;ana;$x", "3;PASSWORD;leo;$x"],
        &["3;EMAIL;ana;a@b", "3;EMAIL;leo;a@b"],
        &["3;REMOVED;eva;<at>", "3;REMOVED;leo;<at>"],
        &["3;SEEN;ana;<at>", "3;SEEN;leo;<at>"],
        &["3;JOIN;luis;#sala;<at>", "3;JOIN;leo;#sala;<at>", "4;JOIN;luis;#sala;<at>"],
        &["3;JOIN;luis;#aula;<at>", "3;JOIN;leo;#aula;<at>"],
        &["3;LEAVE;eva;#sala;<at>", "3;LEAVE;leo;#sala;<at>", "3;LEAVE;eva;#aula;<at>"],
        &["3;ROOM_REMOVED;#sala;<at>", "3;ROOM_REMOVED;#aula;<at>"],
        &["3;BANNED;192.0.2.7;<at>;;x", "4;BANNED;192.0.2.7;<at>;;x"],
        &["3;PERMIT;ana;luis;yes", "3;PERMIT;leo;luis;yes", "3;PERMIT;ana;leo;no", "4;PERMIT;ana;luis;yes"],
        &["3;UNBANNED;@luis", "3;UNBANNED;@ana", "3;UNBANNED;192.0.2.7"],
        &[
            "4;MSG;m-2;luis;ana;<at>;x",
            "4;MSG;m-2;leo;ana;<at>;x",
            "4;MSG;m-2;luis;leo;<at>;x",
            "5;MSG;m-2;luis;ana;<at>;x",
        ],
        &[
            "4;MSG;m-3;eva;#sala;<at>;x",
            "4;MSG;m-3;luis;#sala;<at>;x",
            "4;MSG;m-3;eva;#aula;<at>;x",
            "3;MSG;m-3;eva;#sala;<at>;x",
        ],
        &["4;ACK;<at>;1:1", "3;ACK;<at>;1:1", "4;ACK;<at>;4:1", "4;ACK;<at>;1:3", "4;ACK;<at>;1:1;9:0"],
        &[
            "4;READ;luis;ana;1;1;<at>",
            "3;READ;luis;ana;1;1;<at>",
            "4;READ;leo;ana;1;1;<at>",
            "4;READ;luis;leo;1;1;<at>",
            "4;READ;luis;ana;4;1;<at>",
        ],
        &[
            "4;READ;eva;#sala;2;0;<at>",
            "4;READ;eva;#aula;2;0;<at>",
            "4;READ;eva;#sala;4;0;<at>",
            "4;READ;leo;#sala;2;0;<at>",
        ],
    ];
    for (right, wrong) in records.iter().filter_map(|lines| lines.split_first()) {
        replay(&mut state(), right).unwrap_or_else(|error| panic!("{right}: {error}"));
        for line in wrong {
            assert!(replay(&mut state(), line).is_err(), "{line}");
        }
    }
}

#[test]
fn a_line_of_another_form_is_no_record() {
    let lines = [
        "3;ACCOUNT;ana",
        "x;SEEN;ana;<at>",
        "3;SEEN;ana",
        "3;SEEN;ana;now",
        "3;seen;ana;<at>",
        "3;WAITS;ana",
        "3",
        "",
        "3;ACCOUNT;leo;<at>",
        "3;ACCOUNT;leo;<at>;a\\nb",
        "3;PASSWORD;ana",
        "3;EMAIL;ana;nobody",
        "3;JOIN;ana;sala;<at>",
        "3;LEAVE;ana;#sala",
        "3;BANNED;ana;<at>;;x",
        "3;BANNED;@ana;<at>;soon;x",
        "3;BANNED;@ana;<at>;",
        "3;UNBANNED;luis",
        "3;ROOM_REMOVED;sala;<at>",
        "4;MSG;m-2;luis;ana;<at>",
        "4;MSG;m 2;luis;ana;<at>;x",
        "4;ACK;<at>;1",
        "4;ACK;<at>;1:1-",
        "4;ACK;<at>;1:2-1",
        "4;ACK;<at>;x:1",
        "4;ACK;<at>;1:0-1000",
        "4;READ;luis;ana;1;x;<at>",
        "4;READ;luis;ana;1;1",
    ];
    for line in lines {
        assert!(replay(&mut state(), line).is_err(), "{line:?}");
    }
}

#[test]
fn an_acknowledgement_is_for_the_accounts_of_its_ranges() {
    // Each message that arrives brings its sender a STATE.
    for (users, last, wanted) in [
        ("0", 4, [true, false, false]),
        ("1-2", 5, [false, true, true]),
        ("0-2", 6, [true; 3]),
        ("0,2", 5, [true, false, true]),
    ] {
        let mut state = state();
        replay(&mut state, &format!("{last};ACK;<at>;3:{users}")).unwrap_or_else(|error| panic!("{users}: {error}"));
        let acknowledged: Vec<_> = state.accounts().map(|row| row.acknowledged.get() == 3).collect();
        assert_eq!(acknowledged, wanted, "{users}");
    }
}

#[test]
fn a_member_who_joins_again_keeps_the_place() {
    let mut state = state();
    let shown = |state: &StoredState| {
        let tables = state.snapshot();
        let members: Vec<_> = tables.members.iter().map(|row| format!("{} {:?}", row.user, row.member)).collect();
        (members, tables.head.last)
    };
    let before = shown(&state);
    replay(&mut state, "3;JOIN;ana;#sala;<at>").expect("a record");
    assert_eq!(shown(&state), before);
}

fn name(user: &str) -> UserName {
    UserName::new(user).expect("a name")
}

fn at() -> Timestamp {
    Timestamp::parse(AT).expect("a time")
}

/// Returns the checkpoint of a state in which each table has a row.
fn snapshot() -> Snapshot {
    let mut state = state();
    let filed = state.pending_history().map(|(id, mut filed, rows)| {
        (filed.bytes, filed.rows) = (100, rows.len() as u64);
        filed.upto = rows.last().expect("a row").seq;
        (id, filed)
    });
    let filed: Vec<_> = filed.collect();
    state.mark_history_written(&filed);
    replay(&mut state, "4;READ;eva;#sala;2;0;<at>").expect("a record");
    state.snapshot()
}

fn is_refused(change: impl FnOnce(&mut Snapshot)) -> bool {
    let mut snapshot = snapshot();
    change(&mut snapshot);
    StoredState::restore(snapshot, Capacities::default()).is_err()
}

/// A change of the tables.
type Contradiction = fn(&mut Snapshot);

#[test]
fn a_checkpoint_whose_tables_contradict_each_other_is_refused() {
    assert!(!is_refused(|_| {}));
    let room = |name: &str| match Target::parse(name) {
        Ok(Target::Room(room)) => room,
        other => panic!("{other:?}"),
    };
    let refused: [(&str, Contradiction); 9] = [
        ("an account twice", |tables| tables.accounts.push(tables.accounts[0].clone())),
        ("a user of a chat", |tables| tables.chats[0].user = name("leo")),
        ("a peer of a chat", |tables| tables.chats[0].peer = name("leo")),
        ("a member", |tables| tables.members[0].user = name("leo")),
        ("a sender in a log", |tables| tables.logs[0].from = name("leo")),
        ("a sender with marks", |tables| tables.room_marks[0].user = name("leo")),
        ("a creator", |tables| tables.rooms[0].creator = Some(name("leo"))),
        ("who has sent what was dropped", |tables| tables.rooms[0].dropped_by = Some(name("leo"))),
        ("whose events wait", |tables| tables.waiting[0].user = name("leo")),
    ];
    for (what, change) in refused {
        assert!(is_refused(change), "{what}");
    }
    assert!(is_refused(|tables| tables.members[0].room = room("#aula")), "the room of a member");
    assert!(is_refused(|tables| tables.logs[0].room = room("#aula")), "the room of a log");
    assert!(is_refused(|tables| tables.room_marks[0].room = room("#aula")), "the room of marks");
    let sent = |tables: &Snapshot| tables.ids[0].sent;
    assert!(is_refused(|tables| {
        let sent = sent(tables);
        // There are three accounts.
        tables.ids.push(IdRow { account: AccountNumber::parse("3").expect("a number"), sent });
    }));
    for (user, caller) in [("leo", "ana"), ("ana", "leo"), ("ana", "luis")] {
        let row = PermitRow { user: name(user), caller: name(caller), permitted: true };
        let is_wrong = is_refused(|tables| tables.permits.push(row));
        assert_eq!(is_wrong, caller != "luis", "{user} permits {caller}");
    }
    assert!(is_refused(|tables| {
        let ban = tables.bans[0].ban.clone();
        tables.bans.push(BanRow { banned: Banned::User(name("leo")), ban });
    }));
}

#[test]
fn what_waits_in_a_checkpoint_is_of_those_who_are_there() {
    let waits =
        |event: WaitingRowEvent| is_refused(|tables| tables.waiting.push(WaitingRow { user: name("eva"), event }));
    let state = |target: &str, state| {
        let target = Target::parse(target).expect("a target");
        WaitingRowEvent::State(Event::State { seq: seq(3), target, state, upto: seq(1), at: at() })
    };
    let message =
        |from: &str| WaitingRowEvent::Message { seq: seq(3), from: name(from), bytes: 300, is_from_stranger: false };
    assert!(!waits(message("ana")) && waits(message("leo")));
    for to in [State::Delivered, State::Read] {
        assert!(!waits(state("ana", to)) && !waits(state("#sala", to)));
        assert!(waits(state("leo", to)) && waits(state("#aula", to)));
    }
    let user = name("ana");
    let text = wachat::model::Text::new("x").expect("a text");
    for event in [Event::Online { user, at: at() }, Event::Notice { at: at(), text }] {
        assert!(waits(WaitingRowEvent::State(event.clone())), "{event:?}");
    }
}
