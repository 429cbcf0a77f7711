//! The limits of devices in one batch of the state machine: how many lose their number, which one, what is recorded; and
//! what a later batch, a full disk or a restart changes.

use std::time::Duration;

use crate::server::devices::machine;
use crate::server::model::file_all;
use crate::support::values::user;
use wachat::model::{DeviceKey, DeviceName, MessageId, Seq, Target, Text, Timestamp, UserName};
use wachat::protocol::request::LogOut;
use wachat::protocol::{After, Code, DeviceState, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Effect, Now, Output, Record, Review, StateMachine, StoredState,
};

const CAPACITIES: Capacities = Capacities { room_log: 1_000, remembered_ids: 50, device_events: 15 };
const HOUR: u64 = 3_600;
const BEGIN: u64 = 1_800_000_000_000;
pub const ALL: Review = Review { from: None, upto: None, may_forget: true };

pub struct Server {
    pub machine: StateMachine,
    capacities: Capacities,
    lines: Vec<Vec<u8>>,
    /// Its begin, in milliseconds after 1970, and seconds since then.
    begin: u64,
    now: u64,
    connections: u64,
    sent: usize,
}

impl Server {
    /// `users`: they are registered.
    fn new(users: &[UserName]) -> Self {
        Self::with_capacities(users, CAPACITIES)
    }

    pub fn with_capacities(users: &[UserName], capacities: Capacities) -> Self {
        let machine = machine(StoredState::with_capacities("store".into(), capacities));
        let mut server = Self { machine, capacities, lines: Vec::new(), begin: BEGIN, now: 0, connections: 0, sent: 0 };
        for name in users {
            server.run(Command::Register { name: name.clone(), password_hash: "$hash".into() });
        }
        server
    }

    fn now(&self) -> Now {
        Now { at: Timestamp::from_millis(self.begin + 1_000 * self.now), elapsed: Duration::from_secs(self.now) }
    }

    /// Handles a command, whose batch goes on.
    pub fn handle(&mut self, connection: ConnectionId, command: Command) -> Output {
        let mut out = Output::default();
        self.machine.handle(connection, command, self.now(), &mut out).expect("no defect");
        self.log(&out);
        out
    }

    pub fn end_batch(&mut self) -> Output {
        let mut out = Output::default();
        self.machine.end_batch(self.now(), &mut out).expect("no defect");
        self.log(&out);
        out
    }

    fn log(&mut self, out: &Output) {
        for (last, record) in &out.records {
            let mut line = Vec::new();
            record.write(*last, &mut line);
            line.pop();
            self.lines.push(line);
        }
    }

    pub fn run(&mut self, command: Command) -> Output {
        self.run_on(ConnectionId(0), command)
    }

    /// Handles a command of a connection, with which its batch ends.
    pub fn run_on(&mut self, connection: ConnectionId, command: Command) -> Output {
        let mut out = self.handle(connection, command);
        let mut end = self.end_batch();
        out.records.append(&mut end.records);
        out.effects.append(&mut end.effects);
        out
    }

    /// Opens a session of a device, or of none; returns it and the word of the reply.
    pub fn open(&mut self, name: &UserName, device: Option<&str>) -> (ConnectionId, Option<DeviceState>) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let device = device.map(|device| DeviceName::new(device).expect("a name"));
        let address = [127, 0, 0, 1].into();
        let open = Command::Open { user: name.clone(), device, key: None, order: self.connections, address };
        let out = self.handle(connection, open);
        let opened = out.effects.iter().find_map(|effect| match effect {
            Effect::Reply(_, Reply::SessionOpened(opened)) => Some(opened.device),
            _ => None,
        });
        (connection, opened.expect("a session"))
    }

    /// Returns the login of a device on a connection of its own.
    fn open_command(&self, name: &UserName, device: &str) -> Command {
        let address = [127, 0, 0, 1].into();
        Command::Open { user: name.clone(), device: DeviceName::new(device), key: None, order: u64::MAX, address }
    }

    /// Lets days pass with a look each; `may_forget`: at what was unused for too long.
    fn wait_days(&mut self, days: u64) {
        for _ in 0..days {
            self.now += 24 * HOUR;
            let look = Command::ReviewDevices(Review { may_forget: false, ..ALL });
            self.run(look);
        }
    }

    pub fn send(&mut self, from: &UserName, to: &UserName) -> u64 {
        self.send_text(from, Target::User(to.clone()), Text::new("hola").expect("a text"))
    }

    pub fn send_text(&mut self, from: &UserName, to: Target, text: Text) -> u64 {
        self.sent += 1;
        let id = MessageId::new(&format!("m{}", self.sent)).expect("an id");
        let send = Command::Send { user: from.clone(), id, to: Ok(to), text };
        let out = self.handle(ConnectionId(0), send);
        let accepted = out.effects.iter().find_map(|effect| match effect {
            Effect::Reply(_, Reply::Accepted(accepted)) => Some(accepted.seq.get()),
            _ => None,
        });
        accepted.expect("it is accepted")
    }

    pub fn poll(&mut self, session: ConnectionId, after: u64) -> Output {
        let after = After::Number(Seq::new(after).expect("a number"));
        self.run_on(session, Command::Poll { after, wait: Some(0), max: 100 })
    }

    /// Kills the server, and starts it from the log.
    pub fn restart(&mut self) {
        let mut stored = StoredState::with_capacities("store".into(), self.capacities);
        self.lines.iter().for_each(|line| stored.replay(line).expect("a record"));
        self.machine = machine(stored);
    }
}

fn is_refused(out: &Output, code: Code) -> bool {
    matches!(&out.effects[..], [Effect::Reply(_, Reply::Ko(ko))] if ko.code == code)
}

/// Returns the devices that lose their number.
pub fn lost(out: &Output) -> Vec<(String, u16)> {
    let lost = out.records.iter().filter_map(|(_, record)| match record {
        Record::DeviceLost { user, device } => Some((user.to_string(), device.get())),
        _ => None,
    });
    lost.collect()
}

/// Returns how many devices are forgotten.
fn forgotten(out: &Output) -> usize {
    out.records.iter().filter(|(_, record)| matches!(record, Record::DeviceForgotten { .. })).count()
}

/// Returns how often the use of a device is recorded.
fn seen(out: &Output) -> usize {
    out.records.iter().filter(|(_, record)| matches!(record, Record::Seen { .. })).count()
}

/// A server whose users each have a laptop, and more own messages than are kept for it.
fn crowded(users: usize) -> Server {
    let names: Vec<_> = (0..users).map(|number| user(&format!("user{number}x"))).collect();
    let mut server = Server::new(&names);
    for (number, name) in names.iter().enumerate() {
        server.open(name, Some("laptop"));
        for _ in 0..16 {
            server.send(name, &names[(number + 1) % users]);
        }
    }
    server
}

#[test]
fn one_batch_ends_no_more_devices_than_its_segment_has_room_for() {
    let mut server = crowded(70);
    assert_eq!(lost(&server.end_batch()).len(), 64);
    assert_eq!(lost(&server.end_batch()).len(), 6);
    assert_eq!(lost(&server.end_batch()).len(), 0);
}

#[test]
fn what_is_too_much_is_not_forgotten_while_the_disk_is_full_nor_by_a_restart() {
    let mut server = crowded(2);
    server.machine.disk_full = true;
    assert_eq!(lost(&server.end_batch()), []);
    server.machine.disk_full = false;
    server.restart();
    assert_eq!(lost(&server.end_batch()).len(), 2, "after a restart");
    let mut server = crowded(2);
    server.machine.disk_full = true;
    server.end_batch();
    server.machine.disk_full = false;
    assert_eq!(lost(&server.end_batch()).len(), 2, "when the disk has room");
}

#[test]
fn the_nameless_device_does_not_lose_its_number_for_own_messages() {
    let [ana, luis] = ["ana", "luis"].map(user);
    let mut server = Server::new(&[ana.clone(), luis.clone()]);
    server.open(&ana, None);
    server.open(&ana, Some("laptop"));
    (0..16).for_each(|_| _ = server.send(&ana, &luis));
    assert_eq!(lost(&server.end_batch()), [("ana".to_owned(), 1)]);
    // But for what it gets itself.
    let (laptop, state) = server.open(&ana, Some("laptop"));
    assert_eq!(state, Some(DeviceState::New));
    let last = (0..16).map(|_| server.send(&luis, &ana)).max().expect("messages");
    assert_eq!(lost(&server.poll(laptop, last)), [("ana".to_owned(), 0)]);
}

#[test]
fn what_is_kept_for_the_nameless_device_and_own_messages_are_counted_apart() {
    let [ana, luis] = ["ana", "luis"].map(user);
    let mut server = Server::new(&[ana.clone(), luis.clone()]);
    server.open(&ana, None);
    let (laptop, _) = server.open(&ana, Some("laptop"));
    // The nameless device lacks one event: that, too, is no reason to take its number for own messages.
    let received = server.send(&luis, &ana);
    assert_eq!(lost(&server.poll(laptop, received)), []);
    (0..15).for_each(|_| _ = server.send(&ana, &luis));
    assert_eq!(lost(&server.end_batch()), [], "15 own messages may be kept, beside what the nameless device lacks");
    server.send(&ana, &luis);
    assert_eq!(lost(&server.end_batch()), [("ana".to_owned(), 1)]);
    // Where a device with a name is behind all others both count for it.
    let (laptop, _) = server.open(&ana, Some("laptop"));
    let (lab, _) = server.open(&ana, Some("lab"));
    let last = (0..8).map(|_| server.send(&luis, &ana)).max().expect("messages");
    assert_eq!(lost(&server.poll(lab, last)), []);
    let (nameless, _) = server.open(&ana, None);
    assert_eq!(lost(&server.poll(nameless, last)), []);
    (0..8).for_each(|_| _ = server.send(&ana, &luis));
    assert_eq!(lost(&server.end_batch()), [("ana".to_owned(), 1)]);
    server.poll(laptop, 0);
}

#[test]
fn what_was_counted_apart_counts_together_when_the_nameless_device_is_forgotten() {
    let [ana, luis] = ["ana", "luis"].map(user);
    let mut server = Server::new(&[ana.clone(), luis.clone()]);
    let (nameless, _) = server.open(&ana, None);
    let (lab, _) = server.open(&ana, Some("lab"));
    let (laptop, _) = server.open(&ana, Some("laptop"));
    server.run_on(nameless, Command::Closed);
    let received = (0..8).map(|_| server.send(&luis, &ana)).max().expect("messages");
    assert_eq!(lost(&server.poll(lab, received)), []);
    (0..8).for_each(|_| _ = server.send(&ana, &luis));
    assert_eq!(lost(&server.end_batch()), []);
    // The session on `laptop` keeps its device, which lacks all 16, from being forgotten.
    server.poll(laptop, 0);
    server.wait_days(40);
    let out = server.run(Command::ReviewDevices(ALL));
    assert!(forgotten(&out) > 0, "{:?}", out.records);
    assert_eq!(lost(&out), [("ana".to_owned(), 2)], "{:?}", out.records);
}

#[test]
fn a_session_that_the_server_ends_is_a_use_of_its_device() {
    let ana = user("ana");
    let mut server = Server::new(std::slice::from_ref(&ana));
    let sessions: Vec<_> = (0..8).map(|number| server.open(&ana, Some(&format!("d{number}"))).0).collect();
    server.now += 26 * HOUR;
    let asker = DeviceName::new("d0");
    let others = Command::LogOut { user: ana.clone(), which: LogOut::Others, asker, closed: None };
    assert_eq!(seen(&server.handle(sessions[0], others)), 7);
    // Nor is it asked for a key before its connection is closed.
    let key = DeviceKey::new(&"k".repeat(43)).expect("a key");
    let out = server.handle(sessions[1], Command::Key { key });
    assert!(out.records.is_empty(), "{:?}", out.records);
    server.now += HOUR;
    let out = server.handle(ConnectionId(99), server.open_command(&ana, "d8"));
    assert!(is_refused(&out, Code::Quota), "{:?}", out.effects);
}

#[test]
fn the_use_of_a_session_that_goes_on_is_recorded_so_that_a_crash_does_not_age_its_device() {
    let ana = user("ana");
    let mut server = Server::new(std::slice::from_ref(&ana));
    server.open(&ana, Some("laptop"));
    server.run(Command::ReviewDevices(ALL));
    server.now += 13 * HOUR;
    assert_eq!(seen(&server.run(Command::ReviewDevices(ALL))), 1);
    assert_eq!(seen(&server.run(Command::ReviewDevices(ALL))), 0, "twice a day at most");
    server.wait_days(31);
    server.restart();
    server.now += 2 * HOUR;
    assert_eq!(forgotten(&server.run(Command::ReviewDevices(ALL))), 0);
    assert_eq!(server.open(&ana, Some("laptop")).1, Some(DeviceState::Known));
}

/// Devices of ana that are known.
fn known(server: &Server) -> usize {
    let ana = server.machine.stored.number(&user("ana")).expect("an account");
    server.machine.stored.account(ana).devices.iter().count()
}

#[test]
fn a_clock_that_jumps_makes_no_device_old_whoever_logs_in_and_after_restarts() {
    let ana = user("ana");
    let mut server = Server::new(std::slice::from_ref(&ana));
    for number in 0..8 {
        let (session, _) = server.open(&ana, Some(&format!("d{number}")));
        server.run_on(session, Command::Closed);
    }
    server.run(Command::ReviewDevices(ALL));
    // Far ahead, back before 1970 would be, and right again: a day at most for each jump ahead.
    for (begin, days) in [(BEGIN, 60), (0, 1), (BEGIN, 2)] {
        (server.begin, server.now) = (begin, days * 24 * HOUR);
        server.run(Command::ReviewDevices(ALL));
        let (session, _) = server.open(&ana, Some("d0"));
        server.run_on(session, Command::Closed);
        server.restart();
        server.run(Command::ReviewDevices(ALL));
        assert_eq!(known(&server), 8);
    }
    let out = server.handle(ConnectionId(99), server.open_command(&ana, "d8"));
    assert!(!is_refused(&out, Code::Quota), "of two days that were counted: {:?}", out.effects);
    // What was used last is not the one that was replaced.
    assert_eq!(server.open(&ana, Some("d0")).1, Some(DeviceState::Known));
}

#[test]
fn a_ninth_device_replaces_none_after_one_jump() {
    let ana = user("ana");
    let mut server = Server::new(std::slice::from_ref(&ana));
    for number in 0..8 {
        let (session, _) = server.open(&ana, Some(&format!("d{number}")));
        server.run_on(session, Command::Closed);
    }
    server.run(Command::ReviewDevices(ALL));
    server.now += 60 * 24 * HOUR;
    server.run(Command::ReviewDevices(ALL));
    let out = server.handle(ConnectionId(99), server.open_command(&ana, "d8"));
    assert!(is_refused(&out, Code::Quota), "{:?}", out.effects);
}

#[test]
fn days_of_the_server_make_a_device_old_also_over_restarts() {
    let ana = user("ana");
    let mut server = Server::new(std::slice::from_ref(&ana));
    let (session, _) = server.open(&ana, Some("laptop"));
    server.run_on(session, Command::Closed);
    for day in 0..=30 {
        server.run(Command::ReviewDevices(ALL));
        assert_eq!(known(&server), 1, "day {day}");
        server.now += 24 * HOUR;
        server.restart();
    }
    server.run(Command::ReviewDevices(ALL));
    assert_eq!(known(&server), 0);
}

#[test]
fn a_look_is_recorded_where_there_are_devices_and_not_with_each_of_many_starts_nor_while_the_disk_is_full() {
    let ana = user("ana");
    let mut server = Server::new(std::slice::from_ref(&ana));
    let looked = |out: &Output| out.records.iter().any(|(_, record)| matches!(record, Record::Looked { .. }));
    assert!(!looked(&server.run(Command::ReviewDevices(ALL))), "there is no device");
    server.open(&ana, Some("laptop"));
    assert!(looked(&server.run(Command::ReviewDevices(ALL))));
    server.restart();
    assert!(!looked(&server.run(Command::ReviewDevices(ALL))));
    server.now += HOUR;
    server.machine.disk_full = true;
    assert!(!looked(&server.run(Command::ReviewDevices(ALL))));
    server.machine.disk_full = false;
    assert!(looked(&server.run(Command::ReviewDevices(ALL))));
}

#[test]
fn a_review_goes_on_from_where_it_has_stopped_and_waits_for_the_disk() {
    let names: Vec<_> = (0..70).map(|number| user(&format!("user{number}x"))).collect();
    let mut server = Server::new(&names);
    for name in &names {
        let (session, _) = server.open(name, Some("laptop"));
        server.handle(session, Command::Closed);
    }
    server.run(Command::ReviewDevices(ALL));
    server.wait_days(31);
    server.machine.disk_full = true;
    let out = server.run(Command::ReviewDevices(ALL));
    assert!(out.records.is_empty(), "{:?}", out.records);
    assert!(matches!(&out.effects[..], [Effect::ReviewDevices(_)]), "{:?}", out.effects);
    server.machine.disk_full = false;
    let out = server.run(Command::ReviewDevices(ALL));
    assert_eq!(forgotten(&out), 64);
    let rest = out.effects.iter().find_map(|effect| match effect {
        Effect::ReviewDevices(rest) => Some(*rest),
        _ => None,
    });
    let rest = rest.expect("there are more");
    assert!(rest.may_forget && rest.from.is_some(), "{rest:?}");
    assert_eq!(server.run(Command::ReviewDevices(Review { may_forget: false, ..rest })).records.len(), 0);
    assert_eq!(forgotten(&server.run(Command::ReviewDevices(rest))), 6);
}

/// Lets retention remove every message so far.
pub fn remove_all(server: &mut Server) {
    file_all(&mut server.machine);
    let filed = server.machine.stored.filed_conversations().map(|(id, mut filed)| {
        filed.removed.upto = filed.upto;
        (id, filed)
    });
    let filed: Vec<_> = filed.collect();
    server.machine.stored.mark_history_written(&filed);
}

/// A server with the users ana and luis, and the sessions of ana's laptop and lab.
pub fn with_two_devices() -> (Server, [UserName; 2], [ConnectionId; 2]) {
    let users = ["ana", "luis"].map(user);
    let mut server = Server::new(&users);
    let sessions = ["laptop", "lab"].map(|device| server.open(&users[0], Some(device)).0);
    (server, users, sessions)
}

#[test]
fn a_device_is_not_told_that_a_message_is_damaged_which_retention_has_removed() {
    let (mut server, [ana, luis], [laptop, lab]) = with_two_devices();
    let last = [server.send(&luis, &ana), server.send(&luis, &ana)][1];
    server.poll(laptop, last);
    remove_all(&mut server);
    // Before the review has come to it.
    let out = server.poll(lab, 0);
    let mut reviews = out.effects.iter().filter_map(|effect| match effect {
        Effect::ReviewDevices(review) => Some(*review),
        Effect::Events { delivery, .. } => {
            assert_eq!(delivery.count(), 0, "{delivery:?}");
            None
        }
        _ => None,
    });
    let review = reviews.next_back().expect("a review of this device");
    let out = server.run(Command::ReviewDevices(review));
    assert_eq!(lost(&out), [("ana".to_owned(), 2)]);
    assert!(!out.effects.iter().any(|effect| matches!(effect, Effect::ReviewDevices(_))), "it ends with this device");
    assert!(out.effects.iter().any(|effect| matches!(effect, Effect::Close(id, Code::Timeout) if *id == lab)));
    assert_eq!(server.open(&ana, Some("lab")).1, Some(DeviceState::New));
}

#[test]
fn what_another_recipient_lacks_was_not_removed() {
    let (mut server, [ana, luis], [laptop, lab]) = with_two_devices();
    // luis has not acknowledged it: it stays in the file of the conversation.
    let sent = server.send(&ana, &luis);
    server.poll(laptop, sent);
    server.handle(lab, Command::Closed);
    remove_all(&mut server);
    assert_eq!(server.open(&ana, Some("lab")).1, Some(DeviceState::Known));
    assert!(
        server
            .run(Command::ReviewDevices(ALL))
            .records
            .iter()
            .all(|(_, record)| matches!(record, Record::Looked { .. }))
    );
}

#[test]
fn a_device_that_lacks_what_retention_has_removed_begins_anew_before_any_review() {
    let (mut server, [ana, luis], [laptop, lab]) = with_two_devices();
    let last = server.send(&luis, &ana);
    server.poll(laptop, last);
    server.handle(lab, Command::Closed);
    remove_all(&mut server);
    assert_eq!(server.open(&ana, Some("lab")).1, Some(DeviceState::New));
    assert_eq!(server.open(&ana, Some("laptop")).1, Some(DeviceState::Known));
}
