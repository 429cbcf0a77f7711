//! A class whose servers speak TLS: asked for, and by itself beyond this machine.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use wachat::model::Fingerprint;

use super::Class;
use crate::support::clients::{all_output, exit_code};
use crate::support::{Connection, NO_SETTINGS, WACHAT, send_signal, wait_until};

const ROSTER: &str = "name\nana\nluis\n";

fn fingerprint(class: &Class) -> String {
    let path = class.path("class/tls/certificate.pem");
    Fingerprint::of(&CertificateDer::from_pem_file(path).expect("a certificate")).to_string()
}

/// Returns the cells of a student's row, from the address on.
fn handed_out(class: &Class, name: &str) -> [String; 5] {
    let text = class.read("class/passwords.csv");
    let row = text.lines().find(|line| line.split(';').nth(1) == Some(name)).expect("a row");
    let cells: Vec<_> = row.split(';').skip(3).map(str::to_owned).collect();
    cells.try_into().expect("five cells")
}

/// Types the command that a student was handed out, in a home of its own; returns exit code and output.
fn connect(class: &Class, name: &str) -> (i32, String) {
    let [_, _, _, connect, _] = handed_out(class, name);
    let mut words = connect.split(' ');
    assert_eq!(words.next(), Some("wachat"), "{connect}");
    let mut command = Command::new(WACHAT);
    command.args(words).env("WACHAT_PASSWORD", class.student(name).password).env("HOME", class.path(name));
    command.env_remove("XDG_DATA_HOME").env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C.UTF-8");
    let output = command.stdin(std::process::Stdio::null()).output().expect("it runs");
    (exit_code(&output), all_output(&output))
}

fn start(class: &Class, more: &[&str]) -> Vec<String> {
    class.start_arguments(2).into_iter().chain(more.iter().map(|option| (*option).to_owned())).collect()
}

#[test]
fn with_tls_students_get_the_option_and_the_fingerprint() {
    let class = Class::new(ROSTER, 2);
    let said = class.done(&start(&class, &["--tls"]));
    let shown = fingerprint(&class);
    assert_eq!(said.matches("wachat connect --tls --server 127.0.0.1 --send-port ").count(), 2, "{said}");
    assert!(said.contains(&format!("compare at the first connection: {shown}\n")), "{said}");
    for name in ["ana", "luis"] {
        let student = class.student(name);
        let [server, send, recv, connect, noted] = handed_out(&class, name);
        assert_eq!((student.send.port().to_string(), student.recv.port().to_string()), (send.clone(), recv.clone()));
        let expected =
            format!("wachat connect --tls --server {server} --send-port {send} --recv-port {recv} --user {name}");
        assert_eq!((connect, &noted), (expected, &shown));
    }
    let (code, said) = connect(&class, "ana");
    assert!(code == 0 && said.contains("first connection to") && said.contains(&shown), "{code} {said}");
    let refused = Connection::open(class.student("ana").send).request("LOGIN:ana:x");
    assert!(refused.starts_with("KO;TLS;"), "{refused}");
    // A change of a group, and another start of a server, keep the certificate that students have noted.
    let pid = class.pid(2).expect("a server");
    send_signal(pid, "KILL");
    wait_until("the server to end", || class.pid(2).is_none());
    class.done(&["start"]);
    class.done(&["reset", "1"]);
    class.done(&["add", "eva", "--group", "2"]);
    assert_eq!(fingerprint(&class), shown);
    assert_eq!(class.read("class/passwords.csv").matches(&shown).count(), 3);
    let (code, said) = connect(&class, "ana");
    assert!(code == 0 && !said.contains("first connection"), "{code} {said}");
    let (code, said) = connect(&class, "eva");
    assert!(code == 0 && said.contains(&shown), "{code} {said}");
    assert_eq!(class.board(1)["server"], "up");
    class.done(&["stop"]);
}

#[test]
fn beyond_this_machine_a_class_speaks_tls_by_itself() {
    let class = Class::new(ROSTER, 2);
    let said = class.done(&start(&class, &["--listen", "0.0.0.0"]));
    assert!(said.contains("connect --tls --server ") && said.contains(&fingerprint(&class)), "{said}");
    assert!(!said.contains("who listens"), "{said}");
    assert!(class.read("class/class.csv").starts_with("wachat-class;2;0.0.0.0;10;tls\n"));
    let send = SocketAddr::from(([127, 0, 0, 1], class.base_port));
    assert!(Connection::open(send).request("LOGIN:ana:x").starts_with("KO;TLS;"));
    // It stays as it is, back on this machine too, until something else is asked for.
    class.done(&["stop"]);
    assert!(class.done(&["start", "--listen", "127.0.0.1"]).contains("connect --tls"));
    class.done(&["stop"]);
    let said = class.done(&["start", "--listen", "0.0.0.0", "--clear-text"]);
    assert!(said.contains("who listens to the network reads passwords") && !said.contains("--tls --server"), "{said}");
    assert_eq!(handed_out(&class, "ana")[4], "");
    assert!(Connection::open(send).request("PING").starts_with("KO;SYNTAX;"));
    assert!(class.refused(&["start", "--tls"]).contains("TLS change only while the class is stopped"));
    class.done(&["stop"]);
    assert!(class.done(&["start", "--tls"]).contains("connect --tls"));
    class.done(&["stop"]);
}

/// A class of an earlier version stays in clear text, says so, and gets TLS with a new address beyond this machine.
#[test]
fn a_class_that_was_made_without_tls_can_get_it() {
    let class = Class::started(ROSTER, 2);
    class.done(&["stop"]);
    let file = class.read("class/class.csv");
    let write = |head: &str| {
        let rest = file.split_once('\n').expect("a line").1;
        fs::write(class.path("class/class.csv"), format!("{head}\n{rest}")).expect("to write");
    };
    write("wachat-class;1;0.0.0.0;10");
    let said = class.done(&["start"]);
    assert!(said.contains("who listens to the network reads passwords"), "{said}");
    class.done(&["stop"]);
    write("wachat-class;1;127.0.0.1;10");
    let said = class.done(&["start", "--listen", "0.0.0.0"]);
    assert!(said.contains("connect --tls") && said.contains(&fingerprint(&class)), "{said}");
    class.done(&["stop"]);
    write("wachat-class;2;127.0.0.1;10;perhaps");
    assert!(class.refused(&["start"]).contains("class.csv, line 1: neither tls nor clear-text"));
}

#[test]
fn the_judge_says_that_it_speaks_no_tls() {
    let class = Class::new(ROSTER, 2);
    class.done(&start(&class, &["--tls"]));
    let own = format!("127.0.0.1:{},{}", class.base_port, class.base_port + 1);
    class.done(&["server", "1", &own]);
    let said = class.refused(&["judge", "--only", "login"]);
    assert!(said.contains("group 1: ") && said.contains("the judge speaks clear text alone"), "{said}");
    assert!(!class.path("class/group-1/results.csv").exists(), "it is not graded");
    let mut judge = Command::new(WACHAT);
    let output = judge.args(["judge", "--server", &own, "--only", "login"]).output().expect("it runs");
    assert!(
        all_output(&output).contains("speaks TLS, and the judge speaks clear text alone"),
        "{}",
        all_output(&output)
    );
    class.done(&["stop"]);
}
