//! A forgotten `--tls`: a known server is never spoken to in clear text, and one beyond this machine not without a warning.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, TcpListener};
use std::process::{Command, Output, Stdio};

use wachat::client::link::known_servers::KnownServers;
use wachat::client::link::protection::{ClearText, Protection, leaves_this_machine};
use wachat::client::link::trust::Trust;
use wachat::model::Fingerprint;

use crate::support::clients::{all_output, exit_code};
use crate::support::random::Random;
use crate::support::terminal::Terminal;
use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World, run_to_end, wait_for, wait_until};

/// Programs that open a session, up to their options.
const CLIENTS: [&[&str]; 9] = [
    &["connect", "--plain"],
    &["connect", "--plain", "--register"],
    &["send", "luis", "hola"],
    &["receive"],
    &["history", "luis"],
    &["users"],
    &["rooms"],
    &["talk"],
    &["bridge", "telegram", "--room=#lobby", "--chat-id=1", "--token-file=token", "--api-url=http://127.0.0.1:1"],
];

/// A directory for a client's files.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { directory: tempfile::TempDir::new().expect("a directory") };
        fs::write(place.path("token"), "1:token\n").expect("a file");
        place
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Notes a certificate of a server, and returns the file.
    fn note(&self, server: &str) -> String {
        let known = self.path("known_servers");
        let line = format!("{server};{};2026-01-01T00:00:00.000Z\n", Fingerprint::of(b"its certificate"));
        fs::write(&known, line).expect("a file");
        known
    }

    /// A client of ana that has to find its settings in its options alone.
    fn command(&self, client: &[&str], server: &str, port: u16, more: &[&str]) -> Command {
        let port = port.to_string();
        let mut command = Command::new(WACHAT);
        command.args(client).args(["--user", "ana", "--server", server, "--send-port", &port, "--recv-port", &port]);
        if !["receive", "history", "users", "rooms", "talk"].contains(&client[0]) {
            command.args(["--home", &self.path("home")]);
        }
        command.args(more).current_dir(self.directory.path()).env("HOME", self.path("")).env_remove("XDG_DATA_HOME");
        command.env("WACHAT_CONFIG", NO_SETTINGS).env("WACHAT_PASSWORD", PASSWORD).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }
}

/// A listener that nobody is to connect to.
struct Silent(TcpListener);

impl Silent {
    fn new() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        listener.set_nonblocking(true).expect("to ask it");
        (Self(listener), port)
    }

    #[track_caller]
    fn expect_nobody(&self, what: &str) {
        assert!(self.0.accept().is_err(), "{what} has connected");
    }
}

#[test]
fn a_known_server_is_never_spoken_to_in_clear_text() {
    let (listener, port) = Silent::new();
    let place = Place::new();
    let known = place.note(&format!("127.0.0.1:{port}"));
    for client in CLIENTS {
        let (code, said) = run_to_end(&mut place.command(client, "127.0.0.1", port, &["--known-servers", &known]));
        let expected = if client[0] == "talk" { 1 } else { 3 };
        assert_eq!(code, Some(expected), "{client:?}: {said}");
        for part in [&format!("127.0.0.1:{port} speaks TLS"), "connect with --tls", &known] {
            assert!(said.contains(part), "{client:?}: {said}");
        }
        listener.expect_nobody(&format!("{client:?}"));
    }
    // Without --known-servers it is the file at the usual place.
    let usual = place.directory.path().join(".local/share/wachat");
    fs::create_dir_all(&usual).expect("a directory");
    fs::rename(&known, usual.join("known_servers")).expect("to move it");
    let (code, said) = run_to_end(&mut place.command(&["users"], "127.0.0.1", port, &[]));
    assert_eq!(code, Some(3), "{said}");
    listener.expect_nobody("users");
    // It is said before the password is asked for.
    let arguments = ["connect", "--user", "ana", "--plain", "--send-port", &port.to_string()];
    let arguments = arguments.map(str::to_owned);
    let mut terminal = Terminal::start_program(WACHAT, &arguments, None, &[("HOME", &place.path(""))], [24, 120]);
    assert_eq!(terminal.wait_for_exit(), Some(3), "{}", terminal.screen());
    assert!(terminal.last_screen().contains("connect with --tls"), "{}", terminal.screen());
    assert_eq!(terminal.count("password of ana"), 0, "{}", terminal.screen());
    listener.expect_nobody("connect at a terminal");
}

/// A client that runs in clear text is stopped, too, once another one has noted the server's certificate.
#[test]
fn a_server_that_becomes_known_gets_no_other_connection_in_clear_text() {
    let place = Place::new();
    let known = KnownServers::new(place.path("known_servers").into());
    let clear_text = ClearText::new(Some(known.clone()), &[("localhost", 1666)]).expect("it is not known");
    let protection = Protection::ClearText(clear_text);
    assert!(!protection.addresses("localhost", 1666, 1999).expect("addresses").is_empty());
    known.add("127.0.0.1:1666", Fingerprint::of(b"its certificate")).expect("to note it");
    assert!(protection.addresses("localhost", 1666, 1999).is_err());
    // Under TLS its addresses are known.
    let trust = Trust::new(None, known).expect("TLS");
    assert!(Protection::Tls(trust.into()).addresses("localhost", 1666, 1999).is_ok());
}

/// Hosts, each with its spellings.
const HOSTS: [&[&str]; 4] = [
    &["127.0.0.1", "LOCALHOST", "localhost.", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "[::FFFF:7f00:1]"],
    &["chat.example", "Chat.EXAMPLE", "chat.example.", "CHAT.EXAMPLE."],
    &["2001:db8::1", "[2001:DB8:0:0::1]"],
    &["192.0.2.7", "::ffff:192.0.2.7", "[::ffff:c000:207]"],
];

#[test]
fn a_host_has_one_line_whatever_its_spelling() {
    let (listener, port) = Silent::new();
    let place = Place::new();
    for names in HOSTS {
        for (noted, typed) in names.iter().flat_map(|noted| names.iter().map(move |typed| (noted, typed))) {
            let known = place.note(&format!("{noted}:{port}"));
            let (code, said) = run_to_end(&mut place.command(&["users"], typed, port, &["--known-servers", &known]));
            assert_eq!(code, Some(3), "{noted} is {typed}: {said}");
            // The line is named as the file has it.
            assert!(said.contains(&format!("remove the line of {noted}:{port} ")), "{typed}: {said}");
        }
    }
    listener.expect_nobody("users");
    // Others stay others: another host, another port.
    for noted in ["127.0.0.2", "localhost.example", "host", "128.0.0.1"] {
        let known = KnownServers::new(place.note(&format!("{noted}:{port}")).into());
        assert!(known.find(&format!("localhost:{port}")).expect("to read").is_none(), "{noted}");
    }
    let known = KnownServers::new(place.note(&format!("localhost:{port}")).into());
    assert!(known.find(&format!("localhost:{port}0")).expect("to read").is_none());
}

/// Lines that are none of a server: of a person, or of a crash.
const OTHER_LINES: [&[u8]; 6] =
    [b"# of the course", b"", b"127.0.0.1:1666", b"chat.example:1666;AA:BB", b"\xff\xfe;;", b"chat.example;x;y;z"];

/// A noted server is found again, whatever stands in the file by then, and other lines stay.
#[test]
fn the_last_line_of_each_server_counts_whatever_is_around_it() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let place = Place::new();
        let file = place.path("new/known_servers");
        let known = KnownServers::new(file.clone().into());
        let mut noted = BTreeMap::new();
        for step in 0..40 {
            let host = random.below(HOSTS.len() as u64) as usize;
            let spelling = HOSTS[host][random.below(HOSTS[host].len() as u64) as usize];
            let port = 1_666 + random.below(2);
            let shown = Fingerprint::of(format!("{seed} {step}").as_bytes());
            let before = fs::read(&file).unwrap_or_default();
            match random.below(10) {
                0..5 => {
                    known.add(&format!("{spelling}:{port}"), shown).expect("to note it");
                    noted.insert((host, port), shown);
                    let after = fs::read(&file).expect("the file");
                    assert!(after.starts_with(&before) && after.ends_with(b"\n"), "seed {seed}, step {step}");
                }
                // A person edits the file, whose last line may then lack its end.
                way if step > 0 && !before.is_empty() => {
                    let end = if before.ends_with(b"\n") { &b""[..] } else { b"\n" };
                    let own = format!("{spelling}:{port};{shown};2026-01-01T00:00:00.000Z");
                    let line = if way < 7 { own.as_bytes() } else { OTHER_LINES[random.below(6) as usize] };
                    if way < 7 {
                        noted.insert((host, port), shown);
                    }
                    let feed = if random.chance(50) { &b"\n"[..] } else { b"" };
                    fs::write(&file, [&before, end, line, feed].concat()).expect("to write");
                }
                _ => {}
            }
            for (host, port) in (0..HOSTS.len()).flat_map(|host| [(host, 1_666), (host, 1_667)]) {
                for spelling in HOSTS[host] {
                    let found = known.find(&format!("{spelling}:{port}")).expect("to read");
                    let found = found.map(|found| found.fingerprint);
                    assert_eq!(found, noted.get(&(host, port)).copied(), "seed {seed}, step {step}: {spelling}:{port}");
                }
            }
        }
    }
}

/// Runs `users` under TLS for a server by this name.
fn users(world: &World, server: &str, more: &[&str]) -> Output {
    let [send, recv] = world.addresses().map(|address| address.port().to_string());
    let mut command = Command::new(WACHAT);
    command.args(["users", "--user", "ana", "--server", server, "--send-port", &send, "--recv-port", &recv]);
    command.args(["--known-servers", &world.path("known_servers").display().to_string()]).args(more);
    command.env("WACHAT_CONFIG", NO_SETTINGS).env("WACHAT_PASSWORD", PASSWORD).env("LC_ALL", "C.UTF-8");
    command.output().expect("it runs")
}

/// A certificate that cannot be noted would be taken for a new one at each connection, whoever shows it.
#[test]
fn a_certificate_that_cannot_be_noted_gets_no_password() {
    let world = World::new(&["--tls"]);
    let known = world.path("known_servers").display().to_string();
    assert_eq!(exit_code(&world.pipe("ana", "", &["--register", "--tls", "--known-servers", &known])), 0);
    for known in ["/proc/known_servers", "/dev/null/known_servers"] {
        let output = world.pipe("ana", "", &["--tls", "--known-servers", known]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(exit_code(&output) == 3 && said.contains(known), "{known}: {said}");
    }
}

#[test]
fn under_tls_each_name_of_this_machine_has_the_same_certificate() {
    let mut world = World::new(&["--tls"]);
    let known = world.path("known_servers").display().to_string();
    assert_eq!(exit_code(&world.pipe("ana", "", &["--register", "--tls", "--known-servers", &known])), 0);
    for name in ["localhost", "LOCALHOST", "127.0.0.1"] {
        let output = users(&world, name, &["--tls"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((exit_code(&output), said.as_ref()), (0, ""), "{name} is known");
    }
    let noted = fs::read_to_string(&known).expect("the file");
    assert!(noted.starts_with(&format!("127.0.0.1:{};", world.send_port)) && noted.lines().count() == 1, "{noted}");
    // Another certificate is refused by each name, and in files of earlier versions by each spelling.
    world.stop();
    fs::remove_dir_all(world.data().join("tls")).expect("to remove it");
    world.start();
    for old in ["127.0.0.1", "LOCALHOST", "localhost.", "::1"] {
        let old = format!("{old}:{}", world.send_port);
        fs::write(&known, noted.replace(&format!("127.0.0.1:{}", world.send_port), &old)).expect("to write");
        for name in ["127.0.0.1", "localhost", "LocalHost"] {
            let refused = users(&world, name, &["--tls"]);
            let said = all_output(&refused);
            assert_eq!(exit_code(&refused), 3, "{old} is {name}: {said}");
            assert!(said.contains("HAS CHANGED") && said.contains(&format!("remove the line of {old} ")), "{said}");
        }
    }
}

#[test]
fn bytes_that_may_leave_this_machine_are_those_to_any_other_address_than_loopback() {
    let leaves = |addresses: &[&str]| {
        leaves_this_machine(addresses.iter().map(|address| address.parse::<IpAddr>().expect("an address")))
    };
    for here in [&["127.0.0.1"][..], &["127.3.4.5"], &["::1"], &["::ffff:127.0.0.1"], &["::1", "127.0.0.1"]] {
        assert!(!leaves(here), "{here:?}");
    }
    let others = [&["192.168.1.7"][..], &["0.0.0.0"], &["::"], &["fe80::1"], &["::ffff:10.0.0.1"], &["128.0.0.1"]];
    for beyond in others {
        assert!(leaves(beyond), "{beyond:?}");
    }
    assert!(leaves(&["127.0.0.1", "192.168.1.7"]) && leaves(&["192.168.1.7", "::1"]));
    assert!(leaves(&[]), "a host that has no address yet");
    // If no warning was due, the name of this machine cannot become that of another.
    let here = Protection::ClearText(ClearText::new(None, &[("127.0.0.1", 1666)]).expect("it is not known"));
    assert_eq!(here.addresses("192.0.2.1", 1666, 1666).expect("addresses"), []);
}

/// No address of loopback, and yet one that leads to this machine.
const ANY: &str = "0.0.0.0";

const WARNING: &str = "who listens to the network on the way to ";

/// Returns other addresses of this machine than those of loopback, and a listener there. What is sent there stays here.
fn others() -> Vec<(String, TcpListener)> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    let own = interfaces.map(|interface| interface.ip()).find(|ip| ip.is_ipv4() && !ip.is_loopback());
    let own = own.and_then(|ip| Some((ip.to_string(), TcpListener::bind((ip, 0)).ok()?)));
    [(ANY.to_owned(), TcpListener::bind("127.0.0.1:0").expect("a port"))].into_iter().chain(own).collect()
}

/// Runs a client until it has ended, or has connected twice; closes its connections. Returns what it had said before it
/// connected, and in all.
fn said(place: &Place, client: &[&str], server: &str, listener: &TcpListener) -> [String; 2] {
    listener.set_nonblocking(true).expect("to ask it");
    let port = listener.local_addr().expect("its number").port();
    let file = place.path("said");
    let output = fs::File::create(&file).expect("a file");
    let mut child = place.command(client, server, port, &[]).stderr(output).spawn().expect("it runs");
    let stream = wait_for("a client", || listener.accept().ok());
    let before = fs::read_to_string(&file).expect("the file");
    drop(stream);
    wait_until("its end", || listener.accept().is_ok() || child.try_wait().expect("its state").is_some());
    let _ = child.kill();
    child.wait().expect("its end");
    [before, fs::read_to_string(&file).expect("the file")]
}

#[test]
fn beyond_this_machine_a_client_warns_once_before_it_connects() {
    let place = Place::new();
    for (server, listener) in others() {
        for client in CLIENTS {
            let [before, after] = said(&place, client, &server, &listener);
            assert!(before.contains(&format!("{WARNING}{server}:")), "{client:?} {server}: {before:?}, {after:?}");
            assert_eq!(after.matches(WARNING).count(), 1, "{client:?} {server}: {after:?}");
        }
    }
    let here = TcpListener::bind("127.0.0.1:0").expect("a port");
    for server in ["127.0.0.1", "localhost"] {
        for client in CLIENTS {
            let [_, after] = said(&place, client, server, &here);
            assert!(!after.contains(WARNING), "{client:?} {server}: {after:?}");
        }
    }
}

#[test]
fn at_a_terminal_the_warning_comes_before_the_password_is_asked_for() {
    let world = World::new(&[]);
    world.register("ana");
    for is_plain in [true, false] {
        let mut arguments = world.arguments("ana", &["--server", ANY]);
        arguments.retain(|argument| is_plain || argument != "--plain");
        let mut ana = Terminal::start_with_password(&arguments, None);
        ana.expect("password of ana: ");
        let screen = ana.screen();
        let warning = screen.find(WARNING);
        let question = screen.find("password of ana: ");
        assert!(warning.is_some() && warning < question, "{screen}");
        ana.wait_until_hidden();
        ana.type_line(PASSWORD);
        ana.expect(if is_plain { "connected to" } else { "#lobby" });
        ana.quit();
        assert_eq!(ana.last_screen().matches(WARNING).count(), 1, "{}", ana.screen());
    }
    let mut ana = Terminal::start_with_password(&world.arguments("ana", &[]), None);
    ana.expect("password of ana: ");
    assert_eq!(ana.count(WARNING), 0, "{}", ana.screen());
    ana.kill();
}

#[test]
fn a_message_beyond_this_machine_is_sent_with_one_warning() {
    let world = World::new(&[]);
    let output = world.pipe("ana", "@ana: hola\n", &["--register", "--server", ANY]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((exit_code(&output), said.lines().count()), (0, 1), "{said}");
    assert!(said.contains(WARNING), "{said}");
    assert_eq!(String::from_utf8_lossy(&world.pipe("ana", "@ana: hola\n", &[]).stderr), "");
}

/// A file that others may write does not decide, in clear text either.
#[test]
fn a_file_of_known_servers_that_others_may_write_stops_a_client_in_clear_text() {
    use std::os::unix::fs::PermissionsExt as _;
    let (listener, port) = Silent::new();
    let place = Place::new();
    let known = place.note("chat.example:1666");
    fs::set_permissions(&known, fs::Permissions::from_mode(0o666)).expect("to set it");
    let (code, said) = run_to_end(&mut place.command(&["users"], "127.0.0.1", port, &["--known-servers", &known]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&known), "{said}");
    listener.expect_nobody("users");
}
