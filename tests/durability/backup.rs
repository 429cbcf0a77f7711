//! `wachat backup` and `wachat restore`: what was answered OK before a backup began is in it, whatever the
//! server does meanwhile and wherever it is cut; and what is not whole is never taken for whole.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::clients::exit_code;
use crate::support::group_commit_harness::{GroupCommitHarness, SMALL, Sent};
use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::random::Random;
use crate::support::simulated_disk::{Fault, SimulatedDisk};
use crate::support::store_files::read_files;
use crate::support::{Connection, PASSWORD, World, wait_for};
use parking_lot::Mutex;
use tempfile::TempDir;
use wachat::disk::{Disk, RealDisk};
use wachat::server::Config;
use wachat::state_machine::Policy;
use wachat::store::{Problem, Sizes, Store, StoreError};

const DATA: &str = "/data";
const BACKUP: &str = "/safe/backup";
const RESTORED: &str = "/restored";

fn store(disk: &SimulatedDisk, directory: &str) -> Store {
    Store::new(Arc::new(disk.clone()), Path::new(directory))
}

/// A store with history in two checkpoints and messages in two segments after them.
fn played(disk: &SimulatedDisk) -> GroupCommitHarness {
    let mut playing = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA));
    ["ana", "luis", "eva"].iter().for_each(|name| playing.register(name));
    // A conversation that goes no further.
    playing.send("luis", "luis", "una nota");
    for round in 0..3 {
        playing.send("ana", "luis", &format!("hola {round}"));
        playing.send("luis", "eva", &format!("hola; {round}"));
        playing.send("eva", "#lobby", &format!("hola a todos {round}"));
        if round < 2 { playing.checkpoint() } else { playing.close_segment() }
    }
    playing.send("eva", "ana", "adiós");
    playing
}

/// Starts on a restored store, and asks for every message again: with its old id it gets its old answer, so
/// that it exists, once, under its number. Returns the store's name.
fn serves(disk: Arc<dyn Disk>, data: &Path, sent: &[Sent]) -> String {
    let report = Store::new(disk.clone(), data).check().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.damage.is_empty() && report.notes.is_empty(), "{report:?}");
    let mut playing = GroupCommitHarness::start(disk, data);
    let last = playing.group_commit.state().last;
    for one in sent {
        let again = playing.send_as(one.from, one.to, &one.id, &one.text);
        assert_eq!(again, (one.seq, one.at.clone()), "{one:?} is not there");
    }
    assert_eq!(playing.group_commit.state().last, last, "a message was not there and was taken anew");
    assert!(playing.send_as("ana", "luis", "new", "and it goes on").0 > last.get());
    playing.group_commit.state().store.to_string()
}

#[test]
fn a_restored_store_has_the_same_content_under_a_new_name() {
    let disk = SimulatedDisk::default();
    let playing = played(&disk);
    let before = read_files(&disk, DATA);
    let made = store(&disk, DATA).backup(Path::new(BACKUP)).unwrap();
    assert_eq!((made.users, made.messages, made.conversations, made.segments), (3, 11, 5, 2), "{made:?}");
    assert!(read_files(&disk, DATA) == before, "the store has been changed");
    let backup = read_files(&disk, BACKUP);
    let restored = store(&disk, RESTORED).restore(&store(&disk, BACKUP)).unwrap();
    assert_eq!((restored.messages, restored.last), (made.messages, made.last));
    assert!(read_files(&disk, BACKUP) == backup, "the backup has been changed");
    let name = serves(Arc::new(disk.clone()), Path::new(RESTORED), &playing.sent);
    assert_ne!(&*name, &*playing.group_commit.state().store, "clients would not notice");
}

/// Each restore begins another life of the store, whatever the backup holds: of a store without a message, with a log, with all
/// of it in history files, or of one that was restored before.
#[test]
fn each_restored_store_has_a_name_that_none_before_it_had() {
    let mut names = Vec::new();
    let mut restored = 0;
    for kind in 0..4 {
        let disk = SimulatedDisk::default();
        let mut playing = match kind {
            0 | 1 => GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(DATA)),
            _ => played(&disk),
        };
        if kind == 1 {
            playing.register("ana");
        }
        if kind == 3 {
            playing.last_checkpoint();
        }
        names.push(playing.group_commit.state().store.to_string());
        let sent = std::mem::take(&mut playing.sent);
        let mut data = DATA.to_owned();
        drop(playing);
        for round in 0..4 {
            let backup = format!("{BACKUP}-{kind}-{round}");
            if store(&disk, &data).backup(Path::new(&backup)).is_err() {
                assert_eq!(kind, 0, "a store in which nothing has happened yet");
                break;
            }
            // The same backup again is another store, too.
            for again in 0..2 {
                data = format!("{RESTORED}-{kind}-{round}-{again}");
                store(&disk, &data).restore(&store(&disk, &backup)).unwrap_or_else(|error| panic!("{error}"));
                restored += 1;
                let server = GroupCommitHarness::start(Arc::new(disk.clone()), Path::new(&data));
                names.push(server.group_commit.state().store.to_string());
                drop(server);
                if round == 3 && again == 1 && kind > 1 {
                    names.push(serves(Arc::new(disk.clone()), Path::new(&data), &sent));
                    let first = names.pop();
                    assert_eq!(names.last(), first.as_ref(), "a restart changes no name");
                }
            }
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two of them have one name: {names:?}");
    assert!(restored > 20, "{restored}");
}

/// Power cuts of every kind: nothing that was not synced is kept, all, any part.
fn cuts(disk: &SimulatedDisk, seed: u64) -> Vec<SimulatedDisk> {
    let mut random = Random::new(seed);
    let mut all = vec![disk.after_power_cut(|| false), disk.after_power_cut(|| true)];
    all.extend([20, 50, 80].map(|share| disk.after_power_cut(|| random.chance(share))));
    disk.heal();
    all.push(disk.clone());
    all
}

/// Returns how many calls of the disk an act makes, on a copy of it.
fn calls<T>(disk: &SimulatedDisk, act: impl FnOnce(&SimulatedDisk) -> T) -> u64 {
    let disk = disk.after_power_cut(|| true);
    act(&disk);
    disk.calls()
}

#[test]
fn a_backup_cut_at_any_call_is_whole_or_refused() {
    let disk = SimulatedDisk::default();
    let sent = played(&disk).sent;
    let back_up = |disk: &SimulatedDisk| store(disk, DATA).backup(Path::new(BACKUP));
    let mut whole = 0;
    let mut refused = 0;
    for call in 1..=calls(&disk, back_up) {
        let cut = disk.after_power_cut(|| true);
        cut.fail(call, Fault::Stop);
        let answered = back_up(&cut).is_ok();
        for disk in cuts(&cut, call) {
            match store(&disk, RESTORED).restore(&store(&disk, BACKUP)) {
                Ok(_) => {
                    serves(Arc::new(disk.clone()), Path::new(RESTORED), &sent);
                    whole += 1;
                }
                Err(error) => {
                    assert!(!answered, "call {call}: it was said to be whole: {error}");
                    assert!(matches!(error.problem, Problem::NoBackup), "call {call}: {error}");
                    assert!(!disk.exists(Path::new(RESTORED)).unwrap(), "call {call}");
                    // Nor is it taken for a store: what exists says what it is, or nothing exists.
                    let left = read_files(&disk, BACKUP).keys().any(|path| !path.ends_with("backup.new"));
                    let open = store(&disk, BACKUP).open(Policy::default(), SMALL);
                    assert!(!left || matches!(open, Err(StoreError { problem: Problem::IsBackup, .. })), "call {call}");
                    refused += 1;
                }
            }
        }
    }
    assert!(whole > 0 && refused > 100, "{whole} {refused}");
}

#[test]
fn a_restore_cut_at_any_call_serves_everything_or_not_at_all_and_can_be_run_again() {
    let disk = SimulatedDisk::default();
    let sent = played(&disk).sent;
    store(&disk, DATA).backup(Path::new(BACKUP)).unwrap();
    let restore = |disk: &SimulatedDisk| store(disk, RESTORED).restore(&store(disk, BACKUP));
    let mut whole = 0;
    let mut again = 0;
    for call in 1..=calls(&disk, restore) {
        let cut = disk.after_power_cut(|| true);
        cut.fail(call, Fault::Stop);
        let answered = restore(&cut).is_ok();
        for disk in cuts(&cut, call) {
            let committed =
                disk.list(Path::new(RESTORED)).unwrap_or_default().contains(&"checkpoint-000000".to_owned());
            assert!(committed || !answered, "call {call}: it was said to be done");
            if committed {
                whole += 1;
            } else {
                let begun = !read_files(&disk, RESTORED).is_empty();
                let open = store(&disk.after_power_cut(|| true), RESTORED).open(Policy::default(), SMALL).map(drop);
                assert!(
                    !begun || matches!(open, Err(StoreError { problem: Problem::HalfRestored, .. })),
                    "call {call}: {open:?}"
                );
                restore(&disk).unwrap_or_else(|error| panic!("call {call}: {error}"));
                again += 1;
            }
            let _ = disk.remove_file(Path::new("/restored/restore.new"));
            serves(Arc::new(disk.clone()), Path::new(RESTORED), &sent);
        }
    }
    assert!(whole > 0 && again > 100, "{whole} {again}");
}

#[test]
fn a_disk_that_fails_or_is_full_leaves_nothing_behind() {
    let disk = SimulatedDisk::default();
    let safe = SimulatedDisk::default();
    played(&disk);
    let back_up = |disk: &SimulatedDisk| store(disk, DATA).backup(Path::new(BACKUP)).map(drop);
    played(&safe);
    back_up(&safe).unwrap();
    let restore = |disk: &SimulatedDisk| store(disk, RESTORED).restore(&store(disk, BACKUP)).map(drop);
    // Into a directory that is there already, and into a new one.
    for (is_there, fault) in [(true, Fault::Error(io::ErrorKind::StorageFull)), (false, Fault::ShortWrite)] {
        leaves_nothing_behind(&disk, BACKUP, is_there, fault, back_up);
        leaves_nothing_behind(&safe, RESTORED, is_there, fault, restore);
    }
}

type Copy = fn(&SimulatedDisk) -> Result<(), StoreError>;

fn leaves_nothing_behind(disk: &SimulatedDisk, target: &str, is_there: bool, fault: Fault, copy: Copy) {
    let disk = disk.after_power_cut(|| true);
    if is_there {
        disk.create_dir(Path::new(target)).unwrap();
    }
    for call in 1..=calls(&disk, copy) {
        let failing = disk.after_power_cut(|| true);
        failing.fail(call, fault);
        if copy(&failing).is_err() {
            let left = read_files(&failing, target);
            assert!(left.is_empty(), "call {call}: {:?}", left.keys());
            copy(&failing).unwrap_or_else(|error| panic!("call {call}: {error}"));
        }
    }
}

type Act = Box<dyn FnMut(&mut GroupCommitHarness, &str, &Path) + Send>;

/// Backs a store up while its server does something before each of the calls that look at the store. Then
/// everything that was OK before is in it, and of what came during it a beginning. Returns how much of that.
fn back_up_beside(disk: &SimulatedDisk, playing: GroupCommitHarness, act: Act) -> usize {
    let before = playing.sent.len();
    let state = Arc::new(Mutex::new((playing, act)));
    let world = state.clone();
    let hook = move |what: &str, path: &Path| {
        if path.starts_with(DATA) {
            let (playing, act) = &mut *world.lock();
            act(playing, what, path);
        }
        Ok(())
    };
    let hooked = InterceptedDisk { disk: disk.clone(), hook: Arc::new(hook) };
    let made = Store::new(Arc::new(hooked), Path::new(DATA)).backup(Path::new(BACKUP));
    let made = made.unwrap_or_else(|error| panic!("{error}"));
    store(disk, RESTORED).restore(&store(disk, BACKUP)).unwrap_or_else(|error| panic!("{error}"));
    let sent = state.lock().0.sent.clone();
    let held: Vec<_> = sent.into_iter().filter(|one| one.seq <= made.last.get()).collect();
    assert!(held.len() >= before, "{} of {before} are in it", held.len());
    serves(Arc::new(disk.clone()), Path::new(RESTORED), &held);
    held.len() - before
}

#[test]
fn a_server_at_work_between_any_two_calls_does_not_tear_a_backup() {
    let mut during = 0;
    for seed in 0..150 {
        let disk = SimulatedDisk::default();
        let mut random = Random::new(seed);
        let mut left = 30;
        let playing = played(&disk);
        during += back_up_beside(
            &disk,
            playing,
            Box::new(move |playing, _, _| {
                if left == 0 || !random.chance(30) {
                    return;
                }
                left -= 1;
                match random.below(10) {
                    0..=4 => _ = playing.send("ana", "luis", "while it runs"),
                    5..=6 => playing.close_segment(),
                    7..=8 => {
                        playing.checkpoint();
                        playing.send("luis", "ana", "after it");
                    }
                    _ => {
                        playing.send("eva", "ana", "before it");
                        playing.checkpoint();
                    }
                }
            }),
        );
    }
    assert!(during > 150, "the server has done too little: {during}");
}

#[test]
fn segments_that_fill_up_while_they_are_copied_leave_no_hole() {
    let disk = SimulatedDisk::default();
    let mut playing = played(&disk);
    // The segment after the one that is written exists, and is the last that will be copied, or the first.
    let mut spare = playing.group_commit.wants_segment().unwrap();
    playing.give_spare(spare);
    back_up_beside(
        &disk,
        playing,
        Box::new(move |playing, what, path| {
            if what == "open" && path.ends_with(format!("{spare:06}.csv")) {
                playing.send("ana", "luis", "the last of its segment");
                playing.close_segment();
                playing.send("ana", "luis", "the first of the next");
                spare += 1;
                playing.give_spare(spare);
            }
        }),
    );
}

#[test]
fn a_server_that_stops_while_it_is_copied_takes_nothing_along() {
    let disk = SimulatedDisk::default();
    let playing = played(&disk);
    let mut stopped = false;
    back_up_beside(
        &disk,
        playing,
        Box::new(move |playing, what, path| {
            // Its last checkpoint takes all segments with it, after the tables were copied.
            if what == "list" && path == Path::new("/data/wal") && !stopped {
                stopped = true;
                playing.last_checkpoint();
            }
        }),
    );
}

#[test]
fn a_message_that_is_filed_while_its_segment_is_waited_for_is_not_lost() {
    let disk = SimulatedDisk::default();
    let playing = played(&disk);
    let mut rounds = 0;
    back_up_beside(
        &disk,
        playing,
        Box::new(move |playing, what, path| {
            if what == "list" && path == Path::new("/data/wal") && rounds < 10 {
                rounds += 1;
                playing.send("ana", "luis", "it goes from the write-ahead log to the history");
                playing.checkpoint();
            }
        }),
    );
}

#[test]
fn real_traffic_backups_one_after_another() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let mut config = Config::on_free_ports(Arc::new(RealDisk), data.clone());
    // Every hundred messages or so a segment is closed, and a checkpoint made as soon as one may be.
    config.sizes = Sizes { segment_bytes: SMALL.segment_bytes + (8 << 10), checkpoint_bytes: 1 };
    let handle = wachat::server::start(config).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let ok = Arc::new(Mutex::new(Vec::new()));
    for name in ["ana", "luis"] {
        Connection::open(handle.send_address()).request(&format!("REGISTER:{name}:{PASSWORD}"));
    }
    let talk = |from: &'static str, to: &'static str| {
        let stop = stop.clone();
        let ok = ok.clone();
        let address = handle.send_address();
        let recv = handle.recv_address();
        std::thread::spawn(move || {
            let mut line = Connection::open(address);
            let mut session = Connection::open(recv);
            for connection in [&mut line, &mut session] {
                connection.request(&format!("LOGIN:{from}:{PASSWORD}"));
            }
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                let id = format!("m{number}");
                let text = format!("hola {number} {}", "x".repeat(number % 100));
                let answer = line.request(&format!("SEND;{id};{to};{text}"));
                let fields: Vec<_> = answer.split(';').map(str::to_owned).collect();
                // Events are acknowledged now and then; the other side may be slower than this one.
                let full = fields[..2] == ["KO", "QUOTA"];
                if full || number % 200 == 0 {
                    session.send("POLL;*;0;1000\n");
                    session.read_list("POLL");
                }
                if full {
                    continue;
                }
                assert_eq!(fields[0], "OK", "{answer}");
                let at = fields[3].clone();
                let seq = fields[4].parse().unwrap();
                ok.lock().push(Sent { from, to, id, text, seq, at });
                number += 1;
            }
        })
    };
    let threads = [talk("ana", "luis"), talk("luis", "ana")];
    let mut segments = Vec::new();
    for number in 0..20 {
        wait_for("traffic", || (ok.lock().len() > number * 200).then_some(()));
        let before = ok.lock().clone();
        let backup = directory.path().join(format!("backup-{number}"));
        let made = Store::new(Arc::new(RealDisk), &data).backup(&backup).unwrap_or_else(|error| panic!("{error}"));
        let restored = directory.path().join(format!("restored-{number}"));
        Store::new(Arc::new(RealDisk), &restored).restore(&Store::new(Arc::new(RealDisk), &backup)).unwrap();
        assert!(made.messages >= before.len() as u64, "{} of {}", made.messages, before.len());
        holds(&restored, &before);
        segments.push(crate::support::store_files::newest_checkpoint(&backup));
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    handle.stop().unwrap();
    let checkpoints: std::collections::BTreeSet<_> =
        segments.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert!(checkpoints.len() >= 3, "too few checkpoints while it ran: {checkpoints:?}");
}

/// A restored store is whole, and has every one of these messages in its history, as it was answered.
fn holds(data: &Path, sent: &[Sent]) {
    // A process that another test is starting has this one's locks for a moment.
    let report = wait_for("the lock", || match Store::new(Arc::new(RealDisk), data).check() {
        Err(StoreError { problem: Problem::Locked, .. }) => None,
        checked => Some(checked.unwrap_or_else(|error| panic!("{error}"))),
    });
    assert!(report.damage.is_empty() && report.notes.is_empty(), "{report:?}");
    let history = std::fs::read_to_string(data.join("history/direct-0-1.csv")).unwrap();
    // Without their checksums.
    let rows: std::collections::HashSet<&str> =
        history.lines().filter_map(|line| Some(line.rsplit_once(';')?.0)).collect();
    for Sent { from, to, id, text, seq, at } in sent {
        assert!(rows.contains(format!("{seq};{id};{from};{to};{at};{text}").as_str()), "{seq} is not there");
    }
}

fn wachat(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(crate::support::WACHAT).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn clients_neither_lose_nor_double_anything_when_their_server_is_restored() {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let mut luis = world.terminal("luis", &[]);
    luis.expect("connected to");
    assert_eq!(exit_code(&world.pipe("ana", "@luis: uno\n@luis: dos\n", &[])), 0);
    luis.expect("ana: dos");

    let data = world.path("data");
    let backup = world.path("backup");
    let (status, told, said) = wachat(&["backup", "--data", path(&data), path(&backup)]);
    assert_eq!((status, said.as_str()), (Some(0), ""), "{told}");
    assert!(told.contains("messages: 2\n") && told.contains("users: 2\n"), "{told}");

    // The restored server does not have later messages.
    assert_eq!(exit_code(&world.pipe("ana", "@luis: tres\n", &[])), 0);
    luis.expect("ana: tres");
    luis.type_line("/msg ana cuatro");
    luis.expect_tick("✓", "@ana: cuatro");
    world.kill();
    std::fs::rename(&data, world.path("lost")).unwrap();
    let (status, told, said) = wachat(&["restore", path(&backup), "--data", path(&data)]);
    assert_eq!((status, said.as_str()), (Some(0), ""), "{told}");
    world.start();

    luis.expect("the server's store is another than last time");
    assert_eq!(exit_code(&world.pipe("ana", "@luis: cinco\n", &[])), 0);
    luis.expect("ana: cinco");
    luis.type_line("/msg ana seis");
    luis.expect_tick("✓", "@ana: seis");
    luis.quit();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("luis: seis");
    ana.quit();
    assert_eq!(world.texts("luis", "IN"), ["uno", "dos", "tres", "cinco"]);
    assert_eq!(world.texts("ana", "OUT"), ["uno", "dos", "tres", "cinco"]);
    assert_eq!(world.texts("luis", "OUT"), ["cuatro", "seis"]);
    // The fourth was on its way to ana, not acknowledged, when the server was lost.
    assert_eq!(world.texts("ana", "IN"), ["seis"]);
}

/// Backs the store of a running server up, kills it, and puts the backup in the place of the store. Returns both directories.
fn replace_by_backup(world: &mut World) -> [PathBuf; 2] {
    let data = world.data();
    let backup = world.path("backup");
    assert_eq!(wachat(&["backup", "--data", path(&data), path(&backup)]).0, Some(0));
    world.kill();
    std::fs::remove_dir_all(&data).unwrap();
    assert_eq!(wachat(&["restore", path(&backup), "--data", path(&data)]).0, Some(0));
    [data, backup]
}

#[test]
fn an_old_id_gets_its_old_answer_from_a_restored_server() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let _luis = world.register("luis");
    let answer = ana.request("SEND;m-1;luis;hola");
    let [data, backup] = replace_by_backup(&mut world);
    let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    for directory in [&data, &backup] {
        assert_eq!(mode(directory) & 0o777, 0o700);
        assert_eq!(mode(&crate::support::store_files::newest_checkpoint(directory)) & 0o777, 0o700);
        assert_eq!(mode(&crate::support::store_files::newest_checkpoint(directory).join("users.csv")) & 0o777, 0o600);
    }
    world.start();
    assert_eq!(world.login("ana").request("SEND;m-1;luis;hola"), answer);
    assert_eq!(world.session("luis").poll(0, 0).len(), 1);
}

#[test]
fn every_flipped_bit_of_a_backup_stops_its_restore() {
    let disk = SimulatedDisk::default();
    played(&disk);
    store(&disk, DATA).backup(Path::new(BACKUP)).unwrap();
    let mut random = Random::new(3);
    for (path, content) in read_files(&disk, BACKUP) {
        let end = content.iter().rposition(|byte| *byte != b'\n').unwrap() + 1;
        for at in (0..8).map(|_| random.below(end as u64) as usize).chain([end - 1]) {
            disk.tamper(&path, |content| content[at] ^= 1);
            let refused = store(&disk, RESTORED).restore(&store(&disk, BACKUP));
            let error = refused.expect_err(&format!("{} byte {at}", path.display()));
            let said = error.to_string();
            let named = said.contains(path.to_str().unwrap()) || said.contains("the backup went to number");
            assert!(named, "{} byte {at}: {said}", path.display());
            assert!(!disk.exists(Path::new(RESTORED)).unwrap(), "{} byte {at}", path.display());
            disk.tamper(&path, |content| content[at] ^= 1);
        }
    }
    store(&disk, RESTORED).restore(&store(&disk, BACKUP)).unwrap();
}

#[test]
fn a_damaged_store_is_not_backed_up_and_its_own_file_is_named() {
    for file in ["checkpoint-000002/users.csv", "history/direct-0-1.csv", "wal/000003.csv"] {
        let disk = SimulatedDisk::default();
        played(&disk);
        let path = Path::new(DATA).join(file);
        disk.tamper(&path, |content| content[40] ^= 1);
        let error = store(&disk, DATA).backup(Path::new(BACKUP)).expect_err(file).to_string();
        assert!(error.starts_with(path.to_str().unwrap()) && error.contains("put back a backup"), "{error}");
        assert!(!disk.exists(Path::new(BACKUP)).unwrap(), "{file}");
    }
}

#[test]
fn an_impossible_request_is_refused_in_one_line() {
    let world = World::without_lobby();
    world.register("ana");
    let data = world.data();
    let directory = TempDir::new().unwrap();
    let there = |name: &str| directory.path().join(name);
    std::fs::create_dir(there("empty")).unwrap();
    std::fs::create_dir(there("full")).unwrap();
    std::fs::write(there("full/letter"), "mine").unwrap();
    std::fs::write(there("file"), "mine").unwrap();
    let inside = data.join("backup");
    let full = there("full");
    let file = there("file");
    let new = there("new");
    let empty = there("empty");
    let data = path(&data);
    let inside = path(&inside);
    let full = path(&full);
    let file = path(&file);
    let new = path(&new);
    let empty = path(&empty);
    for (arguments, want) in [
        (&["backup", "--data", data, full][..], "the directory is not empty"),
        (&["backup", "--data", data, file], "the directory is not empty"),
        (&["backup", "--data", data, data], "name another directory"),
        (&["backup", "--data", data, inside], "name another directory"),
        (&["backup", "--data", empty, new], "there is no store"),
        (&["backup", "--data", full, new], "there is no store"),
        (&["backup", "--data", new, empty], "there is no store"),
        (&["restore", data, "--data", new], "this is no whole backup"),
        (&["restore", new, "--data", empty], "this is no whole backup"),
    ] {
        let (status, told, said) = wachat(arguments);
        assert_eq!((status, told.as_str(), said.lines().count()), (Some(1), "", 1), "{arguments:?}: {said}");
        assert!(said.contains(want), "{arguments:?}: {said}");
        assert!(!Path::new(new).exists() && !Path::new(inside).exists(), "{arguments:?}");
    }
    // An empty directory will do; a used one will not, and a served one neither.
    assert_eq!(wachat(&["backup", "--data", data, empty]).0, Some(0));
    for (arguments, want) in [
        (&["backup", "--data", data, empty][..], "the directory is not empty"),
        (&["restore", empty, "--data", data], "the directory is not empty"),
        (&["restore", empty, "--data", full], "the directory is not empty"),
        (&["restore", empty, "--data", empty], "name another directory"),
        (&["serve", "--send-port", "0", "--recv-port", "0", "--data", empty], "this is a backup"),
        (&["backup", "--data", empty, new], "this is a backup"),
    ] {
        let (status, told, said) = wachat(arguments);
        assert_eq!((status, told.as_str(), said.lines().count()), (Some(1), "", 1), "{arguments:?}: {said}");
        assert!(said.contains(want), "{arguments:?}: {said}");
    }
    let (status, told, _) = wachat(&["check", "--data", empty]);
    assert_eq!(status, Some(0), "{told}");
    for command in ["check", "backup", "restore"] {
        let (status, help, _) = wachat(&[command, "--help"]);
        assert_eq!(status, Some(0));
        assert!(help.contains("Exit codes:"), "{help}");
        assert!(help.contains(&format!(":\n    wachat {command} ")), "{help}");
        assert_eq!(wachat(&[command, "--nothing"]).0, Some(2));
    }
}

#[test]
fn what_owners_and_callees_have_decided_is_in_a_backup() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, _eva] = ["ana", "luis", "eva"].map(|user| world.register(user));
    for request in ["ROOM;#equipo;invite", "TOPIC;#equipo;la entrega", "INVITE;#equipo;luis", "INVITE;#equipo;eva"] {
        assert_eq!(ana.request(request), "OK");
    }
    assert_eq!(luis.request("JOIN;#equipo"), "OK");
    assert!(luis.request("SEND;m-1;#equipo;hola").starts_with("OK;"));
    for request in ["KICK;#equipo;luis", "PERMIT;luis;no", "PERMIT;eva;yes"] {
        assert_eq!(ana.request(request), "OK");
    }
    // In the checkpoint and in the log after it.
    world.stop();
    world.start();
    assert_eq!(world.login("ana").request("INVITE;#equipo;luis"), "OK");
    assert_eq!(world.login("ana").request("KICK;#equipo;eva"), "OK");
    replace_by_backup(&mut world);
    world.start();
    let [mut ana, mut luis, mut eva] = ["ana", "luis", "eva"].map(|user| world.login(user));
    assert_eq!(ana.list("ROOMS"), ["#equipo;1;yes;invite;ana;la entrega"]);
    assert_eq!(ana.list("PERMIT"), ["eva;yes", "luis;no"]);
    ana.expect_ko("ROOM;#equipo;open", "CONFLICT");
    eva.expect_ko("JOIN;#equipo", "NOT_INVITED");
    assert_eq!(luis.request("JOIN;#equipo"), "OK");
    assert_eq!(luis.list("HISTORY;#equipo").len(), 1);
    world.stop();
    world.assert_undamaged();
}
