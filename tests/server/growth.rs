//! The table of what a request costs, in `src/lib.rs`: it has every request, and none costs more in a store with a hundred
//! times as many accounts, remembered ids, conversations, messages and rooms. The state machine alone, by the processor time
//! of this thread: the lowest of many measurements, so that neither caches nor other programs count.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use wachat::model::{DeviceKey, DeviceName, Email, MessageId, Proof, RoomKind, Text, Token, Topic, UserName};
use wachat::protocol::request::{LogOut, Page, RECV_COMMANDS, RequestedTarget, SEND_COMMANDS};
use wachat::protocol::{After, Reply};
use wachat::state_machine::{
    Command, ConnectionId, Effect, LastOfPeer, Now, Output, Policy, Sought, StateMachine, StoredState,
};

use crate::support::cpu_time;
use crate::support::values::target;

/// Accounts of the small store, and the factor of the large one.
const FEW: usize = 1_000;
const TIMES: usize = 100;

/// Messages of each other user to the next one, and users for each of their rooms.
const MESSAGES: usize = 3;
const USERS_PER_ROOM: usize = 50;

/// Measurements of each request. The lowest one counts.
const TRIES: usize = 40;

/// The most that it may cost in the large store, in its cost in the small one and a constant: a deeper tree.
const MOST: u32 = 2;
const SLACK: Duration = Duration::from_micros(20);

/// Requests that the router answers by itself: the state has no part in them.
const OF_THE_ROUTER: [&str; 6] = ["PING", "HELP", "SERVERS", "SESSIONS", "QUIT", "PASSWD"];

/// The connection of ana's session.
const SESSION: ConnectionId = ConnectionId(1);

fn name(user: usize) -> UserName {
    // The requests are those of the first three, who are the same in both stores.
    UserName::new(&["ana", "luis", "eva"].get(user).map_or(format!("user{user}"), ToString::to_string)).expect("a name")
}

struct Server {
    machine: StateMachine,
    elapsed: Duration,
    /// Ids and names that were used.
    used: usize,
}

impl Server {
    fn new(users: usize) -> Self {
        let policy = Policy { lobby: false, ..Policy::default().without_limits() };
        let machine = StateMachine::new(StoredState::new("store".into()), policy);
        let mut server = Self { machine, elapsed: Duration::ZERO, used: 0 };
        for user in 0..users {
            server.request(SESSION, Command::Register { name: name(user), password_hash: "x".into() });
        }
        for room in 0..users / USERS_PER_ROOM {
            let first = 3 + room * USERS_PER_ROOM;
            for user in (first..first + 3).filter(|user| *user < users) {
                let room = Ok(target(&format!("#room{room}")));
                server.request(SESSION, Command::Join { user: name(user), room });
            }
        }
        for user in 3..users - 1 {
            (0..MESSAGES).for_each(|_| _ = server.send(user, &name(user + 1).to_string()));
        }
        server.begin_of_three();
        server
    }

    /// Makes what the requests need: a room, messages, a session.
    fn begin_of_three(&mut self) {
        for user in 0..3 {
            self.request(SESSION, Command::Join { user: name(user), room: Ok(target("#sala")) });
        }
        for (from, to) in [(0, "luis"), (1, "ana"), (0, "#sala"), (2, "#sala")] {
            self.send(from, to);
        }
        self.open();
    }

    fn open(&mut self) {
        let device = DeviceName::new("laptop");
        let address = [127, 0, 0, 1].into();
        self.request(SESSION, Command::Open { user: name(0), device, key: None, order: 1, address });
    }

    fn request(&mut self, connection: ConnectionId, command: Command) -> Option<Effect> {
        self.elapsed += Duration::from_millis(1);
        let now = Now { elapsed: self.elapsed, ..Now::default() };
        let mut out = Output::default();
        self.machine.handle(connection, command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        out.effects.into_iter().next()
    }

    fn send(&mut self, from: usize, to: &str) -> Option<Effect> {
        let id = self.id();
        self.request(SESSION, Command::Send { user: name(from), id, to: Ok(target(to)), text: text() })
    }

    fn id(&mut self) -> MessageId {
        self.used += 1;
        MessageId::new(&format!("m-{}", self.used)).expect("an id")
    }

    /// Returns the lowest cost of a request, which `prepare` makes possible each time.
    fn cost(&mut self, prepare: &Prepare) -> Duration {
        let once = |server: &mut Self| {
            let command = prepare(server);
            let begin = cpu_time();
            let effect = server.request(SESSION, command.clone());
            let cost = cpu_time() - begin;
            let is_refused = matches!(&effect, Some(Effect::Reply(_, Reply::Ko(_))));
            assert!(!is_refused, "{command:?}: {effect:?}");
            cost
        };
        (0..TRIES).map(|_| once(self)).min().expect("a measurement")
    }
}

/// Makes a request possible, and returns it.
type Prepare = Box<dyn Fn(&mut Server) -> Command>;

fn probe(verb: &'static str, prepare: impl Fn(&mut Server) -> Command + 'static) -> (&'static str, Prepare) {
    (verb, Box::new(prepare))
}

fn text() -> Text {
    Text::new("hola").expect("a text")
}

fn to(name: &str) -> RequestedTarget {
    Ok(target(name))
}

/// The requests of the SEND port that have to do with messages and lists.
fn probes_of_messages() -> Vec<(&'static str, Prepare)> {
    let ana = || name(0);
    let send = |id, to| Command::Send { user: name(0), id, to, text: text() };
    vec![
        probe("SEND", move |server| send(server.id(), to("luis"))),
        probe("SEND", move |server| send(server.id(), to("#sala"))),
        // A retry.
        probe("SEND", |_| {
            let id = MessageId::new("m-1").expect("an id");
            Command::Send { user: name(3), id, to: to("user4"), text: text() }
        }),
        probe("READ", move |server| {
            server.send(1, "ana");
            let seq = server.machine.stored.last;
            Command::Read { user: ana(), target: to("luis"), seq, last_of_peer: LastOfPeer::NotLookedUp }
        }),
        probe("STATUS", move |server| {
            server.send(0, "#sala");
            let seq = server.machine.stored.last;
            Command::Status { user: ana(), target: to("#sala"), seq, page: Page::after(None) }
        }),
        probe("HISTORY", move |_| Command::Excerpt { user: ana(), target: to("luis"), limit: 50, before: None }),
        probe("ERASE", move |server| {
            server.send(0, "luis");
            let seq = server.machine.stored.last;
            Command::Erase { user: ana(), target: to("luis"), seq, sought: Sought::NotLookedUp }
        }),
        probe("CHATS", move |_| Command::Chats { user: ana(), page: Page::after(None), target: None }),
        probe("USERS", |_| Command::Users { page: Page { limit: 10, after: Some(name(700)) } }),
        probe("ROOMS", move |_| Command::Rooms { user: ana(), page: Page { limit: 10, after: None } }),
        probe("MEMBERS", move |_| Command::Members { user: ana(), room: to("#sala"), page: Page::after(None) }),
    ]
}

/// The requests about rooms and their rights.
fn probes_of_rooms() -> Vec<(&'static str, Prepare)> {
    let ana = || name(0);
    let sala = || to("#sala");
    let join = || Command::Join { user: name(1), room: to("#sala") };
    let leave = || Command::Leave { user: name(1), room: to("#sala") };
    let invite = || Command::Invite { user: name(0), room: to("#sala"), guest: to("luis") };
    // Luis is a member afterwards.
    let enter = move |server: &mut Server| {
        server.request(SESSION, invite());
        server.request(SESSION, join());
    };
    // Luis was one, and may come back.
    let enter_and_leave = move |server: &mut Server| {
        enter(server);
        server.request(SESSION, leave());
    };
    vec![
        probe("JOIN", move |server| {
            enter_and_leave(server);
            join()
        }),
        probe("LEAVE", move |server| {
            enter(server);
            leave()
        }),
        probe("INVITE", move |server| {
            enter_and_leave(server);
            invite()
        }),
        probe("KICK", move |server| {
            enter(server);
            Command::Kick { user: ana(), room: sala(), other: to("luis") }
        }),
        probe("OWNER", move |server| {
            enter(server);
            Command::Owner { user: ana(), room: sala(), other: to("ana") }
        }),
        probe("TOPIC", move |server| {
            let topic = Topic::new(server.id().as_str()).expect("a topic");
            Command::Topic { user: ana(), room: sala(), topic }
        }),
        probe("ROOM", move |_| Command::RoomKind { user: ana(), room: sala(), kind: RoomKind::Open }),
    ]
}

/// The requests about a user's own account, calls and devices, and those of the RECV port.
fn probes_of_devices() -> Vec<(&'static str, Prepare)> {
    let ana = || name(0);
    vec![
        probe("PEER", |server| {
            // Luis is online, takes calls, and knows ana.
            let luis = ConnectionId(2);
            let address = [127, 0, 0, 1].into();
            server.request(luis, Command::Open { user: name(1), device: None, key: None, order: 2, address });
            server.request(luis, Command::Port { port: Some(4_000), fingerprint: None });
            let proof = Proof { token: Token::random().expect("a token"), fingerprint: None };
            Command::Peer { user: name(0), callee: to("luis"), proof }
        }),
        probe("PERMIT", move |_| Command::Permit { user: ana(), caller: to("luis"), permitted: true }),
        probe("PERMIT", move |_| Command::Permits { user: ana() }),
        probe("EMAIL", move |_| Command::SetEmail { user: ana(), email: Email::new("a@example.org").expect("one") }),
        probe("DEVICES", move |_| Command::Devices { user: ana() }),
        probe("LOGOUT", |_| Command::LogOut { user: name(2), which: LogOut::Others, asker: None, closed: None }),
        probe("PORT", |_| Command::Port { port: Some(4_000), fingerprint: None }),
        probe("KEY", |_| Command::Key { key: DeviceKey::random().expect("a key") }),
        probe("POLL", |server| {
            server.send(1, "ana");
            Command::Poll { after: After::AllSent, wait: Some(0), max: 10 }
        }),
    ]
}

/// Returns the verbs in the table of the map.
fn table() -> Vec<String> {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("the map");
    let table = map.split("//! | request | grows with |").nth(1).expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("//! |"));
    let first = rows.map(|row| row.split('|').nth(1).expect("a column"));
    first.flat_map(|column| column.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_table_of_costs_has_every_request_once() {
    let mut listed = table();
    listed.sort();
    let send = SEND_COMMANDS.iter().map(|command| command.verb());
    let mut wanted: Vec<_> = send.chain(RECV_COMMANDS.iter().map(|command| command.verb())).collect();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(listed, wanted);
}

#[test]
fn no_request_costs_more_in_a_larger_store() {
    let costs = |users: usize| {
        let mut server = Server::new(users);
        let mut costs = BTreeMap::new();
        let probes = probes_of_messages().into_iter().chain(probes_of_rooms()).chain(probes_of_devices());
        for (index, (verb, prepare)) in probes.enumerate() {
            costs.insert((verb, index), server.cost(&prepare));
        }
        costs
    };
    let small = costs(FEW);
    let large = costs(FEW * TIMES);
    for ((verb, index), few) in &small {
        let many = large[&(*verb, *index)];
        println!("{verb}: {few:?}, and {many:?} in a store that is {TIMES} times as large");
        assert!(many < *few * MOST + SLACK, "{verb}: {many:?}, and {few:?} in a small store");
    }
    let probed: Vec<_> = small.keys().map(|(verb, _)| *verb).collect();
    for verb in table() {
        assert!(probed.contains(&verb.as_str()) || OF_THE_ROUTER.contains(&verb.as_str()), "{verb} is not measured");
    }
}
