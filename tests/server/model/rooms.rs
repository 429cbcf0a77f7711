//! Rooms that come and go: how many an account creates, and what those leave behind that are gone.

use wachat::limits;
use wachat::model::{MessageId, RoomName, Target, Text, UserName};
use wachat::protocol::{Code, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, ConversationId, ConversationRow, Effect, HistoryPrefix, Now, Output, Policy,
    StateMachine, StoredState,
};

struct Server {
    machine: StateMachine,
    lines: Vec<Vec<u8>>,
}

impl Server {
    fn new(users: &[&str]) -> Self {
        let machine = StateMachine::new(StoredState::new("store".into()), Policy { lobby: false, ..Policy::default() });
        let mut server = Self { machine, lines: Vec::new() };
        for user in users {
            server.request(Command::Register { name: name(user), password_hash: "x".into() });
        }
        server
    }

    fn request(&mut self, command: Command) -> Option<Code> {
        let mut out = Output::default();
        self.machine.handle(ConnectionId(0), command, Now::default(), &mut out).unwrap();
        for (last, record) in out.records {
            let mut line = Vec::new();
            record.write(last, &mut line);
            line.pop();
            self.lines.push(line);
        }
        let refused = |effect| if let Effect::Reply(_, Reply::Ko(ko)) = effect { Some(ko.code) } else { None };
        out.effects.into_iter().find_map(refused)
    }

    fn join(&mut self, user: &str, room: &str) -> Option<Code> {
        self.request(Command::Join { user: name(user), room: Ok(target(room)) })
    }

    fn leave(&mut self, user: &str, room: &str) -> Option<Code> {
        self.request(Command::Leave { user: name(user), room: Ok(target(room)) })
    }

    /// The rooms in a checkpoint: number and name.
    fn rooms(&self) -> Vec<(String, String)> {
        let rooms = self.machine.stored.snapshot().rooms;
        rooms.iter().map(|row| (row.number.to_string(), row.name.to_string())).collect()
    }
}

fn name(user: &str) -> UserName {
    UserName::new(user).unwrap()
}

fn target(room: &str) -> Target {
    Target::Room(RoomName::new(room).unwrap())
}

#[test]
fn one_account_cannot_use_up_the_rooms_of_the_server() {
    let mut server = Server::new(&["ana", "luis"]);
    let made = (0..limits::ROOMS).filter(|n| server.join("ana", &format!("#sala{n}")).is_none()).count();
    assert_eq!(made, limits::ROOMS_PER_CREATOR);
    assert_eq!(server.join("ana", "#other"), Some(Code::Quota));
    assert_eq!(server.join("luis", "#other"), None, "another account may");
    assert_eq!(server.join("ana", "#other"), None, "to join is not to create");
    assert_eq!(server.join("ana", "#lobby"), None, "the lobby is nobody's");
    // One that goes away makes place for another.
    assert_eq!(server.leave("ana", "#sala0"), None);
    assert_eq!(server.join("ana", "#new"), None);
    assert_eq!(server.join("ana", "#newer"), Some(Code::Quota));
}

#[test]
fn a_room_belongs_to_its_creator_also_when_another_is_the_last_member() {
    let mut server = Server::new(&["ana", "luis"]);
    for n in 0..limits::ROOMS_PER_CREATOR {
        let room = format!("#sala{n}");
        assert_eq!(
            (server.join("ana", &room), server.join("luis", &room), server.leave("ana", &room)),
            (None, None, None)
        );
    }
    assert_eq!(server.join("ana", "#other"), Some(Code::Quota), "luis keeps them open");
    assert_eq!(server.leave("luis", "#sala3"), None);
    assert_eq!(server.join("ana", "#other"), None);
}

#[test]
fn rooms_that_come_and_go_leave_nothing_behind() {
    let mut server = Server::new(&["ana", "luis"]);
    server.join("luis", "#stays");
    for n in 0..10_000 {
        assert_eq!(server.join("ana", &format!("#sala{n}")), None);
        assert_eq!(server.leave("ana", &format!("#sala{n}")), None);
        assert_eq!(server.leave("ana", &format!("#sala{n}")), Some(Code::NoRoom));
    }
    assert_eq!(server.rooms(), [("0".to_owned(), "#stays".to_owned())]);
    server.join("ana", "#last");
    assert_eq!(server.rooms()[1], ("1".to_owned(), "#last".to_owned()), "their number was free");
}

#[test]
fn a_recovery_gives_rooms_the_numbers_that_they_had() {
    let mut server = Server::new(&["ana", "luis"]);
    for room in ["#a", "#b", "#c", "#d"] {
        server.join("ana", room);
    }
    server.leave("ana", "#b");
    server.leave("ana", "#d");
    let snapshot = server.machine.stored.snapshot();
    let before = server.lines.len();
    for room in ["#e", "#f", "#g"] {
        server.join("luis", room);
    }
    let wanted = server.rooms();
    let mut replayed = StoredState::restore(snapshot, Capacities::default()).unwrap();
    server.lines[before..].iter().for_each(|line| replayed.replay(line).unwrap());
    let rows = replayed.snapshot().rooms;
    let rows: Vec<_> = rows.iter().map(|row| (row.number.to_string(), row.name.to_string())).collect();
    assert_eq!(rows, wanted);
    assert_eq!(wanted.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["#a", "#e", "#c", "#f", "#g"]);
}

#[test]
fn a_checkpoint_with_an_impossible_room_number_is_refused() {
    let mut server = Server::new(&["ana"]);
    server.join("ana", "#a");
    server.join("ana", "#b");
    let numbered = |numbers: [&str; 2]| {
        let mut snapshot = server.machine.stored.snapshot();
        for (row, number) in snapshot.rooms.iter_mut().zip(numbers) {
            row.number = wachat::state_machine::RoomNumber::parse(number).unwrap();
        }
        StoredState::restore(snapshot, Capacities::default()).map(drop)
    };
    assert!(numbered(["0", "1"]).is_ok() && numbered(["3", "5"]).is_ok());
    assert!(numbered(["0", "0"]).is_err(), "twice");
    assert!(numbered(["1", "0"]).is_err(), "not in order");
    assert!(numbered(["0", "4294967295"]).is_err(), "more places than there can be");
    assert!(numbered(["60000", "160000"]).is_err(), "more free places than rooms that there can be");
}

#[test]
fn a_checkpoint_with_a_history_of_an_account_or_a_room_that_is_not_there_is_refused() {
    let mut server = Server::new(&["ana", "luis"]);
    for room in ["#a", "#b", "#c"] {
        server.join("ana", room);
    }
    server.leave("ana", "#b");
    let with = |id: &str| {
        let mut snapshot = server.machine.stored.snapshot();
        let id = ConversationId::parse(id).unwrap();
        snapshot.conversations.push(ConversationRow { id, filed: HistoryPrefix::default(), erased: 0 });
        StoredState::restore(snapshot, Capacities::default()).map(drop)
    };
    for id in ["direct-0-1", "direct-1-1", "room-0", "room-2"] {
        assert_eq!(with(id), Ok(()), "{id}");
    }
    for id in ["direct-0-2", "direct-2-2", "room-1", "room-3"] {
        assert!(with(id).is_err(), "{id}");
    }
}

#[test]
fn the_administrator_sees_about_how_much_a_room_holds() {
    let mut server = Server::new(&["ana"]);
    server.join("ana", "#a");
    let send = |server: &mut Server, id: &str| {
        let id = MessageId::new(id).unwrap();
        let text = Text::new(&"x".repeat(44)).unwrap();
        server.request(Command::Send { user: name("ana"), id, to: Ok(target("#a")), text });
        server.machine.stored.summarize_rooms(None).next().expect("a room").bytes
    };
    assert_eq!((send(&mut server, "1"), send(&mut server, "2")), (300, 600));
    let id = ConversationId::parse("room-0").unwrap();
    let upto = server.machine.stored.last;
    let filed = HistoryPrefix { bytes: 1_000, upto, rows: 2, ..HistoryPrefix::default() };
    assert_eq!(server.machine.stored.mark_history_written(&[(id, filed)])[0].len(), 2);
    assert_eq!(send(&mut server, "3"), 1_300);
}
