//! Accounts, bans and rooms by the administrator's commands, beside lists of what there is: each answer, each record
//! and each account that is published, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use wachat::limits;
use wachat::model::{Banned, Email, NewAccount, ShortText, Target, Timestamp, UserName};
use wachat::protocol::{Code, Reply};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

use crate::support::random::Random;

/// The last two are the third in other cases.
const NAMES: [&str; 6] = ["ana", "luis", "Zoë", "eva", "ZOË", "zoë"];
const NETWORKS: [&str; 3] = ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"];
const ROOMS: [&str; 2] = ["#sala", "#lobby"];

fn name(user: &str) -> UserName {
    UserName::new(user).expect("a name")
}

fn subject(text: &str) -> Banned {
    Banned::parse(text).expect("a subject")
}

/// Returns the form of a name in files.
fn stored(user: &str) -> String {
    name(user).stored().to_string()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000)
}

/// Results of a command: the answer, and the lines of the log and of what is published before it.
type Said = (String, Vec<String>);

struct Server {
    machine: StateMachine,
    seconds: u64,
}

impl Server {
    fn new(lobby: bool) -> Self {
        let policy = Policy { lobby, rate: None, rate_bytes: None, ..Policy::default() };
        Self { machine: StateMachine::new(StoredState::new("store".into()), policy), seconds: 0 }
    }

    fn say(&mut self, command: Command) -> Said {
        let mut out = Output::default();
        let now = Now { at: at(self.seconds), ..Now::default() };
        self.machine.handle(ConnectionId(0), command, now, &mut out).expect("no defect");
        let mut lines: Vec<_> = out
            .records
            .iter()
            .map(|(last, record)| {
                let mut line = Vec::new();
                record.write(*last, &mut line);
                String::from_utf8(line).expect("text").trim_end().to_owned()
            })
            .collect();
        let mut answer = String::new();
        for effect in out.effects {
            match effect {
                Effect::Account { name, password_hash } => lines.push(format!("published: {name} {password_hash}")),
                Effect::Reply(_, Reply::Ko(ko)) => answer = ko.code.to_string(),
                Effect::Reply(_, Reply::Done) => "OK".clone_into(&mut answer),
                Effect::Reply(_, Reply::LoggedIn(reply)) => answer = format!("OK {}", reply.user),
                other => panic!("{other:?}"),
            }
        }
        (answer, lines)
    }
}

/// The lists.
#[derive(Default)]
struct Model {
    lobby: bool,
    is_full: bool,
    seconds: u64,
    /// Each account as it was registered; false: it was removed.
    accounts: BTreeMap<UserName, (String, bool)>,
    bans: BTreeMap<String, Option<u64>>,
    /// The members of each open room.
    rooms: BTreeMap<&'static str, Vec<UserName>>,
}

fn refused(code: Code) -> Said {
    (code.to_string(), Vec::new())
}

impl Model {
    fn done(&self, lines: Vec<String>) -> Said {
        if self.is_full { refused(Code::Full) } else { ("OK".to_owned(), lines) }
    }

    /// Returns the form in which the name of an account that exists was registered.
    fn active(&self, user: &str) -> Option<String> {
        self.accounts.get(&name(user)).filter(|(_, is_there)| *is_there).map(|(form, _)| form.clone())
    }

    fn add(&mut self, user: &'static str, in_lobby: bool) -> Vec<String> {
        let mut lines = vec![format!("0;ACCOUNT;{};{};$of {user}", stored(user), at(self.seconds))];
        self.accounts.insert(name(user), (user.to_owned(), true));
        if self.lobby && in_lobby {
            self.rooms.entry("#lobby").or_default().push(name(user));
            lines.push(format!("0;JOIN;{};#lobby;{}", stored(user), at(self.seconds)));
        }
        lines
    }

    fn register(&mut self, user: &'static str) -> Said {
        if self.accounts.contains_key(&name(user)) {
            return refused(Code::Exists);
        }
        if self.is_full {
            return refused(Code::Full);
        }
        let mut lines = self.add(user, true);
        lines.push(format!("published: {user} $of {user}"));
        (format!("OK {user}"), lines)
    }

    fn import(&mut self, users: &[&'static str], in_lobby: bool, email: &str) -> Said {
        let is_new = |at: usize| {
            let is_twice = users[..at].iter().any(|user| name(user) == name(users[at]));
            !is_twice && !self.accounts.contains_key(&name(users[at]))
        };
        if !(0..users.len()).all(is_new) {
            return refused(Code::Exists);
        }
        if self.is_full && !users.is_empty() {
            return refused(Code::Full);
        }
        let mut lines = Vec::new();
        for user in users {
            lines.append(&mut self.add(user, in_lobby));
            lines.extend((!email.is_empty()).then(|| format!("0;EMAIL;{};{email}", stored(user))));
        }
        lines.extend(users.iter().map(|user| format!("published: {user} $of {user}")));
        ("OK".to_owned(), lines)
    }

    fn remove(&mut self, user: &str) -> Said {
        let Some(form) = self.active(user) else { return refused(Code::NoUser) };
        if !self.is_full {
            self.accounts.insert(name(user), (form.clone(), false));
            self.rooms.values_mut().for_each(|members| members.retain(|member| *member != name(user)));
            self.rooms.retain(|_, members| !members.is_empty());
        }
        self.done(vec![format!("0;REMOVED;{};{}", stored(&form), at(self.seconds))])
    }

    fn set_email(&mut self, user: &str, email: &str) -> Said {
        let form = self.accounts[&name(user)].0.clone();
        self.done(vec![format!("0;EMAIL;{};{email}", stored(&form))])
    }

    fn is_banned(&self, subject: &str) -> bool {
        self.bans.get(subject).is_some_and(|until| until.is_none_or(|until| until > self.seconds))
    }

    fn ban(&mut self, who: &str, until: Option<u64>) -> Said {
        let who = match who.strip_prefix('@') {
            Some(user) => match self.active(user) {
                Some(form) => format!("@{form}"),
                None => return refused(Code::NoUser),
            },
            None => who.to_owned(),
        };
        if !self.is_full {
            self.bans.insert(who.clone(), until);
        }
        let until = until.map_or(String::new(), |until| at(until).to_string());
        self.done(vec![format!("0;BANNED;{};{};{until};\"a; b\"", subject(&who).stored(), at(self.seconds))])
    }

    /// A user may be called by another case of the name.
    fn unban(&mut self, who: &str) -> Said {
        let known = self.bans.keys().find(|known| subject(known) == subject(who)).cloned();
        let Some(known) = known.filter(|known| self.is_banned(known)) else { return refused(Code::NoUser) };
        if !self.is_full {
            self.bans.remove(&known);
        }
        self.done(vec![format!("0;UNBANNED;{}", subject(who).stored())])
    }

    fn join(&mut self, user: &str, room: &'static str) -> Said {
        let form = self.accounts[&name(user)].0.clone();
        if self.rooms.get(room).is_some_and(|members| members.contains(&name(user))) {
            return ("OK".to_owned(), Vec::new());
        }
        if !self.is_full {
            self.rooms.entry(room).or_default().push(name(user));
        }
        self.done(vec![format!("0;JOIN;{};{room};{}", stored(&form), at(self.seconds))])
    }

    fn remove_room(&mut self, room: &str) -> Said {
        if !self.rooms.contains_key(room) {
            return refused(Code::NoRoom);
        }
        if !self.is_full {
            self.rooms.remove(room);
        }
        self.done(vec![format!("0;ROOM_REMOVED;{room};{}", at(self.seconds))])
    }
}

fn new_account(user: &str, email: &str) -> NewAccount {
    let password_hash = Arc::from(format!("$of {user}"));
    NewAccount { name: name(user), password_hash, email: Email::new(email).expect("an address") }
}

/// Does one thing, and returns what was said to it and what should have been.
fn step(random: &mut Random, server: &mut Server, model: &mut Model) -> (Said, Said) {
    let mut pick = |end: usize| random.below(end as u64) as usize;
    let user = NAMES[pick(6)];
    let room = ROOMS[pick(2)];
    let is_known = model.active(user).is_some();
    let who = if pick(2) == 0 { format!("@{user}") } else { NETWORKS[pick(3)].to_owned() };
    let email = ["", "a@example.org"][pick(2)];
    match pick(12) {
        0 => {
            let command = Command::Register { name: name(user), password_hash: format!("$of {user}").into() };
            (server.say(command), model.register(user))
        }
        1 => {
            let users: Vec<_> = (0..pick(4)).map(|_| NAMES[pick(6)]).collect();
            let lobby = pick(2) == 0;
            let accounts = users.iter().map(|user| new_account(user, email)).collect();
            (server.say(Command::AddAccounts { accounts, lobby }), model.import(&users, lobby, email))
        }
        2 if pick(3) == 0 => (server.say(Command::Remove { user: name(user) }), model.remove(user)),
        3 if is_known => {
            let email_of = Email::new(email).expect("an address");
            (server.say(Command::SetEmail { user: name(user), email: email_of }), model.set_email(user, email))
        }
        4..=6 => {
            let until = (pick(3) > 0).then(|| model.seconds + pick(60) as u64);
            let reason = ShortText::new("a; b").expect("a reason");
            let command = Command::Ban { banned: subject(&who), until: until.map(at), reason };
            (server.say(command), model.ban(&who, until))
        }
        7 | 8 => (server.say(Command::Unban { banned: subject(&who) }), model.unban(&who)),
        9 | 10 if is_known => {
            (server.say(Command::Join { user: name(user), room: Target::parse(room) }), model.join(user, room))
        }
        _ => (server.say(Command::RemoveRoom { room: Target::parse(room) }), model.remove_room(room)),
    }
}

#[test]
fn each_command_of_an_administrator_is_answered_and_recorded_as_the_lists_say() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut server = Server::new(seed % 2 == 0);
        let mut model = Model { lobby: seed % 2 == 0, ..Model::default() };
        for number in 0..60 {
            model.seconds += random.below(20);
            model.is_full = random.chance(10);
            (server.seconds, server.machine.disk_full) = (model.seconds, model.is_full);
            let (said, wanted) = step(&mut random, &mut server, &mut model);
            assert_eq!(said, wanted, "seed {seed}, step {number}");
            let there = model.accounts.values().filter(|(_, is_there)| *is_there).count();
            assert_eq!(
                (server.machine.stored.account_count(), server.machine.stored.room_count()),
                (there, model.rooms.len())
            );
            let mut banned: Vec<_> =
                server.machine.stored.bans.active(at(model.seconds)).map(|(who, _)| who.to_string()).collect();
            banned.sort();
            assert_eq!(banned, model.bans.keys().filter(|who| model.is_banned(who)).cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn there_are_so_many_bans_and_no_more_until_one_has_ended() {
    let mut server = Server::new(false);
    let mut ban = |seconds: u64, number: usize, until: u64| {
        server.seconds = seconds;
        let banned = subject(&format!("10.{}.{}.7", number / 256, number % 256));
        server.say(Command::Ban { banned, until: Some(at(until)), reason: ShortText::default() }).0
    };
    for number in 0..limits::BANS {
        assert_eq!(ban(0, number, 100 + number as u64), "OK");
    }
    assert_eq!(ban(0, limits::BANS, 50), "QUOTA");
    assert_eq!(ban(99, limits::BANS, 500), "QUOTA");
    assert_eq!(ban(99, 1, 200), "OK", "it has the place of the one before");
    assert_eq!(ban(100, limits::BANS, 500), "OK", "one has ended");
    assert_eq!(ban(100, limits::BANS + 1, 500), "QUOTA");
}
