//! Settings through the real binary: where each comes from, and what is wrong in the file.

use std::fs;
use std::process::{Command, Output};

use crate::support::clients::{all_output, exit_code};
use crate::support::{PASSWORD, WACHAT, World};
use tempfile::TempDir;

/// A directory that is a user's whole home.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("a directory") }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("to make it");
        fs::write(path, text).expect("to write");
    }

    /// `wachat`, as this user runs it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(WACHAT);
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.env("HOME", self.directory.path()).env("WACHAT_PASSWORD", PASSWORD);
        command
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        self.command(arguments).envs(environment.iter().copied()).output().expect("it runs")
    }

    /// Returns the line of `wachat config` for a setting: its value and source. A key that begins with `serve.` is looked
    /// up in the table [serve].
    #[track_caller]
    fn shown(&self, arguments: &[&str], environment: &[(&str, &str)], key: &str) -> String {
        let output = self.run(arguments, environment);
        assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let (client, serve) = text.split_once("[serve]").unwrap_or((&text, ""));
        let (target, key) = match key.strip_prefix("serve.") {
            Some(key) => (serve, key),
            None => (client, key),
        };
        let line = target.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
        let line = line.unwrap_or_else(|| panic!("no {key} in {text}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

const FILE: &str = ".config/wachat/config.toml";

#[test]
fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
    let home = Home::new();
    let config = &["config"][..];
    let flags = &["config", "connect", "--user", "eva", "--send-port", "4"][..];
    let environment = &[("WACHAT_USER", "luis"), ("WACHAT_SEND_PORT", "3"), ("WACHAT_NO_LOBBY", "true")][..];
    assert_eq!(home.shown(config, &[], "send_port"), "send_port = 1666 # default");
    assert_eq!(home.shown(config, &[], "user"), "# user = # not set");
    home.write(FILE, "send_port = 2\nuser = \"ana\"\n\n[serve]\nlobby = false\ntimeout = 20\n");
    assert_eq!(home.shown(config, &[], "send_port"), "send_port = 2 # file, line 1");
    assert_eq!(home.shown(config, &[], "user"), "user = \"ana\" # file, line 2");
    assert_eq!(home.shown(config, &[], "serve.send_port"), "send_port = 1666 # default");
    assert_eq!(home.shown(config, &[], "serve.lobby"), "lobby = false # file, line 5");
    assert_eq!(home.shown(config, &[], "serve.timeout"), "timeout = 20 # file, line 6");
    assert_eq!(home.shown(config, environment, "send_port"), "send_port = 3 # environment, WACHAT_SEND_PORT");
    assert_eq!(home.shown(config, environment, "user"), "user = \"luis\" # environment, WACHAT_USER");
    assert_eq!(home.shown(config, environment, "serve.lobby"), "lobby = false # environment, WACHAT_NO_LOBBY");
    let lobby = &[("WACHAT_NO_LOBBY", "false")][..];
    assert_eq!(home.shown(config, lobby, "serve.lobby"), "lobby = true # environment, WACHAT_NO_LOBBY");
    assert_eq!(home.shown(flags, environment, "send_port"), "send_port = 4 # flag");
    assert_eq!(home.shown(flags, environment, "user"), "user = \"eva\" # flag");
}

#[test]
fn another_file_by_flag_and_by_environment() {
    let home = Home::new();
    home.write(FILE, "recv_port = 1\n");
    home.write("two.toml", "recv_port = 2\n");
    home.write("three.toml", "recv_port = 3\n");
    let environment = &[("WACHAT_CONFIG", "two.toml")][..];
    assert_eq!(home.shown(&["config"], &[], "recv_port"), "recv_port = 1 # file, line 1");
    assert_eq!(home.shown(&["config"], environment, "recv_port"), "recv_port = 2 # file, line 1");
    for flag in [&["config", "--config", "three.toml"][..], &["--config=three.toml", "config"]] {
        assert_eq!(home.shown(flag, environment, "recv_port"), "recv_port = 3 # file, line 1");
    }
    // One that was named has to exist.
    let output = home.run(&["config", "--config", "none.toml"], &[]);
    assert!(exit_code(&output) == 2 && all_output(&output).contains("none.toml"), "{}", all_output(&output));
    let first = |output: &Output| all_output(output).lines().next().unwrap_or_default().to_owned();
    assert!(first(&home.run(&["config"], &[])).ends_with(FILE));
    fs::remove_file(home.directory.path().join(FILE)).expect("to remove it");
    assert!(first(&home.run(&["config"], &[])).ends_with("config.toml: not found"));
}

#[test]
fn the_output_is_a_settings_file() {
    let home = Home::new();
    home.write(FILE, "user = \"a \\\"quoted\\\" name\"\n[serve]\nqueue = 1_000\n");
    let once = home.run(&["config"], &[]);
    home.write("copy.toml", &String::from_utf8(once.stdout).expect("UTF-8"));
    let again = home.run(&["config", "--config", "copy.toml"], &[]);
    assert_eq!(exit_code(&again), 0, "{}", all_output(&again));
    let values = |output: &Output| -> Vec<String> {
        all_output(output).lines().skip(1).map(|line| line.split(" # ").next().unwrap().trim().to_owned()).collect()
    };
    assert_eq!(values(&again), values(&home.run(&["config"], &[])));
    assert!(all_output(&again).contains("queue = 1000 "), "{}", all_output(&again));
}

#[test]
fn commands_of_commands_have_their_settings_too() {
    let home = Home::new();
    home.write(FILE, "server = \"example\"\n[serve]\ndata = \"elsewhere\"\n");
    for (command, want) in [
        (&["config", "bridge", "telegram"][..], "server = \"example\""),
        (&["config", "user", "list"], "data = \"elsewhere\""),
    ] {
        let said = all_output(&home.run(command, &[]));
        assert!(said.contains(want), "{command:?}: {said}");
    }
    let said = all_output(&home.run(&["user", "list"], &[]));
    assert!(said.contains("elsewhere: there is no store"), "{said}");
}

#[test]
fn an_error_in_the_file_is_reported_with_its_line() {
    let home = Home::new();
    for (text, line, what) in [
        ("sever = \"x\"\n", 1, "there is no setting \"sever\"; there are server, send_port"),
        ("\n\n[serve]\nuser = \"ana\"\n", 4, "there is no setting \"user\" in [serve]; there are data, listen"),
        ("[other]\nx = 1\n", 1, "there is no setting \"other\""),
        ("serve = 1\n", 1, "[serve] is a table"),
        ("user = 7\n", 1, "put quotes around it, as in user = \"7\""),
        ("# me\nuser = ana # the first\n", 2, "put quotes around it, as in user = \"ana\""),
        ("server = 192.168.1.7\n", 1, "put quotes around it, as in server = \"192.168.1.7\""),
        ("home = ~/chat\nuser = \"ana\"\n", 1, "put quotes around it, as in home = \"~/chat\""),
        ("lang = es", 1, "put quotes around it, as in lang = \"es\""),
        ("[serve]\nlisten = 0.0.0.0\r\n", 2, "put quotes around it, as in listen = \"0.0.0.0\""),
        ("user = [\"ana\"]\n", 1, "user is a text in quotes"),
        ("# ports\nsend_port = \"7000\"\n", 2, "send_port is a number, without quotes"),
        ("[serve]\nlobby = \"no\"\n", 2, "lobby is true or false, without quotes"),
        ("[serve]\n\nlobby = true\nregistration = \"shut\"\n", 4, "open, auto, closed"),
        ("send_port = 70000\n", 1, "70000 is not in 0..=65535"),
        ("[serve]\ntimeout = 1\n", 2, "a whole number from 5 to 300"),
        ("[serve]\nrate = 1.5\n", 2, "rate is a number"),
        ("user = \"ana\"\nuser = \"eva\"\n", 2, "duplicate key"),
        ("user = \n", 1, ""),
    ] {
        home.write(FILE, text);
        for command in [&["config"][..], &["users"], &["serve"]] {
            let output = home.run(command, &[]);
            let said = all_output(&output);
            assert_eq!((exit_code(&output), said.lines().count()), (2, 1), "{text}: {said}");
            assert!(said.contains(&format!("{FILE}, line {line}: ")) && said.contains(what), "{text}: {said}");
        }
    }
}

#[test]
fn settings_are_what_the_commands_go_by() {
    let world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let home = Home::new();
    home.write("password", PASSWORD);
    let ports = format!("send_port = {}\nrecv_port = {}\n", world.send_port, world.recv_port);
    home.write(FILE, &format!("user = \"ana\"\npassword_file = \"password\"\nhome = \"files\"\n{ports}"));
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = home.command(arguments);
        let output = command.env_remove("WACHAT_PASSWORD").envs(environment.iter().copied()).output().expect("it runs");
        assert_eq!(exit_code(&output), 0, "{arguments:?}: {}", all_output(&output));
        all_output(&output)
    };
    assert_eq!(run(&["send", "luis", "hola"], &[]), "");
    assert!(home.directory.path().join("files").exists());
    assert!(run(&["receive"], &[("WACHAT_USER", "luis")]).ends_with(" ana: hola\n"));
    assert!(
        run(&["history", "--user", "luis", "ana"], &[("WACHAT_USER", "nobody")]).ends_with("delivered ana: hola\n")
    );
}

#[test]
fn the_servers_settings_are_the_servers() {
    let home = Home::new();
    // A client's ports are not the server's, and its password is not that of accounts it makes.
    home.write(
        FILE,
        "send_port = 1\npassword_file = \"nowhere\"\n[serve]\ndata = \"store\"\nsend_port = 0\nrecv_port = 0\nlobby = false\n",
    );
    assert_eq!(exit_code(&home.run(&["user", "add", "ana"], &[])), 0);
    assert!(home.directory.path().join("store").exists());
    assert!(all_output(&home.run(&["user", "list"], &[])).contains("\nana;"));
    let mut child = home.command(&["serve"]).stdout(std::process::Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().expect("its output"));
    std::io::BufRead::read_line(&mut out, &mut line).expect("its first line");
    let port = line.split("send=127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    let mut luis = crate::support::Connection::open(([127, 0, 0, 1], port.parse().expect("a number")).into());
    luis.request(&format!("REGISTER:luis:{PASSWORD}"));
    let rooms = luis.request("ROOMS");
    child.kill().expect("to end it");
    child.wait().expect("its end");
    assert!(line.contains("data=store"), "{line}");
    assert!(rooms == "OK;0" || luis.read_line().contains(";no;"), "luis is in no lobby: {rooms}");
}

#[test]
fn completions_and_manual_pages_name_what_there_is() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = home.run(&["completions", shell], &[]);
        assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
        for word in ["receive", "skip-existing", "wait"] {
            assert!(all_output(&output).contains(word), "{shell} completes {word}");
        }
    }
    assert_eq!(exit_code(&home.run(&["completions", "cmd"], &[])), 2);
    let page = all_output(&home.run(&["man"], &[]));
    assert!(page.contains(".TH wachat 1") && page.contains("wachat\\-receive(1)"), "{page}");
    let page = all_output(&home.run(&["man", "send"], &[]));
    assert!(page.contains("\\-\\-wait") && page.contains("EXIT STATUS"), "{page}");
    assert_eq!(exit_code(&home.run(&["man", "nothing"], &[])), 2);
    // A user's settings do not appear in what is written for all users.
    home.write(FILE, "user = \"somebody\"\n");
    assert!(!all_output(&home.run(&["man", "send"], &[])).contains("somebody"));
    assert!(all_output(&home.run(&["send", "--help"], &[])).contains("[default: somebody]"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_shell_takes_the_completions() {
    let home = Home::new();
    let bash = Command::new("bash").args(["-n", "-c", "true"]).status();
    if bash.is_err() {
        eprintln!("skipped: there is no bash here");
        return;
    }
    home.write("completions", &all_output(&home.run(&["completions", "bash"], &[])));
    let script = "source completions; COMP_WORDS=(wachat rec); COMP_CWORD=1; \
        _wachat wachat rec wachat; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["--norc", "-c", script]).current_dir(home.directory.path()).output();
    assert_eq!(all_output(&output.expect("it runs")), "receive\n");
}

#[test]
fn wrong_keys_of_the_full_screen_are_reported_with_file_and_line() {
    let home = Home::new();
    home.write(FILE, "keys = \"jmp=ctrl-g\"\n");
    let output = home.run(&["connect", "--user", "ana"], &[]);
    let said = all_output(&output);
    assert_eq!(exit_code(&output), 2, "{said}");
    assert!(said.contains("config.toml, line 1") && said.contains("there is no action \"jmp\""), "{said}");
}
