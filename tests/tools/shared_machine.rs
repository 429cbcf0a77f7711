//! Files and directories that another user of the machine has prepared. The tests that need files of another user
//! run as root, and say that they were skipped elsewhere.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wachat::model::Fingerprint;
use wachat::net::Identity;

use crate::support::world::serve;
use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World, run_to_end, send_signal, tls, wait_until};

/// The number of a user who is not the one of the tests.
const STRANGER: u32 = 54_321;

/// Returns two ports that nothing listens on.
fn free_ports() -> [u16; 2] {
    let held = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    held.each_ref().map(|listener| listener.local_addr().expect("its address").port())
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    fn directory(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(&path).expect("a directory");
        set_mode(&path, mode);
        path
    }

    fn file(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("a file");
        set_mode(&path, mode);
        path
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

fn give_away(path: &Path) -> bool {
    let is_given = chown(path, Some(STRANGER), Some(STRANGER)).is_ok();
    if !is_given {
        println!("skipped: only root can give {} to another user", path.display());
    }
    is_given
}

/// Adds an account to the store in a directory; returns the exit code and what is said.
fn add_account(data: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(WACHAT);
    command.args(["user", "add", "ana", "--data"]).arg(data);
    run_to_end(command.env("WACHAT_CONFIG", NO_SETTINGS).env("WACHAT_PASSWORD", PASSWORD))
}

/// Starts a server that is expected to refuse what it finds.
#[track_caller]
fn assert_refused(data: &Path, options: &[&str], advice: &str) {
    let (code, said) = run_to_end(serve(data, free_ports()).args(options));
    assert_eq!(code, Some(1), "{options:?}: {said}");
    assert!(said.contains(advice), "{options:?}: {said}");
}

#[test]
fn a_store_that_other_users_may_change_is_refused_and_stays_empty() {
    let place = Place::new();
    let cases = [
        ("others", place.directory("others", 0o703), "chmod go-w"),
        ("group", place.directory("group", 0o770), "chmod go-w"),
        (
            "above",
            {
                place.directory("open", 0o777);
                place.directory("open/above", 0o700)
            },
            "chmod +t",
        ),
        (
            "far above",
            {
                place.directory("open/a", 0o755);
                place.directory("open/a/b", 0o700)
            },
            "chmod +t",
        ),
        ("made here", place.0.path().join("open/made"), "chmod +t"),
    ];
    // A group with the number of the user is the user's own; this one is not.
    let group_is_foreign = chown(&cases[1].1, None, Some(STRANGER)).is_ok();
    for (what, data, advice) in cases.iter().filter(|(what, ..)| *what != "group" || group_is_foreign) {
        let (code, said) = add_account(data);
        assert!(code == Some(1) && said.contains(advice), "{what}: {code:?} {said}");
        assert_eq!(fs::read_dir(data).expect("the directory").count(), 0, "{what}: nothing was written");
    }
}

/// The owner of a directory may rename what is in it, whatever its mode is.
#[test]
fn a_store_below_a_directory_of_another_user_is_refused() {
    let place = Place::new();
    for (name, mode) in [("theirs", 0o755), ("sticky", 0o1777)] {
        let above = place.directory(name, mode);
        let data = place.directory(&format!("{name}/data"), 0o700);
        if !give_away(&above) {
            return;
        }
        let (code, said) = add_account(&data);
        assert!(code == Some(1) && said.contains("above it, is another user's (number 54321)"), "{name}: {said}");
        assert_eq!(fs::read_dir(&data).expect("the directory").count(), 0, "{name}: nothing was written");
    }
}

#[test]
fn usual_directories_are_accepted() {
    let place = Place::new();
    place.directory("sticky", 0o1777);
    let own = fs::metadata(place.0.path()).expect("the directory");
    let mut usual = vec![
        place.directory("private", 0o700),
        place.directory("readable", 0o755),
        place.directory("sticky/private", 0o700),
        place.0.path().join("made/with/parents"),
    ];
    if own.uid() == own.gid() {
        place.directory("umask", 0o775);
        usual.push(place.directory("umask/002", 0o775));
    }
    symlink(place.directory("elsewhere", 0o700), place.0.path().join("link")).expect("a link");
    usual.push(place.0.path().join("link"));
    for data in usual {
        let (code, said) = add_account(&data);
        assert_eq!(code, Some(0), "{}: {said}", data.display());
    }
}

#[test]
fn directories_keys_and_traces_of_another_user_are_refused() {
    let place = Place::new();
    let data = place.directory("data", 0o700);
    if !give_away(&data) {
        return;
    }
    assert_refused(&data, &[], "another user's (number 54321)");
    let linked = place.0.path().join("linked");
    symlink(place.directory("own", 0o700), &linked).expect("a link");
    std::os::unix::fs::lchown(&linked, Some(STRANGER), Some(STRANGER)).expect("root");
    assert_refused(&linked, &[], "another user's");
    let trace = place.file("trace.csv", 0o600, "");
    give_away(&trace);
    assert_refused(&place.directory("store", 0o700), &["--trace", &trace.display().to_string()], "another user's");
    assert_eq!(fs::metadata(&trace).expect("the file").len(), 0);
}

#[test]
fn a_key_that_others_may_change_is_refused() {
    let world = World::new(&["--tls"]);
    let place = Place::new();
    let tls = world.data().join("tls");
    let copy = |name: &str, mode| place.file(name, mode, &fs::read_to_string(tls.join(name)).expect("a PEM file"));
    let certificate = copy("certificate.pem", 0o644);
    let key = copy("key.pem", 0o602);
    let files = [certificate.display().to_string(), key.display().to_string()];
    let options = ["--tls", "--cert", &files[0], "--key", &files[1]];
    let data = place.directory("data", 0o700);
    assert_refused(&data, &options, "key.pem: other users may write to it");
    set_mode(&key, 0o600);
    set_mode(&certificate, 0o646);
    assert_refused(&data, &options, "certificate.pem: other users may write to it");
    set_mode(&certificate, 0o644);
    if give_away(&key) {
        assert_refused(&data, &options, "another user's");
    }
}

/// Returns the certificate that a port shows.
fn shown_by(address: SocketAddr) -> Fingerprint {
    let socket = tls::secure(TcpStream::connect(address).expect("a connection")).expect("TLS");
    Fingerprint::of(socket.peer_certificates().first().expect("a certificate"))
}

/// The words of a server about a file, and their cause. Only root can do all of it: `false`.
type Way<'a> = (&'a str, &'a dyn Fn(&Path) -> bool);

/// A cause that stops the start of a server stops it from taking a renewed certificate, too: the former one stays on both ports.
#[test]
fn a_renewed_certificate_that_others_may_change_is_not_taken() {
    let place = Place::new();
    let [certificate, key, linked] = ["certificate.pem", "key.pem", "open.pem"].map(|name| place.0.path().join(name));
    let renew = || {
        let made = Identity::make().expect("a certificate");
        for (path, text) in [&certificate, &key].into_iter().zip(<[String; 2]>::from(made.pem())) {
            let _ = fs::remove_file(path);
            fs::write(path, text).expect("a file");
            set_mode(path, 0o600);
        }
        made.identity().fingerprint()
    };
    let link = |path: &Path| {
        fs::rename(path, &linked).expect("to move it");
        set_mode(&linked, 0o606);
        symlink(&linked, path).expect("a link");
        true
    };
    let mut current = renew();
    let options = ["--cert", &certificate.display().to_string(), "--key", &key.display().to_string()];
    let world = World::new(&options);
    let mut refusals = 0;
    let open = |path: &Path| {
        set_mode(path, 0o602);
        true
    };
    let ways: [Way; 3] = [
        ("other users may write to it", &open),
        ("another user's", &give_away),
        ("other users may write to it", &link),
    ];
    for ((advice, spoil), file) in ways.into_iter().flat_map(|way| [&certificate, &key].map(|file| (way, file))) {
        let renewed = renew();
        if !spoil(file) {
            continue;
        }
        assert_refused(&place.directory("data", 0o700), &options, advice);
        send_signal(world.pid(), "HUP");
        refusals += 1;
        wait_until("the certificate to be refused", || {
            world.addresses().iter().for_each(|port| assert_ne!(shown_by(*port), renewed, "it is taken"));
            world.log().matches("the former certificate stays").count() == refusals
        });
        let said = world.log();
        let last = said.lines().rfind(|line| line.contains("the former certificate stays")).unwrap_or_default();
        assert!(last.contains(advice) && last.contains(&file.display().to_string()), "{advice}: {last}");
        world.addresses().iter().for_each(|port| assert_eq!(shown_by(*port), current, "{advice}"));
        // In order again, it is taken.
        current = renew();
        send_signal(world.pid(), "HUP");
        wait_until("the renewed certificate", || world.addresses().iter().all(|port| shown_by(*port) == current));
    }
}

/// Every file that is made anew is made exclusively: what a link names is neither written to nor created.
#[test]
fn no_new_file_is_written_through_a_link() {
    let mut world = World::new(&[]);
    let place = Place::new();
    world.stop();
    let there = place.file("there", 0o666, "theirs\n");
    let absent = place.0.path().join("absent");
    fs::create_dir(world.data().join("tls")).expect("a directory");
    set_mode(&world.data().join("tls"), 0o700);
    symlink(&there, world.data().join("tls/key.pem.new")).expect("a link");
    symlink(&absent, world.data().join("tls/certificate.pem.new")).expect("a link");
    symlink(&there, world.data().join("control.sock")).expect("a link");
    world.start_with(&["--tls"]);
    assert_eq!(fs::read_to_string(&there).expect("the file"), "theirs\n");
    assert_eq!(fs::metadata(&there).expect("the file").mode() & 0o777, 0o666);
    assert!(!absent.exists(), "nothing is created through a link");
    for name in ["tls/key.pem", "tls/certificate.pem", "control.sock"] {
        let found = fs::symlink_metadata(world.data().join(name)).expect("a file");
        assert!(!found.is_symlink() && found.mode() & 0o777 == 0o600, "{name}: {:o}", found.mode());
    }
    let dangling = place.0.path().join("trace.csv");
    symlink(&absent, &dangling).expect("a link");
    assert_refused(&place.directory("store", 0o700), &["--trace", &dangling.display().to_string()], "trace.csv");
    assert!(!absent.exists(), "no trace is created through a link");
}

/// A class in a directory that others may change would give them the passwords of all.
#[test]
fn a_class_is_not_made_where_others_may_change_it() {
    let place = Place::new();
    let roster = place.file("roster.csv", 0o600, "name\nana\nluis\n");
    let open = place.directory("open", 0o777);
    let mut command = Command::new(WACHAT);
    command.env("WACHAT_CONFIG", NO_SETTINGS).args(["class", "start", "--groups", "1", "--roster"]).arg(roster);
    let (code, said) = run_to_end(command.arg("--dir").arg(open.join("class")));
    assert!(code == Some(1) && said.contains("chmod +t"), "{code:?} {said}");
    let passwords = ["class", "class.new"].map(|name| open.join(name).join("passwords.csv"));
    assert!(passwords.iter().all(|path| !path.exists()));
}
