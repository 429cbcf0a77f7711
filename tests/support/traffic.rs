//! Traffic on a server that comes and goes: programs that send, programs that poll, acknowledge and
//! call read, each on real connections. What they see is judged by the checker.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use wachat::disk::RealDisk;
use wachat::limits;
use wachat::protocol::{Accepted, parse_reply};
use wachat::record::Fields;

use super::random::Random;
use super::store_files::read_files;
use super::{Connection, PASSWORD, wait_for, wait_or};
use wachat::course::checker::{Checker, Erased, Row, Seen, Verdict};

/// Sends that one program has in flight.
const WINDOW: usize = 4;

/// Length of the long texts, in bytes.
const HEAVY_BYTES: u64 = 50_000;

/// Most messages that a user takes back. More than 1,000 events of a room would not be kept (protocol, section 7).
const MAX_ERASED: usize = 200;

/// The device with which a user reads, beside a session without one.
const DEVICE: &str = "lab";

/// Two more devices of the first user, which come and go: the second is forgotten now and then, and comes back as new.
const VISITORS: [&str; 2] = ["laptop", DROPPED];
const DROPPED: &str = "phone";

/// Polls of a visit, at most, and time between two visits in milliseconds, at most.
const VISIT_POLLS: u64 = 20;
const AWAY_MILLIS: u64 = 300;

/// Pause before the next one of several servers is tried.
const NEXT_SERVER: Duration = Duration::from_millis(20);

/// Time in which one of several servers answers a login or a request; a poll waits for a second.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// A sender for every user, and a reader for each of the user's devices.
pub struct Traffic {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

/// State that all programs share.
struct Shared {
    users: &'static [&'static str],
    /// The users, and a room for invited users that they are all in.
    places: Vec<String>,
    /// Addresses of the servers: SEND, RECV. The programs connect to the first.
    servers: Mutex<Vec<[SocketAddr; 2]>>,
    checker: Mutex<Checker>,
    accepted: AtomicU64,
    /// The messages that were accepted, by number: the sender, the place, and the length of the text in bytes.
    stored: Mutex<BTreeMap<u64, (String, String, usize)>>,
    /// All texts are long: segments fill, and checkpoints are made.
    heavy: AtomicBool,
    /// Nothing is done but to ask again for what has no answer.
    quiet: AtomicBool,
    /// New messages are sent as long as this is set.
    sending: AtomicBool,
    /// Polls go on as long as this is set.
    polling: AtomicBool,
    /// The first promise that was seen broken.
    broken: Mutex<Option<String>>,
}

impl Traffic {
    /// Begins. The users have accounts already.
    pub fn start(users: &'static [&'static str], addresses: [SocketAddr; 2]) -> Self {
        Self::start_at(users, vec![addresses])
    }

    /// The same with several servers that are one. The programs try them in turn, and leave one that does not answer.
    /// Its requests may still take effect: the checker hears of no restart.
    pub fn start_at(users: &'static [&'static str], servers: Vec<[SocketAddr; 2]>) -> Self {
        let room = format!("#{}-and-others", users[0]);
        let mut checker = Checker::default();
        users.iter().for_each(|user| checker.registered(user));
        checker.room(&room, users);
        let shared = Arc::new(Shared {
            users,
            places: users.iter().map(|user| user.to_string()).chain([room.clone()]).collect(),
            servers: Mutex::new(servers),
            checker: Mutex::new(checker),
            accepted: AtomicU64::new(0),
            stored: Mutex::default(),
            heavy: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            sending: AtomicBool::new(true),
            polling: AtomicBool::new(true),
            broken: Mutex::new(None),
        });
        make_room(&shared, &room);
        users.iter().for_each(|user| ask(&shared, user, &format!("JOIN;{room}")));
        let send = |user: &&'static str| {
            let shared = shared.clone();
            let user = *user;
            thread::spawn(move || send(&shared, user))
        };
        let receive = |reader: Reader| {
            let shared = shared.clone();
            thread::spawn(move || receive(&shared, &reader))
        };
        let senders = users.iter().map(send).collect();
        let readers = Reader::all(users).map(receive).collect();
        Self { senders, readers, shared }
    }

    /// The server was dead, and is now here.
    pub fn server_is_at(&self, addresses: [SocketAddr; 2]) {
        self.shared.checker.lock().restarted();
        *self.shared.servers.lock() = vec![addresses];
    }

    /// Continues on a server that was restarted at these addresses. Until the first answer comes the programs only retry:
    /// the server read back what that answer reports, and has synced nothing new since.
    pub fn ask_again_at(&self, addresses: [SocketAddr; 2]) {
        let before = self.accepted();
        self.shared.quiet.store(true, Ordering::Relaxed);
        self.server_is_at(addresses);
        let is_open = |user: &&'static str| !self.shared.checker.lock().unknown(user).is_empty();
        // A retry is answered soon, and the caller wants to act at once: no sleep.
        while self.accepted() == before && self.shared.users.iter().any(is_open) && !self.shared.is_broken() {
            thread::yield_now();
        }
    }

    /// Resumes the traffic.
    pub fn go_on(&self) {
        self.shared.quiet.store(false, Ordering::Relaxed);
    }

    /// Returns how many messages were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Waits until this many more messages are accepted.
    pub fn wait_for_messages(&self, more: u64) {
        let enough = self.accepted() + more;
        self.wait_until("traffic", || self.accepted() >= enough);
    }

    /// Waits until more is accepted than a segment of the write-ahead log holds: what comes last is in a new one.
    pub fn fill_segment(&self) {
        let enough = self.accepted() + wachat::limits::SEGMENT_BYTES / HEAVY_BYTES + 10;
        self.heavy_until("a new segment", || self.accepted() >= enough);
    }

    /// Sends only long texts until something has happened.
    pub fn heavy_until(&self, what: &str, happened: impl FnMut() -> bool) {
        self.shared.heavy.store(true, Ordering::Relaxed);
        self.wait_until(what, happened);
        self.shared.heavy.store(false, Ordering::Relaxed);
    }

    fn wait_until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let look = || (happened() || self.shared.is_broken()).then_some(());
        wait_or(look, || format!("waited in vain for {what}; {}", self.state()));
        self.assert_unbroken();
    }

    /// Sends no more, lets everything arrive, reads the histories, and gives the verdict.
    pub fn finish(mut self) -> Outcome {
        self.shared.sending.store(false, Ordering::Relaxed);
        self.senders.drain(..).for_each(|sender| sender.join().expect("a sender"));
        let whole = || self.shared.checker.lock().verdict().is_ok() || self.shared.is_broken();
        wait_or(|| whole().then_some(()), || self.state());
        self.shared.polling.store(false, Ordering::Relaxed);
        self.readers.drain(..).for_each(|reader| reader.join().expect("a reader"));
        for user in self.shared.users {
            self.shared.places.iter().for_each(|target| compare_history(&self.shared, user, target));
        }
        self.assert_unbroken();
        let erased = self.shared.checker.lock().erased_messages().map(|(_, id)| id.to_owned()).collect();
        Outcome { accepted: self.accepted(), erased }
    }

    fn state(&self) -> String {
        let verdict = self.shared.checker.lock().verdict();
        format!(
            "{} messages are accepted; the verdict: {}",
            self.accepted(),
            verdict.err().map_or("fine".into(), String::from)
        )
    }

    fn assert_unbroken(&self) {
        if let Some(broken) = &*self.shared.broken.lock() {
            panic!("{broken}");
        }
    }
}

/// Result of the traffic.
pub struct Outcome {
    /// Number of messages that were accepted.
    pub accepted: u64,
    /// The ids of those that were taken back.
    pub erased: HashSet<String>,
}

impl Outcome {
    /// Checks that the files of a server that was stopped have the texts of no messages that were taken back, and of others.
    pub fn assert_gone(&self, data: &Path) {
        let mut texts = HashSet::new();
        for (_, content) in read_files(&RealDisk, data.to_str().expect("a path")) {
            let content = String::from_utf8_lossy(&content).into_owned();
            let ids = content.split(MARK).skip(1).filter_map(|text| text.split_once(' '));
            texts.extend(ids.map(|(id, _)| id.to_owned()));
        }
        let left: Vec<_> = self.erased.intersection(&texts).collect();
        assert!(left.is_empty(), "texts were taken back and are in the files: {left:?}");
        assert_eq!(texts.len() + self.erased.len(), self.accepted as usize, "the others are there");
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.sending.store(false, Ordering::Relaxed);
        self.shared.polling.store(false, Ordering::Relaxed);
    }
}

impl Shared {
    /// Tells the checker something.
    fn judge(&self, tell: impl FnOnce(&mut Checker) -> Verdict) {
        if let Err(broken) = tell(&mut self.checker.lock()) {
            self.broken.lock().get_or_insert(broken.into());
        }
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        self.servers.lock()[0]
    }

    fn is_one_of_several(&self) -> bool {
        self.servers.lock().len() > 1
    }

    /// Goes on with the next server, unless another program has done so.
    fn leave(&self, address: SocketAddr) {
        let mut servers = self.servers.lock();
        if servers.len() > 1 && servers[0].contains(&address) {
            servers.rotate_left(1);
        }
    }

    /// Reads a line. One of several servers may be stopped, or cut off: it is waited for a while only.
    fn read(&self, line: &mut Connection) -> Option<String> {
        if self.is_one_of_several() { line.try_read_line_within(ANSWER_TIME) } else { line.try_read_line() }
    }

    fn is_broken(&self) -> bool {
        self.broken.lock().is_some()
    }

    /// Returns whether as much waited for a device of a user between two numbers that it can have lost its number for it. Half
    /// of the limit, since some messages have no answer yet.
    fn is_too_much(&self, user: &str, is_named: bool, after: u64, upto: u64) -> bool {
        let stored = self.stored.lock();
        // Own messages may be above the number of the user.
        let upto = if is_named { u64::MAX } else { upto };
        let waited = stored.range(after + 1..=upto).filter(|(_, (from, to, _))| to == user || from == user && is_named);
        let sizes: Vec<_> = waited.map(|(_, (.., bytes))| *bytes as u64).collect();
        sizes.len() > limits::DEVICE_EVENTS / 2 || sizes.iter().sum::<u64>() > limits::DEVICE_EVENT_BYTES / 2
    }

    fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    fn is_sending(&self) -> bool {
        !self.is_quiet() && self.sending.load(Ordering::Relaxed) && !self.is_broken()
    }

    fn is_polling(&self) -> bool {
        self.polling.load(Ordering::Relaxed) && !self.is_broken()
    }
}

/// Makes the room for invited users, before the first word is said there.
fn make_room(shared: &Shared, room: &str) {
    let [owner, guests @ ..] = shared.users else { return };
    ask(shared, owner, &format!("ROOM;{room};invite"));
    guests.iter().for_each(|guest| ask(shared, owner, &format!("INVITE;{room};{guest}")));
}

/// Sends a request until it is done.
fn ask(shared: &Shared, user: &str, request: &str) {
    let address = shared.addresses()[0];
    let done = || {
        let (mut line, _) = connect(shared, address, user)?;
        line.try_send(format!("{request}\n")).ok()?;
        (shared.read(&mut line)? == "OK").then_some(())
    };
    wait_or(done, || format!("{user} cannot {request}"));
}

/// A text begins with this, its id and a space.
const MARK: &str = "the text of ";

/// A message that is to be sent: id, place and text.
type Letter = (String, String, String);

/// Writes letters, different in every place that is made of them.
struct Writer {
    user: &'static str,
    random: Random,
    written: u64,
    /// Targets and numbers of the messages that were accepted and not taken back.
    own: Vec<(String, u64)>,
    /// Number of those that were.
    erased: usize,
}

impl Writer {
    /// Returns a message to be taken back, now and then.
    fn choose_to_erase(&mut self) -> Option<(String, u64)> {
        let is_time = self.erased < MAX_ERASED && !self.own.is_empty() && self.random.chance(20);
        self.erased += usize::from(is_time);
        is_time.then(|| self.own.swap_remove(self.random.below(self.own.len() as u64) as usize))
    }

    fn write(&mut self, shared: &Shared) -> Letter {
        self.written += 1;
        let to = shared.places[self.random.below(shared.places.len() as u64) as usize].clone();
        let length = match shared.heavy.load(Ordering::Relaxed) {
            true => HEAVY_BYTES,
            // Some are long, so that batches and segments differ in size.
            false if self.random.chance(20) => self.random.below(50_000),
            false => self.random.below(100),
        };
        let id = format!("{}-{}", self.user, self.written);
        let text = format!("{MARK}{id} {}", "x".repeat(length as usize));
        (id, to, text)
    }
}

/// Sends, a few at a time; after every loss of the connection first what has no answer. Ends when
/// everything has one.
fn send(shared: &Shared, user: &'static str) {
    let seed = user.bytes().map(u64::from).sum();
    let mut writer = Writer { user, random: Random::new(seed), written: 0, own: Vec::new(), erased: 0 };
    loop {
        let open = shared.checker.lock().unknown(user);
        let erasures = shared.checker.lock().unknown_erasures(user);
        let has_all = open.is_empty() && erasures.is_empty();
        if shared.is_broken() || has_all && !shared.is_quiet() && !shared.is_sending() {
            return;
        }
        if has_all && shared.is_quiet() {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let address = shared.addresses()[0];
        if let Some((mut line, _)) = connect(shared, address, user) {
            let _ = talk(shared, &mut line, (open, erasures), &mut writer);
        }
    }
}

/// A message that is to be taken back: target and number.
type ToErase = (String, u64);

/// `again`: what has no answer yet. `None`: the connection is gone.
fn talk(shared: &Shared, line: &mut Connection, again: (Vec<Letter>, Vec<ToErase>), writer: &mut Writer) -> Option<()> {
    let (mut again, mut erasures) = again;
    loop {
        let mut window: Vec<_> = again.drain(..again.len().min(WINDOW)).collect();
        while window.len() < WINDOW && shared.is_sending() {
            window.push(writer.write(shared));
        }
        if shared.is_sending() {
            erasures.extend(writer.choose_to_erase());
        }
        if window.is_empty() && erasures.is_empty() || shared.is_broken() {
            return Some(());
        }
        for (id, to, text) in &window {
            shared.checker.lock().asks(writer.user, id, to, text);
            line.try_send(format!("SEND;{id};{to};{text}\n")).ok()?;
        }
        for (to, seq) in &erasures {
            shared.checker.lock().asks_to_erase(writer.user, to, *seq);
            line.try_send(format!("ERASE;{to};{seq}\n")).ok()?;
        }
        for letter in &window {
            writer.own.extend(hear(shared, writer.user, letter, &shared.read(line)?));
        }
        for (to, seq) in erasures.drain(..) {
            hear_erased(shared, writer.user, &to, seq, &shared.read(line)?);
        }
    }
}

fn hear_erased(shared: &Shared, user: &str, to: &str, seq: u64, answer: &str) {
    let refusals = ["NO_MESSAGE", "LATE", "NOT_OWNER", "DAMAGED", "NO_ROOM", "NO_USER", "NOT_MEMBER", "SYNTAX"];
    if answer == "OK" {
        shared.judge(|checker| checker.erased(user, to, seq));
    } else if refusals.iter().any(|code| answer.starts_with(&format!("KO;{code};"))) {
        shared.broken.lock().get_or_insert(format!("{user} takes {seq} back in {to}: {answer}"));
    }
    // The others are temporary, or last lines.
}

/// Returns target and number of a message that was accepted.
fn hear(shared: &Shared, user: &str, (id, to, text): &Letter, answer: &str) -> Option<ToErase> {
    match parse_reply::<Accepted>(answer.as_bytes()).expect("a reply to SEND") {
        Ok(accepted) => {
            shared.accepted.fetch_add(1, Ordering::Relaxed);
            shared.stored.lock().insert(accepted.seq.get(), (user.to_owned(), to.clone(), text.len()));
            shared.judge(|checker| checker.accepted(user, id, &accepted.at.to_string(), accepted.seq.get()));
            return Some((to.clone(), accepted.seq.get()));
        }
        // QUOTA, when a reader has fallen behind: a new try later may succeed, but need not. One more
        // KO is the server's last word (SHUTDOWN, TIMEOUT): it answers no request.
        Err(_) if ["KO;QUOTA", "KO;FULL", "KO;RATE"].iter().any(|ko| answer.starts_with(ko)) => {
            shared.judge(|checker| checker.refused(user, id));
        }
        Err(_) => {}
    }
    None
}

/// A program that reads on a device of a user.
struct Reader {
    user: &'static str,
    device: Option<&'static str>,
    /// Its name for the checker.
    name: String,
    is_visitor: bool,
}

impl Reader {
    /// Returns those of all users.
    fn all(users: &'static [&'static str]) -> impl Iterator<Item = Self> {
        let of_user = |user: &&'static str| [Self::new(user, None), Self::new(user, Some(DEVICE))];
        let visitor = |device| Self { is_visitor: true, ..Self::new(users[0], Some(device)) };
        users.iter().flat_map(of_user).chain(VISITORS.map(visitor))
    }

    fn new(user: &'static str, device: Option<&'static str>) -> Self {
        let name = device.map_or(user.to_owned(), |device| format!("{user}:{device}"));
        Self { user, device, name, is_visitor: false }
    }

    /// Returns how often it polls until it goes away.
    fn choose_polls(&self, random: &mut Random) -> u64 {
        if self.is_visitor { random.below(VISIT_POLLS) + 1 } else { u64::MAX }
    }

    /// Goes away for a while. Returns whether its device may have been forgotten in the meantime.
    fn go_away(&self, shared: &Shared, random: &mut Random) -> bool {
        if !self.is_visitor {
            return false;
        }
        thread::sleep(Duration::from_millis(random.below(AWAY_MILLIS)));
        let is_dropped = self.device == Some(DROPPED) && shared.is_sending() && random.chance(30);
        is_dropped && self.forget(shared).is_some()
    }

    /// Has the device forgotten. `None`: it was not asked for.
    fn forget(&self, shared: &Shared) -> Option<()> {
        let send = shared.addresses()[0];
        let (mut says, _) = connect(shared, send, self.user)?;
        let _ = says.try_send(format!("LOGOUT;{DROPPED}\n"));
        // Without a reply it may be forgotten.
        if shared.read(&mut says).as_deref() == Some("OK") {
            shared.judge(|checker| {
                checker.forgotten(&self.name);
                Ok(())
            });
        }
        Some(())
    }
}

/// Polls, stores, acknowledges, and calls the newest message of every answer read.
fn receive(shared: &Shared, reader: &Reader) {
    let Reader { user, device, name, .. } = reader;
    let mut random = Random::new(name.bytes().map(u64::from).sum());
    let mut has_no_answer = false;
    let mut may_be_forgotten = false;
    while shared.is_polling() {
        if shared.is_quiet() {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let [send, recv] = shared.addresses();
        let says = connect(shared, send, user);
        let hears = connect_device(shared, recv, user, *device);
        if let (Some((mut says, _)), Some((mut hears, login))) = (says, hears) {
            let fields: Vec<_> = login.split(';').collect();
            let acknowledged = fields[3].parse().expect("a number");
            // A slow reader loses its number. The nameless device is not told so, and the reply that has called another one new
            // may have been lost.
            let may_have_begun = has_no_answer || device.is_none();
            let last = shared.checker.lock().last_stored(name);
            let has_begun = may_have_begun && acknowledged > last;
            let has_begun = has_begun && (last == 0 || shared.is_too_much(user, device.is_some(), last, acknowledged));
            let has_begun = has_begun || may_be_forgotten && has_no_answer;
            shared.judge(|checker| match has_begun || fields.get(5) == Some(&"new") {
                true => checker.begins(name, acknowledged, fields[4]),
                false => checker.logs_in(name, acknowledged, fields[4]),
            });
            has_no_answer = false;
            let polls = reader.choose_polls(&mut random);
            let _ = poll(shared, reader, polls, &mut hears, &mut says);
            drop((hears, says));
            // With several servers a request without a reply may be carried out later.
            let may_still_be = may_be_forgotten && shared.is_one_of_several();
            may_be_forgotten = reader.go_away(shared, &mut random) || may_still_be;
        } else {
            has_no_answer = true;
        }
    }
}

fn poll(shared: &Shared, reader: &Reader, polls: u64, hears: &mut Connection, says: &mut Connection) -> Option<()> {
    let name = &reader.name;
    let marks = shared.checker.lock().read_marks(reader.user);
    for (target, upto) in marks {
        call_read(shared, reader, says, &target, upto)?;
    }
    for _ in 0..polls {
        if !shared.is_polling() {
            break;
        }
        let last = shared.checker.lock().last_stored(name);
        shared.checker.lock().acknowledges(name, last);
        hears.try_send(format!("POLL;{last};1\n")).ok()?;
        let head = shared.read(hears)?;
        if head.starts_with("KO;SEQ;") {
            shared.judge(|checker| checker.denied(name, last));
        }
        let count: usize = head.strip_prefix("OK;")?.parse().expect("a count");
        let mut newest = None;
        for _ in 0..count {
            newest = receive_event(shared, reader, &shared.read(hears)?).or(newest);
        }
        if let Some((target, upto)) = newest {
            call_read(shared, reader, says, &target, upto)?;
        }
    }
    Some(())
}

/// Stores an event; of a message of somebody else it says where it is to be called read, and its number.
fn receive_event(shared: &Shared, reader: &Reader, event: &str) -> Option<(String, u64)> {
    let fields = Fields::parse(event.as_bytes()).expect("an event");
    let field = |index: usize| fields.get(index).unwrap_or_default().to_owned();
    let number = |index: usize| field(index).parse::<u64>().expect("a number");
    match field(1).as_str() {
        "MSG" => {
            let erased = fields.get(7) == Some("erased");
            let seen = Seen { seq: number(0), id: field(2), from: field(3), to: field(4), text: field(6), erased };
            shared.judge(|checker| checker.received(&reader.name, seen));
            let target = if field(4).starts_with('#') { field(4) } else { field(3) };
            let is_own = field(3) == reader.user && field(4) != reader.user;
            (!is_own).then(|| (target, number(0)))
        }
        "STATE" => {
            shared.judge(|checker| checker.told(&reader.name, number(0), &field(2), &field(3), number(4)));
            None
        }
        "ERASED" => {
            assert_eq!(number(3), number(4), "{event}");
            let event = Erased { seq: number(0), target: field(2), message: number(3), from: field(5) };
            shared.judge(|checker| checker.told_erased(&reader.name, &event));
            None
        }
        _ => None,
    }
}

fn call_read(shared: &Shared, reader: &Reader, says: &mut Connection, target: &str, upto: u64) -> Option<()> {
    shared.checker.lock().reads(reader.user, target, upto);
    says.try_send(format!("READ;{target};{upto}\n")).ok()?;
    let answer = shared.read(says)?;
    if answer.starts_with("KO;SEQ;") {
        shared.judge(|checker| checker.denied(&reader.name, upto));
    }
    // Another KO is the last line of a connection and answers no request: the request is retried.
    (answer == "OK" || answer.starts_with("KO;SEQ;")).then_some(())
}

/// Shows the checker all that HISTORY has of a place; CHATS counts the same.
fn compare_history(shared: &Shared, user: &str, target: &str) {
    let mut line = wait_for("a server at peace", || Some(connect(shared, shared.addresses()[0], user)?.0));
    let rows: Vec<Row> = line.whole_history(target).iter().map(|row| read_row(row)).collect();
    let numbers: HashSet<_> = rows.iter().map(|row| row.seq).collect();
    let erased = rows.iter().filter(|row| row.erased).count();
    shared.judge(|checker| checker.shown(user, target, &rows));
    shared.judge(|checker| checker.shown_all(user, target, &numbers));
    let chats = line.list("CHATS");
    let counts = chats.iter().find(|row| row.starts_with(&format!("{target};")));
    let wanted = format!(";{};{erased}", numbers.len());
    if counts.is_none_or(|row| !row.ends_with(&wanted)) && !numbers.is_empty() {
        shared.broken.lock().get_or_insert(format!("HISTORY;{target} of {user} is {wanted}, and CHATS {counts:?}"));
    }
}

fn read_row(row: &str) -> Row {
    let fields = Fields::parse(row.as_bytes()).expect("a row");
    let field = |index: usize| fields.get(index).unwrap_or_default().to_owned();
    Row {
        seq: field(0).parse().expect("a number"),
        id: field(1),
        from: field(2),
        text: field(6),
        erased: fields.get(7) == Some("erased"),
        state: Some(field(5)),
    }
}

fn connect(shared: &Shared, address: SocketAddr, user: &str) -> Option<(Connection, String)> {
    connect_device(shared, address, user, None)
}

/// A connection of a device to a server that may be gone, or not there yet, and what it said to the login.
fn connect_device(
    shared: &Shared,
    address: SocketAddr,
    user: &str,
    device: Option<&str>,
) -> Option<(Connection, String)> {
    let login = device.map_or("LOGIN".to_owned(), |device| format!("DEVICE:{device}"));
    let connected = Connection::try_open(address).and_then(|mut line| {
        line.try_send(format!("{login}:{user}:{PASSWORD}\n")).ok()?;
        let answer = shared.read(&mut line)?;
        if answer.starts_with("KO;AUTH;") {
            shared.judge(|checker| checker.locked_out(user));
        }
        answer.starts_with("OK").then_some((line, answer))
    });
    if connected.is_none() {
        // No server listens until the next one is ready.
        thread::sleep(if shared.is_one_of_several() { NEXT_SERVER } else { Duration::from_millis(2) });
        shared.leave(address);
    }
    connected
}
