//! The targets: one function for each input that comes from a person, a socket, a file or another program. It takes any
//! bytes, and panics where the program would, or where a property does not hold.
//!
//! Line formats take a line at a time, as the program does. Formats with checksums are given theirs by `seal`: without
//! them no mutated input would get past the first check.

#[path = "bad_servers.rs"]
mod bad_servers;
#[path = "direct_peers.rs"]
mod direct_peers;
#[path = "seal.rs"]
mod seal;

use std::fmt::Debug;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;
use wachat::bridge::telegram::{TelegramError, read_answer};
use wachat::bridge::{incoming, update};
use wachat::client::state::home::{Home, Use};
use wachat::client::state::record::Record;
use wachat::client::terminal::parser::{InputEvent, Parser};
use wachat::course::trace::{Form, Selection, show};
use wachat::disk::{self, Disk};
use wachat::limits;
use wachat::model::{RoomName, Seq, UserName};
use wachat::net::{Identity, Socket, server_config};
use wachat::protocol::reply::OpenSession;
use wachat::protocol::{
    Accepted, Chat, Codec, CommandHelp, DirectLine, Done, Event, Hello, HistoryRecord, Ko, ListHead, LoggedIn, Login,
    Member, Peer, RecvRequest, Room, SendRequest, SessionOpened, Status, User, parse_reply,
};
use wachat::record::{Fields, Writer, escape, length_in_record, unescape};
use wachat::settings::Settings;
use wachat::state_machine::{ConversationId, HistoryPrefix, Participants, Policy};
use wachat::store::{Sizes, Store};
use wachat::trace::Entry;
use wachat::wal::{self, Location};

use super::simulated_disk::SimulatedDisk;

pub use bad_servers::{known_servers, replies_in_session};
pub use direct_peers::direct_chats;

/// Sizes of stores in memory: a segment has room for a record.
const SMALL: Sizes = Sizes { segment_bytes: wachat::limits::COMMAND_BYTES as u64 + 4_096, checkpoint_bytes: u64::MAX };

fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n')
}

/// Returns the line that a value writes, without its LF, which is the only one.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut line = Vec::new();
    write(&mut line);
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "not one line: {line:?}");
    line.pop();
    line
}

/// Asserts that a value which parses is the same after it was written and parsed again.
fn round_trip<T: PartialEq + Debug>(line: &[u8], parse: impl Fn(&[u8]) -> Option<T>, write: impl Fn(&T, &mut Vec<u8>)) {
    let Some(value) = parse(line) else { return };
    let again = written(|out| write(&value, out));
    assert_eq!(parse(&again), Some(value), "written as {:?}", String::from_utf8_lossy(&again));
}

fn codec<T: Codec + PartialEq + Debug>(line: &[u8]) {
    round_trip(line, |line| T::parse(line).ok(), Codec::write);
}

/// The line codec of all lines, on the wire and on disk.
pub fn records(data: &[u8]) {
    for line in lines(data) {
        let Ok(fields) = Fields::parse(line) else { continue };
        for field in fields.iter() {
            assert_eq!(unescape(escape(field)).expect("an escaped text"), field);
            assert_eq!(
                written(|out| _ = Writer::new(out).text(field).end()).len(),
                length_in_record(field),
                "{field:?}"
            );
        }
        let again = written(|out| _ = fields.iter().fold(&mut Writer::new(out), Writer::text).end());
        assert_eq!(Fields::parse(&again).as_ref(), Ok(&fields));
    }
}

/// The first line of a connection.
pub fn login(data: &[u8]) {
    for line in lines(data) {
        let Some(login) = Login::parse(line) else { continue };
        let again = written(|out| login.write(out));
        assert!(Login::parse(&again) == Some(login), "written as {:?}", String::from_utf8_lossy(&again));
    }
}

/// Every request, on both ports.
pub fn requests(data: &[u8]) {
    for line in lines(data) {
        round_trip(line, |line| SendRequest::parse(line).map_err(|error| error.to_string()).ok(), Codec::write);
        round_trip(line, |line| RecvRequest::parse(line).map_err(|error| error.to_string()).ok(), Codec::write);
    }
}

/// Every first line of a reply, every record of a list, and every event.
pub fn replies(data: &[u8]) {
    fn reply<T: Codec + PartialEq + Debug>(line: &[u8]) {
        codec::<T>(line);
        let _ = parse_reply::<T>(line);
    }
    for line in lines(data) {
        reply::<Done>(line);
        reply::<LoggedIn>(line);
        reply::<SessionOpened>(line);
        reply::<Accepted>(line);
        reply::<Peer>(line);
        reply::<ListHead>(line);
        codec::<Ko>(line);
        codec::<Status>(line);
        codec::<HistoryRecord>(line);
        codec::<Chat>(line);
        codec::<User>(line);
        codec::<Room>(line);
        codec::<Member>(line);
        codec::<OpenSession>(line);
        codec::<CommandHelp>(line);
        codec::<Event>(line);
    }
}

/// The first line of a direct chat, and the lines after it.
pub fn direct(data: &[u8]) {
    for line in lines(data) {
        round_trip(line, Hello::parse, Hello::write);
        round_trip(line, |line| DirectLine::parse(line).ok(), Codec::write);
    }
}

fn put(disk: &SimulatedDisk, path: &Path, content: &[u8]) {
    disk.create_dir(path.parent().expect("a directory")).expect("a directory");
    disk::write(disk, path, content).expect("a file");
}

/// The segments of a log as they are: heads, marks, torn tails.
pub fn log_segments(data: &[u8]) {
    let disk = SimulatedDisk::default();
    let location = Location { disk: Arc::new(disk.clone()), directory: PathBuf::from("/wal"), owner: "fuzz".into() };
    put(&disk, &location.segment(1), data);
    let count = |records: &mut Vec<Vec<u8>>| {
        let mut replay = |record: &[u8]| {
            records.push(record.to_vec());
            Ok(())
        };
        wal::inspect(&location, 0, 1, &mut replay).map(|read| read.next_batch).map_err(|error| error.to_string())
    };
    let mut before = Vec::new();
    let mut after = Vec::new();
    let inspected = count(&mut before);
    let mut ignore = |_: &[u8]| Ok(());
    let recovered = wal::recover(&location, 0, 1, 1_024, &mut ignore).map(drop).map_err(|error| error.to_string());
    assert_eq!(inspected.clone().map(drop), recovered);
    // A change of recovery, such as a torn tail, changes none of the whole batches.
    assert_eq!(count(&mut after), inspected);
    assert_eq!(before, after);
}

/// The records of a server's log: recovery, a checkpoint of what it led to, and a check of that.
pub fn log_records(data: &[u8]) {
    let disk = SimulatedDisk::default();
    let store = Store::new(Arc::new(disk.clone()), Path::new("/data"));
    let location = store.open(Policy::default(), SMALL).expect("a new store").location;
    let segments = seal::segments(&location.owner, data);
    for (number, segment) in (1..).zip(&segments) {
        put(&disk, &location.segment(number), segment);
    }
    let checked = store.check().expect("a report").damage.is_empty();
    let Ok(opened) = store.open(Policy::default(), SMALL) else {
        assert!(!checked, "check finds nothing, and the store does not open");
        return;
    };
    let last = opened.machine.stored.last;
    let torn = opened.notice.is_some();
    assert!(checked, "check finds damage, and the store opens");
    drop(opened);
    let made = store.checkpoint(if torn { 1 } else { segments.len() as u64 });
    let damage = store.check().expect("a report").damage;
    let error = made.err().map(|error| error.to_string());
    assert!(error.is_none() && damage.is_empty(), "a checkpoint of records that apply: {error:?}, {damage:?}");
    let opened = store.open(Policy::default(), SMALL).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.machine.stored.last, last);
}

/// The tables of a checkpoint, in a file behind each other.
pub fn tables(data: &[u8]) {
    let disk = SimulatedDisk::default();
    let checkpoint = Path::new("/data/checkpoint-000000");
    let store = Store::new(Arc::new(disk.clone()), Path::new("/data"));
    seal::tables(data).iter().for_each(|(name, table)| put(&disk, &checkpoint.join(name), table));
    ["/data/wal", "/data/history"]
        .iter()
        .for_each(|directory| disk.create_dir(Path::new(directory)).expect("a directory"));
    let _ = store.check();
    if store.open(Policy::default(), SMALL).is_ok() {
        let _ = store.checkpoint(1);
        store.open(Policy::default(), SMALL).map(drop).unwrap_or_else(|error| panic!("after a checkpoint: {error}"));
    }
}

/// The rows of a history file, read from its end and from the middle.
pub fn history(data: &[u8]) {
    let disk = SimulatedDisk::default();
    let store = Store::new(Arc::new(disk.clone()), Path::new("/data"));
    let name = |name: &str| UserName::new(name).expect("a name");
    let two = Participants::Two(name("ana"), name("luis"));
    let room = Participants::Room(RoomName::new("#sala").expect("a name"));
    let content = seal::history(data);
    for (file, participants) in [("direct-0-1", two), ("room-0", room)] {
        put(&disk, &Path::new("/data/history").join(format!("{file}.csv")), &content);
        // The recorded length may be less than the file's, and more.
        for bytes in [content.len() as u64, content.len() as u64 / 2, content.len() as u64 + 9] {
            let upto = Seq::new(1_000).expect("a number");
            let filed = HistoryPrefix { bytes, checksum: 0, upto, rows: 3, ..HistoryPrefix::default() };
            read_history(&store, ConversationId::parse(file).expect("a file"), &participants, filed);
        }
    }
}

fn read_history(store: &Store, id: ConversationId, participants: &Participants, filed: HistoryPrefix) {
    let Some(file) = store.history(id, participants, filed).expect("a disk that works") else { return };
    for before in [None, Seq::new(2), Seq::new(5)] {
        let mut last = None;
        for row in file.newest_first(before).expect("rows") {
            let (first, newest) = match row.expect("a row") {
                wachat::store::Row::Message(message) => (message.seq, message.seq),
                wachat::store::Row::Damaged { first, last } => (first, last),
            };
            assert!(first <= newest && last.is_none_or(|last| newest < last), "{first} to {newest} before {last:?}");
            last = Some(first);
        }
    }
    let seqs: Vec<_> = [1, 3, 900].into_iter().filter_map(Seq::new).collect();
    assert_eq!(file.rows(&seqs).expect("rows").len(), seqs.len());
}

/// A client's log: a record each, and a whole log that the client opens.
pub fn client_log(data: &[u8]) {
    for line in lines(data) {
        round_trip(line, |line| Record::parse(line).ok(), Codec::write);
    }
    let disk = SimulatedDisk::default();
    let home = Path::new("/home");
    for (number, segment) in (1..).zip(seal::segments("client", data)) {
        put(&disk, &home.join(format!("wal/{number:06}.csv")), &segment);
    }
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let user = UserName::new("ana").expect("a name");
    let open = Home::open;
    let Ok(opened) = open(&disk, home, &user, Use::Person) else { return };
    let newest = opened.state.newest();
    let position = opened.state.position();
    let targets: Vec<_> = opened.state.targets().into_iter().cloned().collect();
    targets.iter().for_each(|target| _ = opened.state.last_rows(target, 10));
    drop(opened);
    let again = open(&disk, home, &user, Use::Person).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((again.state.newest(), again.state.position()), (newest, position));
}

/// Bytes of a terminal: the events are the same however the bytes are split.
pub fn terminal(data: &[u8]) {
    let parse = |parts: &[&[u8]]| -> Vec<InputEvent> {
        let mut parser = Parser::default();
        let mut events: Vec<_> = parts.iter().flat_map(|part| parser.feed(part)).collect();
        events.extend(parser.pause());
        events
    };
    let whole = parse(&[data]);
    let (one, other) = data.split_at(data.len() / 2);
    assert_eq!(parse(&[one, other]), whole);
    assert_eq!(parse(&data.chunks(1).collect::<Vec<_>>()), whole);
}

/// A directory for the files of all targets that need real ones.
fn directory() -> &'static TempDir {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    DIRECTORY.get_or_init(|| TempDir::new().expect("a temporary directory"))
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = directory().path().join(name);
    std::fs::write(&path, content).expect("a file");
    path
}

/// The settings file.
pub fn settings(data: &[u8]) {
    static COMMAND: OnceLock<clap::Command> = OnceLock::new();
    let command = COMMAND.get_or_init(wachat::cli::command);
    match Settings::from_file(file("config.toml", data), command) {
        // A value that was accepted is one that clap accepts as a default.
        Ok(settings) => _ = settings.apply_to(command.clone()).try_get_matches_from(["wachat", "config"]),
        Err(error) => assert!(error.to_string().contains("config.toml"), "{error}"),
    }
}

/// Answers of Telegram and the updates in them, in JSON.
pub fn telegram(data: &[u8]) {
    for line in lines(data) {
        for status in [200, 401, 403, 408, 429, 500] {
            let answer = read_answer::<serde_json::Value>(status, line);
            if let Err(TelegramError::Later(pause)) = answer {
                assert!(pause <= limits::TELEGRAM_PAUSE);
            }
        }
        let Ok(update) = serde_json::from_slice(line) else { continue };
        let _ = update::number(&update);
        if let Some(Ok(message)) = update::message(&update) {
            let text = incoming::text(&message);
            assert!(text.is_none_or(|text| text.as_str().starts_with("Telegram - ")));
        }
    }
}

/// Trace files, in each form of the output.
pub fn traces(data: &[u8]) {
    for line in lines(data) {
        round_trip(line, Entry::parse, Entry::write);
    }
    const FORMS: [Form; 6] = [Form::Diagram, Form::Table, Form::Mermaid, Form::Html, Form::Svg, Form::Shiviz];
    let form = FORMS.get(data.len() % FORMS.len()).copied().unwrap_or(Form::Table);
    let columns = data.first().map_or(80, |byte| usize::from(*byte));
    let _ = show(&[file("trace", data)], form, &Selection::default(), columns);
    let selection = Selection { user: Some("ana".to_owned()), message: Some("m-1".to_owned()), sender: None };
    let _ = show(&[file("trace", data)], form, &selection, columns);
}

/// A certificate and its key, as `serve --cert` and `--key` read them; the key after a line `= key`.
pub fn certificates(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (certificate, key) = text.split_once("= key\n").unwrap_or((&text, &text));
    match Identity::read(&file("certificate.pem", certificate.as_bytes()), &file("key.pem", key.as_bytes())) {
        Ok(identity) => {
            let _ = (identity.fingerprint(), identity.expires_in());
            let _ = server_config(identity);
        }
        Err(error) => assert!(error.contains(".pem: "), "{error}"),
    }
}

/// The frames of a client: the lines are text within their length, and the same however the frames are cut.
pub fn web_sockets(data: &[u8]) {
    let whole = lines_in_frames(data, limits::LINE_BYTES + 1);
    // Without LF at its end it is no line.
    let end = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for line in lines(&whole[..end]) {
        assert!(std::str::from_utf8(line).is_ok(), "no text: {line:?}");
        assert!(!line.contains(&b'\r'), "a CR: {line:?}");
        assert!(line.len() <= limits::WEB_MESSAGE_BYTES, "{} bytes", line.len());
    }
    for size in [2, 3, 7, 300] {
        let cut = lines_in_frames(data, size);
        assert_eq!(cut.get(..end), whole.get(..end), "in buffers of {size} bytes");
    }
}

/// Returns all that a WebSocket reads from these bytes into buffers of this size.
fn lines_in_frames(data: &[u8], size: usize) -> Vec<u8> {
    let (_, socket) = UnixStream::pair().expect("sockets");
    let socket = Socket::from(TcpStream::from(OwnedFd::from(socket)));
    socket.upgrade(data.to_vec(), Box::new(|| ()));
    let mut buffer = vec![0; size];
    let mut read = Vec::new();
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return read,
            Ok(length) => read.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return read,
        }
    }
}
