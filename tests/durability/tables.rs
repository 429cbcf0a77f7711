//! The tables of a checkpoint, each with rows of every kind: what is read from them is what was written into them, and
//! a table of another version is refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::{read_files, replace_in_table};
use crate::support::values::target;
use wachat::disk::Disk;
use wachat::model::{Banned, DeviceName, Email, MessageId, RoomKind, Seq, ShortText, Target, Text, Timestamp, Topic};
use wachat::protocol::{After, Reply};
use wachat::state_machine::{Capacities, Command, LastOfPeer, Policy};
use wachat::store::{Retention, Store};

/// A room's log of two messages: a third one makes a gap.
const CAPACITIES: Capacities = Capacities { room_log: 2, remembered_ids: 100, device_events: 10_000 };

pub fn store(disk: &SimulatedDisk, directory: &str) -> Store {
    Store::with_capacities(Arc::new(disk.clone()), Path::new(directory), CAPACITIES)
}

/// A user reads up to the last message.
fn read(server: &mut GroupCommitHarness, who: &str, of: &str) {
    let seq = server.group_commit.state().last;
    let target = Ok(target(of));
    server.request(Command::Read { user: user(who), target, seq, last_of_peer: LastOfPeer::NotLookedUp });
}

fn permit(server: &mut GroupCommitHarness, who: &str, caller: &str, permitted: bool) {
    server.request(Command::Permit { user: user(who), caller: Ok(target(caller)), permitted });
}

/// Users, messages and rooms in every state that a table has a word for.
pub fn played(disk: &SimulatedDisk) -> GroupCommitHarness {
    let mut server = GroupCommitHarness::serve(store(disk, "/data"));
    ["ana", "luis", "eva", "gone"].iter().for_each(|name| server.register(name));
    server.request(Command::SetEmail { user: user("ana"), email: Email::new("ana@example.org").expect("an address") });
    server.request(Command::Remove { user: user("gone") });
    for (name, room) in [("ana", "#sala"), ("luis", "#sala"), ("eva", "#sala"), ("eva", "#removed")] {
        server.request(Command::Join { user: user(name), room: Ok(target(room)) });
    }
    server.send("eva", "#removed", "hola");
    server.request(Command::RemoveRoom { room: Ok(target("#removed")) });
    for (banned, until) in [("luis", None), ("192.0.2.7", Timestamp::parse("2030-01-01T00:00:00.000Z"))] {
        let banned = Banned::parse(banned).expect("a ban");
        let reason = ShortText::new("a; \"b\"").expect("a reason");
        server.request(Command::Ban { banned, until, reason });
    }
    // Of a stranger, and of none.
    server.send("ana", "luis", "hola; \"luis\"");
    server.request(Command::Leave { user: user("luis"), room: Ok(target("#sala")) });
    server.send("eva", "luis", "hola");
    server.request(Command::Join { user: user("luis"), room: Ok(target("#sala")) });
    // DELIVERED and READ, in a room and in a chat.
    server.send("luis", "#sala", "hola a todos");
    ["ana", "eva"].iter().for_each(|name| read(&mut server, name, "#sala"));
    server.send("luis", "ana", "hola");
    read(&mut server, "ana", "luis");
    server.request(Command::Open {
        user: user("eva"),
        device: None,
        key: None,
        order: 1,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    });
    server.request(Command::Poll { after: After::Number(Seq::new(5).expect("a number")), wait: Some(0), max: 10 });
    server.request(Command::Closed);
    for (from, text) in [("ana", "1"), ("luis", "2"), ("ana", "3"), ("ana", "4"), ("eva", "5")] {
        server.send(from, "#sala", text);
    }
    // A device that is past the beginning of a GAP, and a message of its user's own that waits for it.
    server.request(Command::Open {
        user: user("eva"),
        device: DeviceName::new("lab"),
        key: None,
        order: 2,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    });
    server.request(Command::Poll { after: After::Number(Seq::new(7).expect("a number")), wait: Some(0), max: 10 });
    server.request(Command::Closed);
    server.send("eva", "luis", "hola de nuevo");
    // A room for invited users, with one who is invited and one who is kept out.
    let room = || Ok(target("#equipo"));
    server.request(Command::RoomKind { user: user("eva"), room: room(), kind: RoomKind::Invite });
    let topic = Topic::new("la entrega; \"hoy\"").expect("a topic");
    server.request(Command::Topic { user: user("eva"), room: room(), topic });
    for guest in ["ana", "luis"] {
        server.request(Command::Invite { user: user("eva"), room: room(), guest: Ok(target(guest)) });
    }
    server.request(Command::Kick { user: user("eva"), room: room(), other: Ok(target("luis")) });
    permit(&mut server, "ana", "luis", true);
    permit(&mut server, "luis", "eva", false);
    server
}

/// The tables of a checkpoint, by name.
fn all_tables(disk: &SimulatedDisk, checkpoint: &str) -> BTreeMap<PathBuf, String> {
    let files = read_files(disk, checkpoint).into_iter();
    let table = |(path, content): (PathBuf, Vec<u8>)| {
        (PathBuf::from(path.file_name().expect("a name")), String::from_utf8(content).expect("text"))
    };
    files.map(table).collect()
}

/// The tables of a checkpoint, but for the one that has the store's name.
fn tables(disk: &SimulatedDisk, checkpoint: &str) -> BTreeMap<PathBuf, String> {
    let mut all = all_tables(disk, checkpoint);
    all.remove(Path::new("store.csv"));
    all
}

#[test]
fn what_is_read_from_tables_is_what_was_written_into_them() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    server.last_checkpoint();
    drop(server);
    let written = tables(&disk, "/data/checkpoint-000001");
    for (table, parts) in [
        ("users.csv", &["ana@example.org", "Z;2027-01-15T08:00:00.006Z;;0\n", "Z;;2027-01-15T08:00:00.034Z;7\n"][..]),
        ("devices.csv", &["eva;0;;;", "eva;1;lab;;", ";5;0\n", ";7;0\n"]),
        ("device_gaps.csv", &["eva;1;#sala;6\n"]),
        ("offline.csv", &[";OWN;luis;", ";MSG;", ";STATE;", ";yes;", ";no;", ";READ;"]),
        ("marks.csv", &[";yes", ";no"]),
        (
            "rooms.csv",
            &[
                "#removed;;removed;",
                "#sala;ana;open;10;ana;9;open;no;ana;\n",
                "#equipo;eva;open;0;;0;invite;no;eva;\"la entrega; \"\"hoy\"\"\"\n",
            ],
        ),
        ("guests.csv", &["#equipo;ana;yes\n#equipo;luis;no\n"]),
        ("members.csv", &["#sala;luis;"]),
        ("room_logs.csv", &["#sala;"]),
        ("room_marks.csv", &["#sala;luis;"]),
        ("conversations.csv", &["direct-", "room-"]),
        ("ids.csv", &["\n0;", ";2;18000000000"]),
        ("bans.csv", &["@luis;", ";;\"a; \"\"b\"\"\"\n", "192.0.2.7;", ";2030-01-01T00:00:00.000Z;"]),
        ("permits.csv", &["ana;luis;yes\n", "luis;eva;no\n"]),
    ] {
        let content = &written[Path::new(table)];
        let missing: Vec<_> = parts.iter().filter(|part| !content.contains(*part)).collect();
        assert!(missing.is_empty(), "{table} has no {missing:?}:\n{content}");
    }
    // A restore writes tables from those that it has read.
    store(&disk, "/data").backup(Path::new("/backup")).expect("a backup");
    store(&disk, "/restored").restore(&store(&disk, "/backup")).expect("a store");
    for (table, content) in tables(&disk, "/restored/checkpoint-000000") {
        assert_eq!(content, written[&table], "{}", table.display());
    }
}

/// An id takes at most 64 bytes of a checkpoint, in a store of ten million accounts and ten thousand million messages, too.
#[test]
fn an_id_takes_few_bytes_of_a_checkpoint() {
    let disk = SimulatedDisk::default();
    played(&disk).last_checkpoint();
    let table = &tables(&disk, "/data/checkpoint-000001")[Path::new("ids.csv")];
    let rows: Vec<_> = table.lines().skip(2).filter(|row| !row.starts_with("end;")).collect();
    assert!(rows.len() > 10, "{table}");
    for row in rows {
        let fields: Vec<_> = row.split(';').collect();
        let longer = ("9999999".len() - fields[0].len()) + ("9999999999".len() - fields[3].len());
        assert!(row.len() + 1 + longer <= 64, "{row}");
    }
}

#[test]
fn a_table_of_another_version_is_refused() {
    let disk = SimulatedDisk::default();
    played(&disk).last_checkpoint();
    for (path, content) in read_files(&disk, "/data/checkpoint-000001") {
        let content = String::from_utf8(content).expect("text");
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let current = match name {
            "store" => 7,
            "conversations" | "devices" | "ids" | "members" | "offline" | "room_logs" | "rooms" => 2,
            _ => 1,
        };
        let version = format!("wachat-{name};{current}\n");
        let newer = "written by a newer version of wachat; start that one".to_owned();
        let other = format!("line 1: this should be wachat-{name};{current}");
        for (line, said) in [
            (format!("wachat-{name};{}\n", current + 1), format!("{}: {newer}", path.display())),
            (format!("wachat-{name};4294967295\n"), format!("{}: {newer}", path.display())),
            (format!("wachat-{name};0\n"), format!("{} {other}", path.display())),
            (format!("wachat-{name};01\n"), format!("{} {other}", path.display())),
            (format!("wachat-{name};x\n"), format!("{} {other}", path.display())),
            (format!("wachat-x{name};{current}\n"), format!("{} {other}", path.display())),
        ] {
            disk.tamper(&path, |bytes| *bytes = replace_in_table(&content, &version, &line).into_bytes());
            let error = store(&disk, "/data").open(Policy::default(), SMALL).err().expect("it has to be refused");
            assert!(error.to_string().starts_with(&said), "{line}: {error}");
        }
        disk.tamper(&path, |bytes| *bytes = content.clone().into_bytes());
    }
    drop(store(&disk, "/data").open(Policy::default(), SMALL).expect("as it was, it starts"));
}

#[test]
fn a_checkpoint_from_before_permits_and_guests_has_none() {
    let disk = SimulatedDisk::default();
    played(&disk).last_checkpoint();
    let table = |name: &str| PathBuf::from(format!("/data/checkpoint-000001/{name}.csv"));
    disk.tamper(&table("store"), |bytes| {
        let mut content = String::from_utf8(bytes.clone()).expect("text");
        let changes = [
            ("wachat-store;7\n", "wachat-store;2\n"),
            (";looked_at;device_time;rights;erasures;entry;entry_bytes;entry_time;id_key\n", "\n"),
            (";yes;;0;yes;yes;;;\n", ";yes\n"),
        ];
        content = without_id_key(&content);
        for (now, before) in changes {
            content = replace_in_table(&content, now, before);
        }
        *bytes = content.into_bytes();
    });
    for later in ["permits", "guests", "erasures"] {
        disk.remove_file(&table(later)).expect("to remove it");
    }
    disk.tamper(&table("ids"), |bytes| {
        *bytes = without_ids(&String::from_utf8(bytes.clone()).expect("text")).into_bytes();
    });
    let server = GroupCommitHarness::serve(store(&disk, "/data"));
    let state = server.group_commit.state();
    for name in ["ana", "luis"] {
        assert_eq!(state.permits(state.number(&user(name)).expect("an account")).count(), 0, "{name}");
    }
    assert!(server.group_commit.state().account_count() > 0);
}

/// Makes the row of `store.csv` one without a key.
fn without_id_key(content: &str) -> String {
    let row = content.lines().nth(2).expect("its row");
    let (before, key) = row.rsplit_once(';').expect("a key");
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{row}");
    replace_in_table(content, row, before)
}

/// Makes the table of ids one of a version that had their texts, without a row.
fn without_ids(content: &str) -> String {
    let rows: String =
        content.lines().skip(1).filter(|row| !row.starts_with("end;")).map(|row| format!("{row}\n")).collect();
    let content = replace_in_table(content, &rows, "from;id;seq;at;digest\n");
    replace_in_table(&content, "wachat-ids;2\n", "wachat-ids;1\n")
}

/// The tables of the version before have no column of messages that were taken back.
#[test]
fn a_checkpoint_from_before_erasures_has_none() {
    let disk = SimulatedDisk::default();
    played(&disk).last_checkpoint();
    let table = |name: &str| PathBuf::from(format!("/data/checkpoint-000001/{name}.csv"));
    let tamper = |name: &str, change: &dyn Fn(String) -> String| {
        disk.tamper(&table(name), |bytes| {
            *bytes = change(String::from_utf8(bytes.clone()).expect("text")).into_bytes();
        });
    };
    tamper("ids", &|content| without_ids(&content));
    tamper("store", &|content| {
        let content = without_id_key(&content);
        let content = replace_in_table(&content, "wachat-store;7\n", "wachat-store;4\n");
        let content = replace_in_table(&content, ";erasures;entry;entry_bytes;entry_time;id_key\n", "\n");
        replace_in_table(&content, ";0;yes;yes;;;\n", ";0;yes\n")
    });
    tamper("conversations", &|content| {
        let mut content = replace_in_table(&content, "wachat-conversations;2\n", "wachat-conversations;1\n");
        content = replace_in_table(&content, ";erased;erased_upto\n", "\n");
        while content.contains(";0;0;0;0\n") {
            content = replace_in_table(&content, ";0;0;0;0\n", ";0;0\n");
        }
        content
    });
    tamper("offline", &|content| {
        let mut content = replace_in_table(&content, "wachat-offline;2\n", "wachat-offline;1\n");
        content = replace_in_table(&content, ";erased_of\n", "\n");
        let rows: Vec<_> = content.lines().filter(|row| row.ends_with(';')).map(str::to_owned).collect();
        for row in rows {
            content = replace_in_table(&content, &format!("{row}\n"), &format!("{}\n", &row[..row.len() - 1]));
        }
        content
    });
    disk.remove_file(&table("erasures")).expect("to remove it");
    let server = GroupCommitHarness::serve(store(&disk, "/data"));
    let state = server.group_commit.state();
    assert_eq!(state.unfiled_erasures(), 0);
    let counts: Vec<_> = state.filed_conversations().filter_map(|(id, _)| state.conversation(id)).collect();
    assert!(!counts.is_empty() && counts.iter().all(|conversation| conversation.erased_count() == 0));
}

/// The columns of `store.csv` that say which part of the log is covered, without its end line.
fn without_cover(tables: BTreeMap<PathBuf, String>, also: &[usize]) -> BTreeMap<PathBuf, String> {
    let cut = |(path, content): (PathBuf, String)| {
        if !path.ends_with("store.csv") {
            return (path, content);
        }
        let row = content.lines().nth(2).expect("a row").split(';').enumerate();
        let left: Vec<_> = row.filter(|(column, _)| *column != 2 && !also.contains(column)).map(|(_, f)| f).collect();
        (path, left.join(";"))
    };
    tables.into_iter().map(cut).collect()
}

/// Returns the tables of the newest checkpoint, by name.
fn newest_tables(disk: &SimulatedDisk, data: &str) -> BTreeMap<PathBuf, String> {
    let names = disk.list(Path::new(data)).expect("a directory");
    let newest = names.into_iter().filter(|name| name.starts_with("checkpoint-")).max().expect("a checkpoint");
    all_tables(disk, &format!("{data}/{newest}"))
}

/// Checkpoints after which nothing has changed, after a clean-up and after a restart, have the same bytes.
#[test]
fn a_checkpoint_of_an_unchanged_state_has_every_byte_of_the_one_before() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    let days = Some(std::time::Duration::from_secs(24 * 3_600 * 365));
    server.clean_up(Retention { direct: days, rooms: days, trusts_clock: true });
    let before = without_cover(newest_tables(&disk, "/data"), &[]);
    assert!(before[Path::new("store.csv")].contains("2027-"), "it has the time of the clean-up: {before:?}");
    for round in 0..4 {
        server.checkpoint();
        assert_eq!(without_cover(newest_tables(&disk, "/data"), &[]), before, "round {round}");
        if round == 1 {
            drop(server);
            server = GroupCommitHarness::serve(store(&disk, "/data"));
        }
    }
}

/// A command of each kind, as the last batch before a backup.
fn last_commands(server: &GroupCommitHarness) -> Vec<Command> {
    let last = server.group_commit.state().last;
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let sala = Ok(target("#sala"));
    let nueva = Ok(target("#nueva"));
    let send = |to: &str| Command::Send {
        user: user("ana"),
        id: MessageId::new(&format!("last-{}", to.len())).expect("an id"),
        to: Ok(target(to)),
        text: Text::new("the last; one").expect("a text"),
    };
    vec![
        send("luis"),
        send("#sala"),
        Command::Register { name: user("nora"), password_hash: "$other".into() },
        Command::SetPassword { user: user("ana"), asked: None, password_hash: "$new".into() },
        Command::SetEmail { user: user("eva"), email: Email::new("eva@example.org").expect("an address") },
        Command::Join { user: user("ana"), room: nueva },
        Command::Leave { user: user("eva"), room: sala },
        Command::Read {
            user: user("luis"),
            target: Ok(target("ana")),
            seq: last,
            last_of_peer: LastOfPeer::NotLookedUp,
        },
        Command::Ban { banned: Banned::parse("10.0.0.0/8").expect("a ban"), until: None, reason: ShortText::default() },
        Command::Unban { banned: Banned::parse("192.0.2.7").expect("a ban") },
        Command::Open { user: user("luis"), device: None, key: None, order: 9, address },
        Command::RemoveRoom { room: Ok(target("#sala")) },
        Command::Permit { user: user("eva"), caller: Ok(target("ana")), permitted: true },
        Command::Permit { user: user("ana"), caller: Ok(target("eva")), permitted: false },
        Command::Remove { user: user("eva") },
    ]
}

/// A backup has the last batch, whatever it is, and whether it ends a segment: the restored tables are those that a checkpoint
/// at that time has, and the history files, too.
#[test]
fn a_backup_has_every_record_up_to_the_last_batch() {
    let disk = SimulatedDisk::default();
    let mut server = played(&disk);
    let commands = last_commands(&server);
    for (number, command) in commands.into_iter().enumerate() {
        let what = format!("{command:?}");
        server.request(command);
        if number % 3 == 1 {
            server.close_segment();
        }
        let [backup, restored] = [format!("/backup-{number}"), format!("/restored-{number}")];
        store(&disk, "/data").backup(Path::new(&backup)).expect("a backup");
        store(&disk, &restored).restore(&store(&disk, &backup)).expect("a store");
        let copy = disk.after_power_cut(|| true);
        let upto = server.group_commit.uncovered().expect("something new");
        store(&copy, "/data").checkpoint(upto).expect("a checkpoint");
        let own = [0, 3, 4];
        let [want, got] = [newest_tables(&copy, "/data"), newest_tables(&disk, &restored)];
        assert_eq!(without_cover(got, &own), without_cover(want, &own), "{what}");
        let files = |disk: &SimulatedDisk, data: &str| -> Vec<_> {
            read_files(disk, &format!("{data}/history")).into_values().collect()
        };
        assert!(files(&disk, &restored) == files(&copy, "/data"), "{what}: the history");
        assert_noticed_without_last_batch(&disk, &backup, &what);
    }
}

/// A backup whose log has lost its last batch, whole or without its mark, is damaged, although such a log is whole by itself:
/// the batch may have changed no number.
fn assert_noticed_without_last_batch(disk: &SimulatedDisk, backup: &str, what: &str) {
    let segments = read_files(disk, &format!("{backup}/wal")).into_iter();
    let marks = |content: &[u8]| -> Vec<usize> {
        (1..content.len()).filter(|at| content[at - 1..].starts_with(b"\nCOMMIT;")).collect()
    };
    let mut segments = segments.map(|(path, content)| (path, marks(&content), content));
    let (path, marks, content) = segments.rfind(|(_, marks, _)| !marks.is_empty()).expect("a batch");
    // It begins after the mark before it, or after the head of the segment.
    let before = marks.len().checked_sub(2).map_or(0, |index| marks[index]);
    let begin = before + content[before..].iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for from in [begin, marks[marks.len() - 1]] {
        disk.tamper(&path, |content| content[from..].fill(b'\n'));
        let report = store(disk, backup).check().expect("a report");
        let said = report.damage.concat();
        assert!(said.contains("the backup went to number"), "{what}, without {from} on: check says {said:?}");
        let refused = store(disk, "/restored-without").restore(&store(disk, backup));
        let said = refused.expect_err("it has to be refused").to_string();
        assert!(said.contains("the backup went to number"), "{what}, without {from} on: {said}");
        assert!(!disk.exists(Path::new("/restored-without")).expect("an answer"), "{what}: something was restored");
        disk.tamper(&path, |now| now.clone_from(&content));
    }
}

const USERS: [&str; 3] = ["ana", "luis", "eva"];
const PLACES: [&str; 5] = ["ana", "luis", "eva", "#lobby", "#sala"];

/// Some commands of one user, to whom the last number and the last of a peer's messages are known.
fn random_commands(
    random: &mut Random,
    step: u64,
    one: &GroupCommitHarness,
    direct: &[(u64, String, String)],
) -> Vec<Command> {
    let who = user(USERS[random.below(3) as usize]);
    let place = PLACES[random.below(5) as usize];
    let to = Ok(target(place));
    let last = one.group_commit.state().last.get();
    let upto = Seq::new(last - random.below(last.min(12) + 1)).expect("a number");
    let room = Ok(target(PLACES[3 + random.below(2) as usize]));
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match random.below(24) {
        0..=10 => {
            // Now and then an id again.
            let id = MessageId::new(&format!("m{}", step - random.below(step.min(3) + 1) / 3)).expect("an id");
            let text = Text::new(&format!("{step}; {}", "x".repeat(random.below(300) as usize))).expect("a text");
            vec![Command::Send { user: who, id, to, text }]
        }
        11..=14 => vec![
            Command::Open { user: who, device: None, key: None, order: step, address },
            Command::Poll { after: After::Number(upto), wait: Some(0), max: 5 },
            Command::Closed,
        ],
        15..=17 => {
            let is_found = |(seq, from, to): &&(u64, String, String)| {
                (from.as_str(), to.as_str()) == (place, who.to_string().as_str()) && *seq <= upto.get()
            };
            let found = direct.iter().rev().find(is_found).and_then(|(seq, ..)| Seq::new(*seq));
            vec![Command::Read { user: who, target: to, seq: upto, last_of_peer: LastOfPeer::Found(found) }]
        }
        18..=19 => vec![Command::Join { user: who, room }],
        20 => vec![Command::Leave { user: who, room }],
        21 => vec![Command::RemoveRoom { room }],
        22 => {
            let banned = Banned::User(who);
            let until = Some(Timestamp::from_millis(one.time + random.below(30)));
            vec![Command::Ban { banned, until, reason: ShortText::default() }]
        }
        _ => vec![Command::SetEmail { user: who, email: Email::new("x@example.org").expect("an address") }],
    }
}

/// Two stores of the same random commands.
struct Two {
    disks: [SimulatedDisk; 2],
    /// One is written in one life; the other has segments, checkpoints and restarts at any place.
    one: GroupCommitHarness,
    other: GroupCommitHarness,
    random: Random,
    direct: Vec<(u64, String, String)>,
    checkpoints: u64,
}

fn serve(disk: &SimulatedDisk) -> GroupCommitHarness {
    GroupCommitHarness::serve(store(disk, "/data"))
}

/// Makes a store, and returns its row.
fn store_row(disk: &SimulatedDisk) -> String {
    drop(serve(disk));
    let tables = all_tables(disk, "/data/checkpoint-000000");
    tables[Path::new("store.csv")].lines().nth(2).expect("a row").to_owned()
}

impl Two {
    fn new(seed: u64) -> Self {
        let disks = [SimulatedDisk::default(), SimulatedDisk::default()];
        // The hashes of ids are those of one key.
        let one = store_row(&disks[0]);
        let other = store_row(&disks[1]);
        let key = |row: &str| row.rsplit_once(';').expect("a key").1.to_owned();
        disks[1].tamper(Path::new("/data/checkpoint-000000/store.csv"), |bytes| {
            let content = String::from_utf8(bytes.clone()).expect("text");
            *bytes = replace_in_table(&content, &key(&other), &key(&one)).into_bytes();
        });
        let [mut one, mut other] = disks.each_ref().map(serve);
        for name in USERS {
            one.register(name);
            other.register(name);
        }
        Self { disks, one, other, random: Random::new(seed), direct: Vec::new(), checkpoints: 0 }
    }

    /// Both get the command, and answer the same but for the names of the stores.
    fn request(&mut self, command: Command) {
        let [said, answered] = [&mut self.one, &mut self.other].map(|server| server.request(command.clone()));
        let [one, other] = [&self.one, &self.other].map(|server| server.group_commit.state().store.to_string());
        assert_eq!(format!("{answered:?}").replace(&other, &one), format!("{said:?}"), "{command:?}");
        if let (Some(Reply::Accepted(accepted)), Command::Send { user, to: Ok(Target::User(to)), .. }) = (said, command)
        {
            self.direct.push((accepted.seq.get(), user.to_string(), to.to_string()));
        }
    }

    fn step(&mut self, step: u64) {
        let commands = random_commands(&mut self.random, step, &self.one, &self.direct);
        for command in commands {
            self.request(command);
        }
        match self.random.below(12) {
            0 => self.other.close_segment(),
            1 => {
                self.other.checkpoint();
                self.checkpoints += 1;
            }
            2 => {
                let time = self.other.time;
                // The lock of the store goes with its server.
                self.other = serve(&SimulatedDisk::default());
                self.other = serve(&self.disks[1]);
                self.other.time = time;
            }
            _ => {}
        }
    }
}

/// In the end every table and every history file of both has the same bytes.
#[test]
fn tables_and_histories_do_not_depend_on_when_checkpoints_and_restarts_were() {
    let mut checkpoints = 0;
    for seed in 0..60 {
        let mut two = Two::new(seed);
        (1..80).for_each(|step| two.step(step));
        two.one.last_checkpoint();
        two.other.last_checkpoint();
        let own = [0, 3, 4];
        let [want, got] = two.disks.each_ref().map(|disk| without_cover(newest_tables(disk, "/data"), &own));
        assert_eq!(got, want, "seed {seed}");
        let [want, got] = two.disks.each_ref().map(|disk| read_files(disk, "/data/history"));
        assert!(got == want, "seed {seed}: the history");
        checkpoints += two.checkpoints;
    }
    assert!(checkpoints > 200, "{checkpoints}");
}
