//! A class: its accounts come from a roster, and can be written out as one.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::clients::{all_output, exit_code};
use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, World, run_to_end};
use tempfile::TempDir;
use wachat::store::Problem;

/// A directory with a roster, and a store beside it.
struct Class {
    directory: TempDir,
}

impl Class {
    fn new(roster: impl AsRef<[u8]>) -> Self {
        let class = Self { directory: TempDir::new().expect("a directory") };
        class.write("roster.csv", roster);
        class
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("to write");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `wachat user ...`, in the directory.
    fn user(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(WACHAT);
        command.current_dir(self.directory.path()).arg("user").args(arguments);
        command.env("WACHAT_CONFIG", NO_SETTINGS).env("WACHAT_PASSWORD", PASSWORD).output().expect("it runs")
    }

    #[track_caller]
    fn import(&self, arguments: &[&str]) -> String {
        let output = self.user(&[&["import", "roster.csv"], arguments].concat());
        assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
        all_output(&output)
    }

    /// An import that is refused: what it says. Nothing is made by it.
    #[track_caller]
    fn expect_ko(&self, arguments: &[&str]) -> String {
        let before = self.names();
        let output = self.user(&[&["import", "roster.csv"], arguments].concat());
        assert_eq!((exit_code(&output), output.stdout.len()), (1, 0), "{}", all_output(&output));
        assert_eq!(self.names(), before, "a refused import changes nothing");
        all_output(&output)
    }

    /// The names of all accounts.
    fn names(&self) -> Vec<String> {
        let output = self.user(&["export"]);
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .skip(1)
            .map(|row| row.split(';').next().unwrap().into())
            .collect()
    }

    /// The passwords that were made up. They can be read out: three groups of four, no characters that look alike.
    #[track_caller]
    fn passwords(&self, file: &str) -> Vec<(String, String)> {
        let rows = self.read(file);
        let rows = rows.lines().skip(1).map(|row| row.split(';').map(str::to_owned).collect::<Vec<_>>());
        let passwords: Vec<_> = rows.map(|row| (row[0].clone(), row[1].clone())).collect();
        for (_, password) in &passwords {
            let groups: Vec<_> = password.split('-').map(str::len).collect();
            assert_eq!(groups, [4, 4, 4], "{password}");
            let is_plain = |c: char| c == '-' || c.is_ascii_digit() || c.is_ascii_lowercase();
            assert!(password.chars().all(is_plain) && !password.contains(['i', 'l', 'o', '0', '1']), "{password}");
        }
        passwords
    }

    fn serve(self, flags: &[&str]) -> World {
        World::in_directory(self.directory, flags)
    }
}

fn login(world: &World, name: &str, password: &str) -> String {
    let answer = Connection::open(world.send).request(&format!("LOGIN:{name}:{password}"));
    answer.split(';').take(2).collect::<Vec<_>>().join(";")
}

#[test]
fn a_class_comes_in_and_nobody_else() {
    // As a spreadsheet writes it: a mark, CRLF, an order of its own, quotes, an empty line.
    let class = Class::new(
        "\u{feff}Email,Name,Password\r\nana@example.org,Ana,\r\n,luis,\"una \"\"palabra\"\", larga\"\r\n,,\r\n\r\n,eva,\r\n",
    );
    assert_eq!(class.import(&[]), "3 accounts made; passwords of 2 in passwords.csv\n");
    let mode = fs::metadata(class.path("passwords.csv")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let passwords = class.passwords("passwords.csv");
    assert_eq!(passwords.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Ana", "eva"]);
    assert_ne!(passwords[0].1, passwords[1].1);

    let world = class.serve(&["--registration", "closed"]);
    for (name, password) in &passwords {
        assert_eq!(login(&world, name, password), format!("OK;{name}"));
    }
    assert_eq!(login(&world, "luis", "una \"palabra\", larga"), "OK;luis");
    for stranger in [format!("REGISTER:zoe:{PASSWORD}"), format!("LOGIN:zoe:{PASSWORD}")] {
        let answer = Connection::open(world.send).request(&stranger);
        assert!(answer.starts_with(if stranger.starts_with('R') { "KO;CLOSED;" } else { "KO;AUTH;" }), "{answer}");
    }
    // All of them are in the lobby.
    let mut ana = Connection::open(world.send);
    ana.request(&format!("LOGIN:ana:{}", passwords[0].1));
    assert_eq!(ana.list("MEMBERS;#lobby"), ["Ana;offline", "eva;offline", "luis;offline"]);
}

#[test]
fn no_lobby_for_accounts_that_are_not_to_be_in_it() {
    let class = Class::new("name;password\nana;palabra larga\n");
    class.import(&["--no-lobby"]);
    assert_eq!(exit_code(&class.user(&["add", "luis", "--no-lobby"])), 0);
    assert_eq!(exit_code(&class.user(&["add", "eva"])), 0);
    let world = class.serve(&[]);
    assert_eq!(world.login("ana").list("ROOMS"), ["#lobby;1;no;open;;"], "eva is in it");
}

#[test]
fn every_problem_is_said_with_its_line_and_nothing_is_imported() {
    let class = Class::new(
        "name;password;email\nana;palabra larga;\na/b;;\nluis;corta;\n\nANA;;\n\"eva\nmaria\";;\nzoe;zoezoezoe;no address\nivan;x\n",
    );
    assert_eq!(exit_code(&class.user(&["add", "before"])), 0);
    let said = class.expect_ko(&[]);
    for (line, what) in [
        (3, "\"a/b\": a name is"),
        (4, "a password has at least 8 characters"),
        (6, "ANA is in line 2, too"),
        (7, "\"eva\\nmaria\": a name is"),
        (9, "\"no address\" is not an e-mail address"),
        (10, "2 fields, and the first line has 3"),
    ] {
        let line = format!("wachat: roster.csv, line {line}: {what}");
        assert!(said.contains(&line), "{line:?} in\n{said}");
    }
    assert!(said.lines().count() == 7 && said.ends_with("nothing was imported: 6 to correct\n"), "{said}");
    assert!(!class.path("passwords.csv").exists());

    for (roster, what) in [
        (&b""[..], "line 1: the file is empty"),
        (b"ana\nluis\n", "line 1: there is no column \"ana\""),
        (b"password;email\n", "line 1: the column name is missing"),
        (b"name;name\n", "line 1: the column name is there twice"),
        (b"name\nana\nJos\xe9\n", "line 3: this is not UTF-8"),
        (b"name\nbef0re\n", "line 2: bef0re looks like before, which is taken"),
        (b"name\nluis\nIuis\n1uis\n", "line 4: 1uis looks like luis, in line 2"),
        (b"name\nAdrnin\n", "line 2: Adrnin: no new account is called admin"),
        ("name\nana\na4\u{308}\n".as_bytes(), "line 3: a4\u{308}: in a new name a combining mark"),
        (b"name\nbefore\n", "line 2: before has an account already"),
    ] {
        class.write("roster.csv", roster);
        let said = class.expect_ko(&[]);
        assert!(said.contains(what), "{what:?} in {said}");
    }
    assert_eq!(exit_code(&class.user(&["remove", "before"])), 0);
    let said = class.expect_ko(&["--skip-existing"]);
    assert!(said.contains("line 2: before was removed, and the name stays taken"), "{said}");
}

#[test]
fn a_file_of_passwords_is_never_overwritten() {
    let class = Class::new("name\nana\n");
    class.write("passwords.csv", "mine");
    let said = class.expect_ko(&[]);
    assert!(said.contains("passwords.csv is there already") && !class.path("data").exists(), "{said}");
    assert_eq!(class.read("passwords.csv"), "mine");
    class.import(&["--passwords", "others.csv"]);
    assert_eq!(class.passwords("others.csv")[0].0, "ana");
    // Without generated passwords there is no file of passwords.
    class.write("roster.csv", "name;password\nluis;palabra larga\n");
    assert_eq!(class.import(&[]), "1 accounts made\n");
}

#[test]
fn after_a_crash_the_file_of_passwords_goes_on_where_it_was() {
    let class = Class::new("name;email\nana;ana@example.org\nluis;\neva;\n");
    class.import(&[]);
    let passwords = class.read("passwords.csv");
    // As if the crash had come before the accounts: the file exists, and some are not.
    let crashed = Class::new(&passwords);
    let (_, ana) = &class.passwords("passwords.csv")[0];
    crashed.write("only.csv", format!("name;password\nana;{ana}\n"));
    assert_eq!(exit_code(&crashed.user(&["import", "only.csv"])), 0);
    assert_eq!(crashed.import(&["--skip-existing"]), "2 accounts made; 1 had one already\n");
    assert!(!crashed.path("passwords.csv").exists(), "all passwords were known");
    // The interrupted roster once more: no user without a password is new.
    let roster = "name;password;email\nana;;ana@example.org\nluis;;\neva;;\nzoe;palabra larga;\n";
    crashed.write("roster.csv", roster);
    crashed.write("passwords.csv", &passwords);
    assert_eq!(crashed.import(&["--skip-existing"]), "1 accounts made; 3 had one already\n");
    let passwords = class.passwords("passwords.csv");
    let world = crashed.serve(&["--registration", "closed"]);
    for (name, password) in passwords {
        assert_eq!(login(&world, &name, &password), format!("OK;{name}"));
    }
}

#[test]
fn a_kill_in_the_middle_leaves_all_of_the_class_or_nobody() {
    let names: Vec<_> = (0..24).map(|number| format!("student{number}")).collect();
    for round in 0..8 {
        let class = Class::new(format!("name\n{}\n", names.join("\n")));
        let mut command = Command::new(WACHAT);
        command.current_dir(class.directory.path()).args(["user", "import", "roster.csv"]);
        let mut child = command.env("WACHAT_CONFIG", NO_SETTINGS).stdout(Stdio::null()).spawn().expect("it runs");
        // From the file on it is a matter of the batch alone, within a millisecond or two.
        let deadline = Instant::now() + crate::support::TIMEOUT;
        while !class.path("passwords.csv").exists() {
            assert!(Instant::now() < deadline, "the file did not come");
            std::thread::sleep(Duration::from_micros(100));
        }
        std::thread::sleep(Duration::from_micros(150 * round));
        child.kill().expect("SIGKILL");
        let status = child.wait().expect("its end");
        assert!(status.signal() == Some(9) || status.success(), "{status:?}");
        let there = class.names().len();
        assert!(there == 0 || there == names.len(), "{there} of {} are there", names.len());
        let rows = class.read("passwords.csv").lines().count();
        assert!(rows == names.len() + 1 || there == 0, "no account without its password");
        if there > 0 {
            let different: HashSet<_> =
                class.passwords("passwords.csv").into_iter().map(|(_, made_up)| made_up).collect();
            assert_eq!(different.len(), names.len());
        }
    }
}

#[test]
fn a_whole_school_is_one_batch_of_any_length() {
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let open = || {
        let store = wachat::store::Store::new(std::sync::Arc::new(wachat::disk::RealDisk), &data);
        // A program that another test starts holds the lock, too, from its fork to its exec.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match wachat::server::Offline::open(&store, true) {
                Err(error) if matches!(error.problem, Problem::Locked) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => return opened.expect("the store"),
            }
        }
    };
    let add = |count: usize, class: &str| {
        let account = |number: usize| wachat::model::NewAccount {
            name: wachat::model::UserName::new(&format!("{class}{number}")).expect("a name"),
            password_hash: "$argon2id$of-the-length-that-they-have".repeat(3).into(),
            email: wachat::model::Email::new("student@example.org").expect("an address"),
        };
        open().add_all((0..count).map(account).collect()).expect("room");
    };
    let batches = || -> usize {
        let files = fs::read_dir(data.join("wal")).expect("the write-ahead log").flatten().map(|entry| entry.path());
        files.map(|file| fs::read_to_string(file).expect("a segment").matches("\nCOMMIT;").count()).sum()
    };
    add(6_000, "first");
    assert_eq!(batches(), 1);
    // It does not fit into what is left of the segment: it is in the next one.
    add(12_000, "second");
    assert_eq!((batches(), fs::read_dir(data.join("wal")).expect("the write-ahead log").count()), (2, 2));
    // It is longer than a segment usually is.
    add(20_000, "third");
    assert_eq!((batches(), fs::read_dir(data.join("wal")).expect("the write-ahead log").count()), (3, 3));
    assert_eq!(open().list().len(), 38_000);
}

/// A text that a spreadsheet takes for a formula has a `'` before it in each file, and none in the store.
#[test]
fn an_export_holds_no_formula_and_can_be_imported_again() {
    let students = ["=1+1", "+cmd", "'=eva", "'ana"];
    let rows: String = students.iter().map(|name| format!("'{name};;=a@example.org\n")).collect();
    let rows = rows.replace("''ana", "'ana");
    let class = Class::new(format!("name;password;email\n{rows}"));
    class.import(&[]);
    let begins = |text: &str| text.split('\n').flat_map(|row| row.split(';')).any(|cell| cell.starts_with(['=', '+']));
    let export = all_output(&class.user(&["export"]));
    let list = all_output(&class.user(&["list"]));
    assert!(!begins(&export) && !begins(&class.read("passwords.csv")), "{export}");
    assert_eq!(class.names(), ["'=1+1", "'+cmd", "''=eva", "'ana"]);
    let stored: Vec<_> = list.lines().skip(1).filter_map(|row| row.split(';').next()).collect();
    assert_eq!(stored, students);
    assert!(list.lines().skip(1).all(|row| row.split(';').nth(1) == Some("=a@example.org")), "{list}");
    for copy in [export.clone(), class.read("passwords.csv")] {
        let other = Class::new(copy);
        other.import(&["--passwords", "others.csv"]);
        let again = all_output(&other.user(&["export"]));
        assert_eq!(
            crate::support::connection::without_times(&again),
            crate::support::connection::without_times(&export)
        );
    }
}

#[test]
fn an_export_can_be_imported_again() {
    let class = Class::new("name;password;email\nAna;palabra larga;\"a;b\"\"c@example.org\"\nluis;palabra larga;\n");
    class.import(&[]);
    assert_eq!(exit_code(&class.user(&["remove", "luis"])), 0);
    let output = class.user(&["export"]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    let export = String::from_utf8(output.stdout).expect("UTF-8");
    let rows: Vec<_> = export.lines().map(crate::support::connection::without_times).collect();
    assert_eq!(rows, ["name;email;created_at;last_seen", "Ana;\"a;b\"\"c@example.org\";<at>;"]);
    assert!(!export.contains("argon2"), "no hash leaves the store");
    let other = Class::new(&export);
    other.import(&[]);
    assert_eq!(
        crate::support::connection::without_times(&all_output(&other.user(&["export"]))),
        crate::support::connection::without_times(&export)
    );
    assert_eq!(exit_code(&Class::new("").user(&["export"])), 1, "there is no store");
}

/// Names and addresses are in the export as the roster had them: in the lobby or not, with a password or a made-up one, beside a
/// server or without one, and after a kill.
#[test]
fn the_export_is_the_roster_however_the_accounts_were_made() {
    let mut rows = String::from("name;password;email\n");
    let mut want = Vec::new();
    for (number, password) in [PASSWORD, PASSWORD, "", ""].into_iter().enumerate() {
        let email = if number % 2 == 0 { format!("student{number}@example.org") } else { String::new() };
        rows += &format!("student{number};{password};{email}\n");
        want.push(format!("student{number};{email}"));
    }
    for (is_served, lobby) in [(false, false), (false, true), (true, false), (true, true)] {
        let flags = if lobby { &[][..] } else { &["--no-lobby"] };
        let mut world = World::new(flags);
        fs::write(world.path("roster.csv"), &rows).expect("a roster");
        if !is_served {
            world.kill();
        }
        user_in(&world, &[&["import", "roster.csv"], flags].concat());
        let what = format!("beside a server: {is_served}, in the lobby: {lobby}");
        assert_eq!(exported(&world), want, "{what}");
        if is_served {
            world.kill();
            assert_eq!(exported(&world), want, "{what}, after a kill");
        }
    }
}

/// `wachat user ...` in the directory of a server.
#[track_caller]
fn user_in(world: &World, arguments: &[&str]) -> String {
    let mut command = Command::new(WACHAT);
    command.arg("user").args(arguments).current_dir(world.path(".")).env("WACHAT_CONFIG", NO_SETTINGS);
    let output = command.output().expect("it runs");
    assert_eq!(exit_code(&output), 0, "{arguments:?}: {}", all_output(&output));
    all_output(&output)
}

/// Name and address of each account.
fn exported(world: &World) -> Vec<String> {
    let list = user_in(world, &["export"]);
    list.lines().skip(1).map(|row| row.split(';').take(2).collect::<Vec<_>>().join(";")).collect()
}

#[test]
fn both_work_beside_a_server() {
    let world = World::without_lobby();
    fs::write(world.path("roster.csv"), "name\nana\n").expect("a roster");
    for arguments in [&["import", "roster.csv"][..], &["export"]] {
        let mut command = Command::new(WACHAT);
        command.arg("user").args(arguments).current_dir(world.path(".")).env("WACHAT_CONFIG", NO_SETTINGS);
        assert_eq!(run_to_end(&mut command), (Some(0), String::new()));
    }
    let passwords = fs::read_to_string(world.path("passwords.csv")).expect("the passwords");
    let password = passwords.lines().nth(1).and_then(|line| line.split(';').nth(1)).expect("a password");
    let mut ana = crate::support::Connection::open(world.send);
    assert_eq!(ana.request(&format!("LOGIN:ana:{password}")), "OK;ana;wachat/1");
    // As the server was told: no lobby.
    assert_eq!(ana.list("ROOMS"), [""; 0]);
}

#[test]
fn the_sample_roster_can_be_imported() {
    let class = Class::new(include_bytes!("../../data/roster.csv"));
    assert_eq!(class.import(&[]), "3 accounts made; passwords of 2 in passwords.csv\n");
    assert_eq!(class.names(), ["ana", "luis", "María"]);
}

#[test]
fn an_address_given_when_registering_is_in_the_list() {
    let world = World::new(&[]);
    let output = world.pipe("ana", "", &["--register", "--email", "ana@example.org"]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    assert_eq!(exit_code(&world.pipe("luis", "", &["--register", "--email", "no address"])), 2);
    assert_eq!(exit_code(&world.pipe("luis", "", &["--email", "luis@example.org"])), 2);
    let mut world = world;
    world.kill();
    let mut command = Command::new(WACHAT);
    command.args(["user", "export", "--data"]).arg(world.path("data")).env("WACHAT_CONFIG", NO_SETTINGS);
    let list = all_output(&command.output().expect("it runs"));
    assert!(list.contains("\nana;ana@example.org;"), "{list}");
}
