//! Upgrading as `examples/deploy/README.md` describes it: the commands of the page lead to another program and back, and
//! the program of the last release writes to the one of this version.
//!
//! The last release is built from its commit, which takes minutes: the tests that need it are ignored unless asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::docs::deploy::exec_start;
use crate::docs::page::{DEPLOY, read, section, shell_block};
use crate::support::clients::all_output;
use crate::support::last_release::{self, releases};
use crate::support::{NO_SETTINGS, PASSWORD, Terminal, WACHAT, World};
use tempfile::TempDir;

/// Starts a client at a terminal. All clients of a world share a file of known servers.
fn client(program: &Path, world: &World, user: &str) -> Terminal {
    client_with(program, world, user, &[])
}

fn client_with(program: &Path, world: &World, user: &str, more: &[&str]) -> Terminal {
    let known = world.path("known").display().to_string();
    let arguments = world.arguments(user, &[&["--register", "--tls", "--known-servers", &known], more].concat());
    let program = program.to_str().expect("a path");
    let terminal = Terminal::start_program(program, &arguments, Some(PASSWORD), &[], [50, 200]);
    terminal.expect("* connected");
    terminal
}

/// Sends a text from one client to the other, and waits until it is shown there.
fn say(from: &Terminal, to: &Terminal, line: &str, shown: &str) {
    from.type_line(line);
    to.expect(shown);
}

/// A machine on which wachat is installed: the directory of its world stands for `/usr/bin` and `/var/lib`.
struct Installed {
    world: World,
}

impl Installed {
    fn new(program: &Path) -> Self {
        let directory = TempDir::new().expect("a directory");
        let bin = directory.path().join("bin");
        let data = directory.path().join("lib/wachat/data");
        std::fs::create_dir(&bin).expect("a directory");
        // By another process, as `World` copies a program that it runs.
        let copied = Command::new("cp").arg(program).arg(bin.join("wachat")).status().expect("cp");
        assert!(copied.success(), "a copy of the program");
        Self { world: World::of_program(&bin.join("wachat"), directory, &data, &["--tls"]) }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.world.path(&path.replace("/usr/bin", "bin").replace("/var/lib", "lib"))
    }

    /// Returns whether this program is the installed one.
    fn has(&self, program: &Path) -> bool {
        std::fs::read(self.path("/usr/bin/wachat")).expect("a program") == std::fs::read(program).expect("a program")
    }

    /// Runs the commands of a block of the page; what systemd does, this does.
    fn play(&mut self, block: &str) {
        for line in shell_block(DEPLOY, block) {
            match line.split_once(" wachat.service") {
                Some(("systemctl stop", _)) => _ = self.world.stop(),
                Some(("systemctl start", _)) => _ = self.world.start(),
                Some(("systemctl restart", _)) => {
                    self.world.stop();
                    self.world.start();
                }
                _ if line == "systemctl start wachat-backup.service" => {
                    self.run(&exec_start("wachat-backup.service", &self.path("/var/lib")).join(" "));
                }
                _ => self.run(&without_systemd(&line)),
            }
        }
    }

    /// Runs a command in a shell. The program of this version stands for the one that was built.
    fn run(&self, command: &str) {
        let lib = self.path("/var/lib");
        let backup = backup_in(&lib.join("wachat-backups")).unwrap_or_default();
        let bin = self.path("/usr/bin").display().to_string();
        let command = command.replace("/usr/bin", &bin).replace("/var/lib", lib.to_str().expect("a path"));
        let command = command.replace("target/release/wachat", WACHAT).replace("DIRECTORY", &backup);
        let path = format!("{bin}:{}", std::env::var("PATH").expect("a path"));
        let mut shell = Command::new("sh");
        let output = shell.args(["-ec", &command]).env("PATH", path).env("WACHAT_CONFIG", NO_SETTINGS).output();
        let output = output.expect("a shell");
        assert!(output.status.success(), "{command}: {}", all_output(&output));
    }
}

/// Returns the name of the backup in a folder.
fn backup_in(folder: &Path) -> Option<String> {
    let mut entries = std::fs::read_dir(folder).ok()?.flatten();
    let backup = entries.find(|entry| entry.path().join("backup.csv").exists())?;
    backup.file_name().into_string().ok()
}

/// Returns the command that `systemd-run` would run as the user of the server.
fn without_systemd(line: &str) -> String {
    let ran = line.strip_prefix("systemd-run ").and_then(|line| line.find(" wachat restore ").map(|at| &line[at..]));
    ran.unwrap_or(line).trim().to_owned()
}

/// Upgrades a server from this program to the one of this version, while clients are connected, and goes the way back.
fn upgrade_and_return(old: &Path) {
    let mut machine = Installed::new(old);
    let ana = client(old, &machine.world, "ana");
    let luis = client(Path::new(WACHAT), &machine.world, "luis");
    say(&ana, &luis, "@luis: before", "ana: before");

    machine.play("upgrade");
    assert!(machine.has(Path::new(WACHAT)));
    say(&ana, &luis, "@luis: upgraded", "ana: upgraded");
    say(&luis, &ana, "@ana: indeed", "luis: indeed");

    machine.play("way-back");
    machine.play("put-back");
    assert!(machine.has(old));
    for client in [&ana, &luis] {
        client.expect("the server's store is another than last time");
    }
    say(&ana, &luis, "@luis: and back", "ana: and back");
    // The server has what the backup has; a client keeps all.
    assert_eq!(on_the_server(&machine.world), ["before", "and back"]);
    let mut kept = machine.world.texts("luis", "IN");
    kept.sort_unstable();
    assert_eq!(kept, ["and back", "before", "upgraded"]);
}

/// Returns the texts that the server has of luis and ana.
fn on_the_server(world: &World) -> Vec<String> {
    let [send, recv] = [world.send_port, world.recv_port].map(|port| port.to_string());
    let mut history = Command::new(WACHAT);
    history.args(["history", "--user", "luis", "ana", "--json", "--send-port", &send, "--recv-port", &recv, "--tls"]);
    history.arg("--known-servers").arg(world.path("known"));
    let output = history.env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS).output().expect("it runs");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let text =
        |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["text"].as_str().map(str::to_owned);
    lines.lines().filter_map(text).collect()
}

#[test]
fn the_commands_of_the_page_upgrade_a_server_and_lead_back() {
    upgrade_and_return(Path::new(WACHAT));
}

#[test]
#[ignore = "builds the program of the last release"]
fn the_last_release_is_upgraded_and_the_way_back_leads_to_it() {
    upgrade_and_return(&last_release::build());
}

#[test]
#[ignore = "builds the program of the last release"]
fn the_last_release_and_this_version_write_to_each_other_by_a_server_of_either() {
    let old = last_release::build();
    let new = Path::new(WACHAT);
    for server in [&old, new] {
        let directory = TempDir::new().expect("a directory");
        let data = directory.path().join("data");
        let world = World::of_program(server, directory, &data, &["--tls"]);
        let mut ana = client(&old, &world, "ana");
        let mut luis = client(new, &world, "luis");
        say(&ana, &luis, "@luis: ¿qué tal?", "ana: ¿qué tal?");
        ana.expect_tick("✓✓ read", "@luis: ¿qué tal?");
        say(&luis, &ana, "@ana: bien", "luis: bien");
        luis.expect_tick("✓✓ read", "@ana: bien");
        say(&ana, &luis, "@#lobby: hola a todos", "ana: hola a todos");
        say(&luis, &ana, "@#lobby: ¡buenas!", "luis: ¡buenas!");
        say(&ana, &luis, "/p2p luis", "ana has opened a direct chat with you");
        luis.type_line("/p2p ana");
        say(&ana, &luis, "al oído", "ana (direct): al oído");
        say(&luis, &ana, "te oigo", "luis (direct): te oigo");
        ana.quit();
        luis.quit();
        // This version goes on with the files of the old client.
        let mut ana = client(new, &world, "ana");
        say(&ana, &ana, "/history luis", "luis: bien");
        ana.expect("¿qué tal? ✓✓ read");
        ana.quit();
    }
}

/// An old client, which logs in by LOGIN, and one of this version, a device, are the same user at the same time.
#[test]
#[ignore = "builds the program of the last release"]
fn the_last_release_and_this_version_are_one_user_on_a_server_of_this_version() {
    let old = last_release::build();
    let new = Path::new(WACHAT);
    let directory = TempDir::new().expect("a directory");
    let data = directory.path().join("data");
    let world = World::of_program(new, directory, &data, &["--tls"]);
    let home = world.path("second").display().to_string();
    let mut nameless = client(&old, &world, "ana");
    let mut device = client_with(new, &world, "ana", &["--home", &home]);
    let mut luis = client(new, &world, "luis");
    say(&luis, &nameless, "@ana: a las dos", "luis: a las dos");
    device.expect("luis: a las dos");
    // What either sends is a message of ana's on the device. The session without one gets no own messages, but their states: its
    // client asks HISTORY for what it is told of, and shows it once.
    say(&nameless, &luis, "@luis: por LOGIN", "ana: por LOGIN");
    device.expect("ana: por LOGIN ✓");
    say(&device, &luis, "@luis: por DEVICE", "ana: por DEVICE");
    device.expect_tick("✓✓ read", "@luis: por DEVICE");
    say(&luis, &nameless, "@ana: y otra vez", "luis: y otra vez");
    device.expect("luis: y otra vez");
    nameless.expect("ana: por DEVICE");
    assert_eq!(nameless.count("por DEVICE"), 1, "{}", nameless.screen());
    for shown in ["luis: a las dos", "luis: y otra vez"] {
        assert_eq!((nameless.count(shown), device.count(shown)), (1, 1), "{shown}");
    }
    [&mut nameless, &mut device, &mut luis].into_iter().for_each(Terminal::quit);
}

#[test]
fn the_changelog_names_the_commit_of_each_release_and_has_the_next_one_on_top() {
    let changelog = section(DEPLOY, "Changelog");
    let headings: Vec<_> = changelog.iter().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(headings.first(), Some(&"Not released yet"), "{headings:?}");
    let releases = releases();
    assert_eq!(releases.len(), headings.len() - 1, "{headings:?}");
    for (version, commit) in &releases {
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
        assert!(commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{version}: {commit}");
        let store = format!("tests/durability/stores/{version}");
        assert!(crate::docs::page::path(&store).is_dir(), "there is no {store}");
    }
    let empty = changelog.windows(3).find(|lines| lines[0].starts_with("### ") && !lines[2].starts_with("- "));
    assert_eq!(empty, None, "a version without a change");
    assert!(read("tests/README.md").contains("cargo test --locked --test suite the_last_release -- --ignored"));
}
