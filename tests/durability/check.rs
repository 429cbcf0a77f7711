//! `wachat check`: it sees every changed bit, says where, and changes nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;

use crate::support::group_commit_harness::{GroupCommitHarness, SMALL, user};
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::replace_in_table;
use crate::support::{NO_SETTINGS, World, run_to_end};
use tempfile::TempDir;
use wachat::disk::{Disk, write};
use wachat::model::{Seq, Target};
use wachat::protocol::Reply;
use wachat::record::end_with_checksum;
use wachat::state_machine::{Command, LastOfPeer, Policy};
use wachat::store::{Report, Retention, Store};

const DATA: &str = "/data";

/// A checkpoint with two conversations, messages that wait, and three segments after it.
fn store() -> SimulatedDisk {
    store_and_spare(false)
}

/// The same, with or without an empty segment after the last one that has batches.
fn store_and_spare(spare: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis", "eva"].iter().for_each(|name| playing.register(name));
    for (from, to) in [("ana", "luis"), ("luis", "ana"), ("eva", "eva"), ("ana", "luis"), ("eva", "#lobby")] {
        playing.send(from, to, "hola; ¿qué\n tal?");
    }
    playing.checkpoint();
    for text in ["uno", "dos", "tres"] {
        playing.send("luis", "ana", text);
        playing.send("eva", "#lobby", text);
        playing.close_segment();
    }
    playing.send("ana", "eva", "cuatro");
    playing.send("ana", "eva", "cinco");
    if spare {
        playing.give_spare(playing.group_commit.wants_segment().expect("there is none yet"));
    }
    disk
}

fn check(disk: &SimulatedDisk) -> Report {
    Store::new(Arc::new(disk.clone()), Path::new(DATA)).check().unwrap_or_else(|error| panic!("{error}"))
}

/// Every file, and what is in it.
fn files(disk: &SimulatedDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    crate::support::store_files::read_files(disk, DATA)
}

/// The one damage that is found after a change.
fn damage(disk: &SimulatedDisk, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    disk.tamper(Path::new(file), change);
    let report = check(disk);
    assert_eq!(report.damage.len(), 1, "{report:?}");
    report.damage.into_iter().next().unwrap()
}

fn replace(content: &mut Vec<u8>, old: &str, new: &str) {
    let text = String::from_utf8(content.clone()).unwrap();
    assert!(text.contains(old), "no {old} in {text}");
    *content = text.replacen(old, new, 1).into_bytes();
}

/// Makes the checksums of a history file's rows fit.
fn end_rows_with_checksums(content: &mut Vec<u8>) {
    let lines: Vec<_> = content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let ([head, columns], rows) = lines.split_first_chunk::<2>().unwrap();
    *content = [head.as_slice(), b"\n", columns, b"\n"].concat();
    for row in rows.iter().filter(|row| !row.is_empty()) {
        let start = content.len();
        content.extend_from_slice(&row[..row.iter().rposition(|byte| *byte == b';').unwrap()]);
        end_with_checksum(content, start);
    }
}

/// Changes a table, and makes its last line fit: what a defect would write.
fn forge(disk: &SimulatedDisk, table: &str, old: &str, new: &str) -> Vec<String> {
    disk.tamper(&Path::new(DATA).join("checkpoint-000001").join(table), |content| {
        let text = String::from_utf8(content.clone()).unwrap();
        *content = replace_in_table(&text, old, new).into_bytes();
    });
    check(disk).damage
}

#[test]
fn a_whole_store_is_counted_and_left_alone() {
    let disk = store();
    let before = files(&disk);
    let report = check(&disk);
    assert!(report.damage.is_empty() && report.notes.is_empty(), "{report:?}");
    assert_eq!((report.users, report.messages, report.conversations, report.segments), (3, 13, 4, 4), "{report:?}");
    let sizes = before.iter().filter(|(path, _)| !path.ends_with("lock")).map(|(_, content)| content.len() as u64);
    assert_eq!(report.bytes, sizes.sum::<u64>());
    assert!(files(&disk) == before, "it has changed something");
}

#[test]
fn every_changed_bit_is_seen_and_its_file_named() {
    let disk = store();
    let before = files(&disk);
    let mut random = Random::new(7);
    let mut flipped = 0;
    for (path, content) in &before {
        // Of a segment the part that was written. The lock's file has nothing that is served.
        let end = content.iter().rposition(|byte| *byte != b'\n').unwrap() + 1;
        if path.ends_with("lock") {
            continue;
        }
        for at in 0..end {
            let bit = 1 << random.below(8);
            disk.tamper(path, |content| content[at] ^= bit);
            let report = check(&disk);
            let named = |line: &String| line.starts_with(&*path.to_string_lossy());
            assert!(report.damage.iter().any(named), "{} byte {at} bit {bit}: {report:?}", path.display());
            disk.tamper(path, |content| content[at] ^= bit);
            flipped += 1;
        }
    }
    assert!(flipped > 2_000, "{flipped}");
    assert!(check(&disk).damage.is_empty(), "the test has put everything back");
}

#[test]
fn a_torn_last_batch_is_a_note_and_stays() {
    let disk = store();
    disk.tamper(Path::new("/data/wal/000005.csv"), |content| {
        let mark = content.windows(6).rposition(|six| six == b"COMMIT").unwrap();
        content[mark..].fill(b'\n');
    });
    let before = files(&disk);
    let report = check(&disk);
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(report.messages, 12);
    let [note] = <[String; 1]>::try_from(report.notes).unwrap();
    assert!(note.starts_with("/data/wal/000005.csv line 4: batch 16 is torn"), "{note}");
    assert!(files(&disk) == before, "it has changed something");
}

/// A killed server leaves an empty segment after the one that it wrote into. Whatever part of the last batch exists, `check`
/// names it, and a start then sets the very same aside.
#[test]
fn a_torn_last_batch_is_told_wherever_it_is_cut_and_whatever_segment_follows() {
    for spare in [false, true] {
        let disk = store_and_spare(spare);
        assert_eq!(files(&disk).contains_key(Path::new("/data/wal/000006.csv")), spare);
        let segment = Path::new("/data/wal/000005.csv");
        let content = files(&disk)[segment].clone();
        let marks: Vec<_> = (0..content.len()).filter(|at| content[*at..].starts_with(b"\nCOMMIT;")).collect();
        let begin = marks[0] + 1 + content[marks[0] + 1..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let end = content.iter().rposition(|byte| *byte != b'\n').unwrap();
        // At the begin of a batch there is none; after its last character it is whole.
        for at in begin..=end {
            disk.tamper(segment, |content| content[at..].fill(b'\n'));
            let report = check(&disk);
            let what = format!("cut at {at}, spare {spare}");
            let notes = &report.notes;
            assert!(report.damage.is_empty() && notes.len() == usize::from(at > begin), "{what}: {report:?}");
            let named = notes.iter().all(|note| note.starts_with("/data/wal/000005.csv line 4: batch 16 is torn"));
            assert!(named, "{what}: {notes:?}");
            let opened = Store::new(Arc::new(disk.after_power_cut(|| true)), Path::new(DATA));
            let notice = opened.open(Policy::default(), SMALL).expect("a start").notice.unwrap_or_default();
            assert!(notes.iter().all(|note| notice.starts_with(note)), "{what}: {notes:?}, and then {notice:?}");
            assert_eq!(notice.is_empty(), notes.is_empty(), "{what}: {notice}");
            disk.tamper(segment, |now| now.clone_from(&content));
        }
    }
}

#[test]
fn the_row_is_named_where_it_can_be() {
    let file = "/data/history/direct-0-1.csv";
    let row = |change: &dyn Fn(&mut Vec<u8>)| damage(&store(), file, change);
    for (old, new, want) in [
        ("2;m2", "9;m2", "line 4: number 9 is past the last, 4"),
        ("2;m2", "1;m2", "line 4: number 1 comes after 1"),
        ("2;m2;luis;ana", "2;m2;luis;eva", "line 4: not a row of this conversation"),
        ("2;m2;luis;ana", "2;m2;ana;luis", "line 4: not the message that ids.csv has"),
        ("qué", "que", "line 3: not the message that ids.csv has"),
        ("4;m4;", "x;m4;", "line 5: not a row"),
        ("seq;id", "seq;ID", "line 2: this should be seq;id"),
        ("ana;luis", "ana;lui5", "line 1: this should be wachat-history;1;direct-0-1;ana;luis;"),
    ] {
        if !want.starts_with("line 1") && !want.starts_with("line 2") {
            let said = row(&|content: &mut Vec<u8>| {
                replace(content, old, new);
                content.resize(content.len().max(300), b' ');
            });
            assert!(said.contains(": its checksum does not fit"), "{old} -> {new}: {said}");
        }
        // Forged so that the checksum fits, and the length stays what it should be.
        let said = row(&|content: &mut Vec<u8>| {
            replace(content, old, new);
            end_rows_with_checksums(content);
            content.resize(content.len().max(300), b' ');
        });
        assert!(said.starts_with(&format!("{file} {want}")), "{old} -> {new}: {said}");
    }
    let said = row(&|content| content.truncate(content.len() - 1));
    assert!(said.contains("bytes and should have"), "{said}");
}

#[test]
fn an_old_row_whose_text_was_changed_is_known_by_the_files_checksum() {
    let disk = SimulatedDisk::default();
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| playing.register(name));
    // More than the ids that are remembered, in many checkpoints: the checksum is continued.
    for number in 0..1_200 {
        playing.send("ana", if number < 700 { "luis" } else { "ana" }, &format!("texto {number}."));
        if number % 100 == 50 {
            playing.checkpoint();
        }
    }
    playing.checkpoint();
    drop(playing);
    assert!(check(&disk).damage.is_empty(), "{:?}", check(&disk));
    let file = "/data/history/direct-0-1.csv";
    let changed = damage(&disk, file, |content| replace(content, "texto 7.", "texto 8."));
    assert!(changed.starts_with(&format!("{file} line 10: its checksum does not fit")), "{changed}");
    // Forged so that the row's own checksum fits. No table knows its text: its id is none of the newest.
    let said = damage(&disk, file, end_rows_with_checksums);
    assert!(said.starts_with(&format!("{file}: its checksum in conversations.csv does not fit")), "{said}");
}

#[test]
fn tables_that_contradict_each_other_or_the_history_are_said() {
    for (table, old, new, want) in [
        ("users.csv", ";;;0\n", ";;;99\n", "users.csv: 99 of ana is past the last number, 5"),
        ("marks.csv", "ana;luis;0", "ana;luis;99", "marks.csv: 99 of ana is past the last number, 5"),
        ("marks.csv", "ana;luis;0", "ana;luisa;0", "checkpoint-000001: there is no account luisa"),
        ("users.csv", ";;;0\n", ";;;2\n", "offline.csv: 2 waits for ana, who has acknowledged it"),
        (
            "offline.csv",
            "luis;1;MSG;ana;",
            "luis;1;MSG;eva;",
            "direct-0-1.csv line 3: not the message that offline.csv",
        ),
        ("offline.csv", "luis;1;MSG;ana;2", "luis;1;MSG;ana;3", "line 3: not the message that offline.csv"),
        ("offline.csv", "luis;1;MSG", "luis;3;MSG", "not the message that offline.csv"),
        ("offline.csv", "eva;3;MSG", "eva;5;MSG", "room-0.csv line 3: not the message that offline.csv"),
        ("ids.csv", ";2;1", ";4;1", "direct-0-1.csv line 5: not the message that ids.csv"),
        ("ids.csv", "\n0;", "\n7;", "checkpoint-000001: there is no account number 7"),
        ("members.csv", "#lobby;ana;0;0;0", "#lobby;ana;0;0;99", "members.csv: 99 of ana is past the last number, 5"),
        ("members.csv", "#lobby;ana", "#libby;ana", "checkpoint-000001: there is no room #libby"),
        ("room_logs.csv", "#lobby;5;eva", "#lobby;5;ana", "room-0.csv line 3: not the message that room_logs.csv"),
        ("conversations.csv", "direct-2-2", "direct-2-7", "direct-2-7 names an account or a room that is not there"),
        ("store.csv", ";5;1;", ";9;1;", "000002.csv line 2: after it the last number should be 6, not 10"),
    ] {
        let said = forge(&store(), table, old, new);
        assert!(said.iter().any(|line| line.contains(want)), "{table}: {old} -> {new}: {said:?}");
    }
}

#[test]
fn a_message_of_a_table_that_is_in_no_history_file_is_said() {
    let disk = SimulatedDisk::default();
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| playing.register(name));
    let first = Seq::new(playing.send("ana", "luis", "hola")).unwrap();
    // Number 2 is that of ana's READ event.
    playing.request(Command::Read {
        user: user("luis"),
        target: Ok(Target::User(user("ana"))),
        seq: first,
        last_of_peer: LastOfPeer::NotLookedUp,
    });
    assert_eq!(playing.send("ana", "luis", "adiós"), 3);
    playing.checkpoint();
    drop(playing);
    let said = forge(&disk, "ids.csv", ";3;1", ";2;1");
    assert!(said[0].ends_with("/ids.csv: message 2 is in no history file") && said.len() == 1, "{said:?}");
}

/// A store with a message in a chat and one in a room that were taken back after they had got into the history files, which a
/// clean-up has rewritten, or not.
fn erased(is_cleaned: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis"].iter().for_each(|name| playing.register(name));
    let direct = playing.send("ana", "luis", "hola");
    playing.send("luis", "ana", "adiós");
    let in_room = playing.send("ana", "#lobby", "hola a todos");
    playing.checkpoint();
    assert_eq!(playing.erase("ana", "luis", direct), Reply::Done);
    assert_eq!(playing.erase("ana", "#lobby", in_room), Reply::Done);
    if is_cleaned {
        playing.clean_up(Retention::default())
    } else {
        playing.checkpoint()
    }
    disk
}

/// Changes the last fields of a conversation's row in the newest checkpoint; returns the damage that is found.
fn forge_conversation(disk: &SimulatedDisk, id: &str, old: &str, new: &str) -> Vec<String> {
    let checkpoint = disk.list(Path::new(DATA)).unwrap().into_iter().find(|name| name.starts_with("checkpoint-"));
    let table = Path::new(DATA).join(checkpoint.expect("a checkpoint")).join("conversations.csv");
    disk.tamper(&table, |content| {
        let text = String::from_utf8(content.clone()).unwrap();
        let row = text.lines().find(|line| line.starts_with(id)).expect("a row");
        let changed = row.strip_suffix(old).unwrap_or_else(|| panic!("{row}")).to_owned() + new;
        *content = replace_in_table(&text, &format!("{row}\n"), &format!("{changed}\n")).into_bytes();
    });
    check(disk).damage
}

#[test]
fn rows_that_were_taken_back_are_known_and_a_text_that_should_have_gone_is_said() {
    for is_cleaned in [false, true] {
        let report = check(&erased(is_cleaned));
        assert!(report.damage.is_empty() && report.notes.is_empty() && report.messages == 3, "{report:?}");
    }
    // The text is in the file, and the table says that the file was rewritten since.
    let still = "the message was taken back, and its text is still there";
    for (id, old, new, want) in [
        ("direct-0-1;", ";1;0", ";1;4", format!("direct-0-1.csv line 3: {still}")),
        ("room-0;", ";1;0", ";1;5", format!("room-0.csv line 3: {still}")),
    ] {
        let said = forge_conversation(&erased(false), id, old, new);
        assert!(said.len() == 1 && said[0].ends_with(&want), "{said:?}");
    }
    // No entry says which messages they were any more: their number does not fit.
    for (erased_rows, want) in [
        ("0", "direct-0-1.1.csv line 3: a message that was taken back, and only 0 were"),
        ("2", "direct-0-1.1.csv line 4: 2 messages were taken back, and 1 of them have no text"),
    ] {
        let said = forge_conversation(&erased(true), "direct-0-1.1;", ";1;4", &format!(";{erased_rows};4"));
        assert!(said.len() == 1 && said[0].ends_with(want), "{said:?}");
    }
}

#[test]
fn all_that_is_damaged_is_said_at_once() {
    let disk = store();
    for file in ["history/direct-0-1.csv", "history/direct-2-2.csv", "wal/000003.csv"] {
        disk.tamper(&Path::new(DATA).join(file), |content| content[40] ^= 1);
    }
    assert_eq!(check(&disk).damage.len(), 3, "{:?}", check(&disk));
    for table in ["users.csv", "ids.csv"] {
        disk.tamper(&Path::new(DATA).join("checkpoint-000001").join(table), |content| content[3] ^= 1);
    }
    assert_eq!(check(&disk).damage.len(), 2, "{:?}", check(&disk));
}

#[test]
fn a_missing_file_is_damage_and_an_orphan_is_a_note() {
    let disk = store();
    disk.remove_file(Path::new("/data/history/direct-2-2.csv")).unwrap();
    disk.remove_file(Path::new("/data/wal/000003.csv")).unwrap();
    let said = check(&disk).damage;
    let missing = |file: &str| format!("{file}: the file is missing");
    assert_eq!(said, [missing("/data/history/direct-2-2.csv"), missing("/data/wal/000003.csv")]);

    let disk = store();
    for directory in ["/data/checkpoint.new", "/data/checkpoint-000000"] {
        disk.create_dir(Path::new(directory)).unwrap();
    }
    for file in ["wal/000001.csv", "wal/000006.new", "wal/000004-batch-3-1.broken", "history/direct-0-2.csv"] {
        write(&disk, &Path::new(DATA).join(file), b"x").unwrap();
    }
    disk.tamper(Path::new("/data/history/direct-0-1.csv"), |content| content.extend_from_slice(b"half"));
    let report = check(&disk);
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(report.notes.len(), 7, "{report:#?}");
    let more = "/data/history/direct-0-1.csv: its last 4 bytes are no part of it yet";
    assert!(report.notes.iter().any(|note| note.starts_with(more)), "{report:#?}");
}

fn run(data: &Path) -> (Option<i32>, String, String) {
    run_with(&["--data".as_ref(), data.as_os_str()], Path::new("data"))
}

/// Runs `wachat check` with these arguments, and with WACHAT_DATA in its environment.
fn run_with(arguments: &[&OsStr], variable: &Path) -> (Option<i32>, String, String) {
    let mut check = Process::new(crate::support::WACHAT);
    check.arg("check").args(arguments).env("WACHAT_DATA", variable).env("WACHAT_CONFIG", NO_SETTINGS);
    let output = check.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_says_what_it_found() {
    let mut world = World::without_lobby();
    let data = world.data();
    let mut ana = world.register("ana");
    world.register("luis");
    assert!(ana.request("SEND;1;luis;hola").starts_with("OK;"));

    let (code, _, said) = run(&data);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("another wachat serves this directory"), "{said}");

    world.stop();
    let (code, told, said) = run(&data);
    assert_eq!((code, said.as_str()), (Some(0), ""), "{told}");
    for line in ["is whole", "users: 2", "messages: 1", "conversations: 1", "bytes: "] {
        assert!(told.contains(line), "no {line} in {told}");
    }

    let history = data.join("history/direct-0-1.csv");
    let whole = std::fs::read_to_string(&history).unwrap();
    std::fs::write(&history, whole.replace("hola", "hole")).unwrap();
    let (code, told, said) = run(&data);
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert!(said.contains("direct-0-1.csv line 3: ") && said.contains("nothing was changed"), "{said}");
    std::fs::write(&history, whole).unwrap();

    // Of a version that never was.
    let table = crate::support::store_files::newest_checkpoint(&data).join("conversations.csv");
    let text = std::fs::read_to_string(&table).unwrap();
    std::fs::write(&table, text.replace("wachat-conversations;2", "wachat-conversations;0")).unwrap();
    let (code, said) = world.start_and_fail();
    assert_eq!(code, Some(1));
    assert!(said.contains("conversations.csv line 1: this should be wachat-conversations;2"), "{said}");
    assert_eq!(run(&data).0, Some(1));
}

#[test]
fn the_directory_is_named_as_backup_and_restore_name_theirs_or_by_the_flag() {
    let mut world = World::without_lobby();
    world.stop();
    let data = world.data();
    let nowhere = world.path("nowhere");
    let whole = format!("wachat: {} is whole\n", data.display());
    let flag: &OsStr = "--data".as_ref();
    for (arguments, variable) in [
        (&[data.as_os_str()][..], &nowhere),
        (&[data.as_os_str(), flag, nowhere.as_os_str()], &nowhere),
        (&[flag, data.as_os_str()], &nowhere),
        (&[], &data),
    ] {
        let (code, told, said) = run_with(arguments, variable);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(told.starts_with(&whole), "{arguments:?}: {told}");
    }
    let (code, _, said) = run_with(&[nowhere.as_os_str()], &data);
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("wachat: {}", nowhere.display())), "{said}");
}

#[test]
fn a_directory_that_is_no_store_is_refused_in_one_line_and_not_changed() {
    let directory = TempDir::new().unwrap();
    for data in [directory.path().to_path_buf(), directory.path().join("nothing")] {
        let (code, told, said) = run(&data);
        assert_eq!((code, told.as_str(), said.lines().count()), (Some(1), "", 1), "{said}");
        assert!(said.contains("there is no store"), "{said}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let (code, _) = run_to_end(Process::new(crate::support::WACHAT).args(["check", "too", "much"]));
    assert_eq!(code, Some(2));
}

#[test]
fn the_files_that_come_with_the_project_are_known() {
    let disk = store();
    for name in ["README.md", "roster.csv", "passwords.csv", "stranger.csv"] {
        write(&disk, &Path::new(DATA).join(name), b"text\n").expect("to write");
    }
    let notes = check(&disk).notes;
    assert!(matches!(&notes[..], [note] if note.contains("stranger.csv")), "{notes:?}");
}
