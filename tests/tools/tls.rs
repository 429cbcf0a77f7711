//! `serve --tls` and clients: which certificate is trusted, and what people are told.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use wachat::model::Fingerprint;
use wachat::net::{LineReader, Socket};

use crate::support::clients::exit_code;
use crate::support::tls::copied;
use crate::support::{NO_SETTINGS, PASSWORD, TIMEOUT, WACHAT, World, run_to_end};

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A world whose server speaks TLS, with a client's file of known certificates.
struct Place {
    world: World,
}

impl Place {
    fn new(options: &[&str]) -> Self {
        Self { world: World::new(options) }
    }

    fn known(&self) -> String {
        self.world.path("known_servers").display().to_string()
    }

    /// Sends a message of the user ana to the same user; the account is created when it is missing.
    fn send(&self, more: &[&str]) -> Output {
        let known = self.known();
        self.world.pipe("ana", "@ana: hola\n", &[&["--register", "--known-servers", &known], more].concat())
    }

    fn fingerprint(&self) -> String {
        let output = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(self.world.data().join("tls/certificate.pem"))
            .output();
        // Without the tool its sum is taken from the server's own line.
        let printed = output.map(|output| String::from_utf8(output.stdout).expect("UTF-8")).unwrap_or_default();
        printed.trim().split('=').next_back().unwrap_or_default().to_owned()
    }
}

#[test]
fn the_first_certificate_is_shown_and_noted_and_another_one_is_refused_loudly() {
    let mut place = Place::new(&["--tls"]);
    let first = place.send(&["--tls"]);
    assert_eq!(exit_code(&first), 0, "{}", stderr(&first));
    let said = stderr(&first);
    assert!(said.contains("first connection to 127.0.0.1:") && said.contains(&place.fingerprint()), "{said}");
    assert!(said.contains(&place.known()), "{said}");
    // It is said once, and noted where others cannot write.
    let second = place.send(&["--tls"]);
    assert_eq!((exit_code(&second), stderr(&second)), (0, String::new()));
    let noted = std::fs::read_to_string(place.known()).unwrap();
    assert_eq!(noted.lines().count(), 1, "{noted}");
    // Another certificate: the server's, or that of another machine in its place.
    place.world.stop();
    std::fs::remove_dir_all(place.world.data().join("tls")).unwrap();
    place.world.start();
    let changed = place.send(&["--tls"]);
    let said = stderr(&changed);
    assert_eq!(exit_code(&changed), 3, "{said}");
    assert!(said.contains("HAS CHANGED") && said.contains("nothing was sent"), "{said}");
    assert!(said.contains(&place.fingerprint()) && said.contains(&place.known()), "{said}");
    assert_eq!(std::fs::read_to_string(place.known()).unwrap(), noted);
    // As the message says: without the line the new one is noted.
    std::fs::write(place.known(), "").unwrap();
    assert_eq!(exit_code(&place.send(&["--tls"])), 0);
}

#[test]
fn clear_text_and_tls_notice_each_other() {
    let place = Place::new(&["--tls"]);
    let plain = place.send(&[]);
    assert_eq!(exit_code(&plain), 3);
    assert!(stderr(&plain).contains("connect with --tls"), "{}", stderr(&plain));
    let place = Place::new(&[]);
    let secure = place.send(&["--tls"]);
    assert_eq!(exit_code(&secure), 3);
    assert!(stderr(&secure).contains("does not speak TLS; leave out --tls"), "{}", stderr(&secure));
    assert!(!Path::new(&place.known()).exists(), "nothing is noted");
}

/// Notes certificates: lines of the client's file.
fn note(place: &Place, lines: &[(String, String)]) {
    let lines = lines.iter().map(|(server, shown)| format!("{server};{shown};2026-01-01T00:00:00.000Z\n"));
    std::fs::write(place.known(), lines.collect::<String>()).unwrap();
}

/// A fingerprint counts for the server of its own line alone, and of its lines the last one counts.
#[test]
fn a_certificate_is_noted_for_one_server() {
    let place = Place::new(&["--tls"]);
    let port = place.world.send_port;
    let server = format!("127.0.0.1:{port}");
    let shown = certificate(&place).to_string();
    let other = Fingerprint::of(b"another certificate").to_string();
    let strangers = [
        format!("127.0.0.2:{port}"),
        format!("127.0.0.1:{}", place.world.recv_port),
        format!("127.0.0.1:{port}0"),
        format!("1{server}"),
        "127.0.0.1".to_owned(),
        "chat.example:1666".to_owned(),
    ];
    let strangers: Vec<_> = strangers.into_iter().map(|name| (name, shown.clone())).collect();
    let own = |shown: &String| vec![(server.clone(), shown.clone())];
    for lines in [
        [own(&other), strangers.clone()].concat(),
        [strangers.clone(), own(&other)].concat(),
        [own(&shown), strangers.clone(), own(&other)].concat(),
    ] {
        note(&place, &lines);
        let refused = place.send(&["--tls"]);
        assert_eq!(exit_code(&refused), 3, "{lines:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("HAS CHANGED") && stderr(&refused).contains(&other), "{}", stderr(&refused));
    }
    note(&place, &[own(&other), own(&shown)].concat());
    assert_eq!(exit_code(&place.send(&["--tls"])), 0);
    // With the lines of others alone it is a first connection.
    note(&place, &strangers);
    let first = place.send(&["--tls"]);
    assert!(stderr(&first).contains(&format!("first connection to {server}")), "{}", stderr(&first));
    assert_eq!(std::fs::read_to_string(place.known()).unwrap().lines().count(), strangers.len() + 1);
}

fn certificate(place: &Place) -> Fingerprint {
    let pem = place.world.data().join("tls/certificate.pem");
    Fingerprint::of(&CertificateDer::from_pem_file(pem).unwrap())
}

/// Each server shows its certificate to all who connect: a copy of it is not the server.
#[test]
fn a_copy_of_the_certificate_without_its_key_is_sent_nothing() {
    let mut place = Place::new(&["--tls"]);
    let pem = CertificateDer::from_pem_file(place.world.data().join("tls/certificate.pem")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, came) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let config = Arc::new(copied(&pem).1);
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).expect("TLS");
            let socket = Arc::new(Socket::under_tls(stream.unwrap(), connection.into()).unwrap());
            let _ = socket.shake_hands(Instant::now() + TIMEOUT);
            let line =
                LineReader::new(socket, TIMEOUT).next_line().map(|line| String::from_utf8_lossy(line).into_owned());
            let _ = sender.send(line.ok());
        }
    });
    place.world.send_port = port;
    place.world.recv_port = port;
    // Known by this very certificate, and met for the first time.
    for known in [vec![(format!("127.0.0.1:{port}"), certificate(&place).to_string())], Vec::new()] {
        note(&place, &known);
        let noted = std::fs::read_to_string(place.known()).unwrap();
        let refused = place.send(&["--tls"]);
        assert_ne!(exit_code(&refused), 0, "{}", stderr(&refused));
        assert_eq!(came.recv_timeout(TIMEOUT).unwrap(), None, "a client has sent this");
        assert_eq!(std::fs::read_to_string(place.known()).unwrap(), noted, "it is not noted");
    }
}

/// An authority, and a certificate that it has issued for a name.
fn issued_for(name: &str, directory: &Path) -> [String; 3] {
    issued_until(name, 4096, directory)
}

/// It ends with the begin of this year.
fn issued_until(name: &str, year: i32, directory: &Path) -> [String; 3] {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let files = [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())];
    files.map(|(name, text)| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    })
}

#[test]
fn with_ca_only_an_authority_counts() {
    let directory = tempfile::TempDir::new().unwrap();
    let [ca, cert, key] = issued_for("127.0.0.1", directory.path());
    let place = Place::new(&["--cert", &cert, "--key", &key]);
    let vouched = place.send(&["--ca", &ca]);
    assert_eq!((exit_code(&vouched), stderr(&vouched)), (0, String::new()));
    assert!(!Path::new(&place.known()).exists(), "nothing is noted");
    // Another authority, the same one for another name, and a certificate that nobody vouches for.
    let other = tempfile::TempDir::new().unwrap();
    let [other_ca, other_cert, other_key] = issued_for("chat.example", other.path());
    let refused = |place: &Place, ca: &str| {
        let output = place.send(&["--ca", ca]);
        assert_eq!(exit_code(&output), 3, "{}", stderr(&output));
        assert!(stderr(&output).contains("no authority of --ca vouches"), "{}", stderr(&output));
    };
    refused(&place, &other_ca);
    refused(&Place::new(&["--cert", &other_cert, "--key", &other_key]), &other_ca);
    refused(&Place::new(&["--tls"]), &ca);
    let missing = place.send(&["--ca", "/nowhere/ca.pem"]);
    assert_eq!(exit_code(&missing), 2);
    assert!(stderr(&missing).contains("/nowhere/ca.pem"), "{}", stderr(&missing));
}

/// The decision of a client: by the authority of `--ca` alone, or without one by what is noted. The file of known certificates is
/// changed by a first connection alone.
#[track_caller]
fn expect_decision(place: &Place, shown: Fingerprint, noted: Option<Fingerprint>, ca: Option<(&str, bool)>) {
    let server = format!("127.0.0.1:{}", place.world.send_port);
    note(place, &noted.map(|noted| (server.clone(), noted.to_string())).into_iter().collect::<Vec<_>>());
    let before = std::fs::read_to_string(place.known()).unwrap();
    let output = match ca {
        Some((ca, _)) => place.send(&["--ca", ca]),
        None => place.send(&["--tls"]),
    };
    let code = exit_code(&output);
    let said = stderr(&output);
    let after = std::fs::read_to_string(place.known()).unwrap();
    let added = after.strip_prefix(&before).expect("a line at most is added");
    let what = format!("noted {noted:?}, --ca {ca:?}: {said}");
    let (expected, part, lines) = match (ca, noted) {
        (Some((_, true)), _) => (0, "", 0),
        (Some((_, false)), _) => (3, "no authority of --ca vouches", 0),
        (None, None) => (0, "first connection to", 1),
        (None, Some(noted)) if noted == shown => (0, "", 0),
        (None, Some(_)) => (3, "HAS CHANGED", 0),
    };
    assert_eq!((code, added.lines().count()), (expected, lines), "{what}");
    assert!(said.contains(part) && said.is_empty() == part.is_empty(), "{what}");
    assert!(lines == 0 || added.starts_with(&format!("{server};{shown};")), "{added}");
}

#[test]
fn an_authority_and_what_is_noted_decide_each_for_itself() {
    let [right, other, elsewhere, expired] = [(); 4].map(|()| tempfile::TempDir::new().unwrap());
    let [ca, cert, key] = issued_for("127.0.0.1", right.path());
    let [other_ca, ..] = issued_for("127.0.0.1", other.path());
    let another = Fingerprint::of(b"another certificate");
    for is_vouched in [true, false] {
        let named = ["--cert", &cert, "--key", &key];
        let place = Place::new(if is_vouched { &named } else { &["--tls"] });
        let shown = if is_vouched {
            Fingerprint::of(&CertificateDer::from_pem_file(&cert).unwrap())
        } else {
            certificate(&place)
        };
        for noted in [None, Some(shown), Some(another)] {
            for ca in [None, Some((ca.as_str(), is_vouched)), Some((other_ca.as_str(), false))] {
                expect_decision(&place, shown, noted, ca);
            }
        }
    }
    // The authority has issued it, but for another host, or not until today.
    for [ca, cert, key] in
        [issued_for("chat.example", elsewhere.path()), issued_until("127.0.0.1", 2_020, expired.path())]
    {
        let place = Place::new(&["--cert", &cert, "--key", &key]);
        let shown = Fingerprint::of(&CertificateDer::from_pem_file(&cert).unwrap());
        for noted in [None, Some(shown)] {
            expect_decision(&place, shown, noted, Some((&ca, false)));
        }
    }
}

#[test]
fn scripts_speak_tls_too() {
    let place = Place::new(&["--tls"]);
    place.send(&["--tls"]);
    let known = place.known();
    let ports = place.world.addresses().map(|address| address.port().to_string());
    let run = |command: &str, more: &[&str]| {
        let mut program = Command::new(WACHAT);
        program.arg(command).args(["--user", "ana", "--send-port", &ports[0], "--recv-port", &ports[1]]);
        program.args(["--tls", "--known-servers", &known]).args(more).env("WACHAT_PASSWORD", PASSWORD);
        let output = program.env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C.UTF-8").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let home = place.world.path("home").display().to_string();
    run("send", &["--home", &home, "ana", "otra"]);
    assert!(run("users", &[]).contains("ana"));
    assert!(run("rooms", &[]).contains("#lobby"));
    assert!(run("history", &["ana"]).contains("ana: otra"));
    let received = run("receive", &[]);
    assert!(received.contains("ana: hola") && received.contains("ana: otra"), "{received}");
}

/// Runs a server up to its last line for people, and returns what it says.
fn said_by_server(options: &[&str]) -> String {
    use std::io::{BufRead as _, BufReader};
    let directory = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(WACHAT);
    command.args(["serve", "--send-port", "0", "--recv-port", "0", "--data"]).arg(directory.path().join("data"));
    command.args(options).env("WACHAT_CONFIG", NO_SETTINGS).stdout(std::process::Stdio::piped());
    let mut server = command.spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().map(|line| line.unwrap() + "\n");
    let mut said = String::new();
    for line in lines {
        said.push_str(&line);
        if line.contains("Ctrl-C") {
            break;
        }
    }
    let send =
        said.split("send=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().replace("0.0.0.0", "127.0.0.1");
    let mut ana = if options.contains(&"--tls") {
        crate::support::Connection::open_tls(send.parse().unwrap())
    } else {
        crate::support::Connection::open(send.parse().unwrap())
    };
    said.push_str(&ana.request(&format!("REGISTER:ana:{PASSWORD}")));
    server.kill().unwrap();
    server.wait().unwrap();
    said
}

#[test]
fn beyond_this_machine_clear_text_is_a_warning_and_closes_registration() {
    let said = said_by_server(&["--listen", "0.0.0.0"]);
    assert!(said.contains("who listens to the network reads passwords and messages; serve --tls"), "{said}");
    assert!(said.contains("only wachat user add makes accounts") && said.contains("KO;CLOSED;"), "{said}");
    let said = said_by_server(&["--listen", "0.0.0.0", "--registration", "open"]);
    assert!(said.contains("who listens") && said.ends_with("OK;ana;wachat/1"), "{said}");
    let said = said_by_server(&["--listen", "0.0.0.0", "--tls"]);
    assert!(!said.contains("who listens") && said.ends_with("OK;ana;wachat/1"), "{said}");
    assert!(said.contains("certificate ") && said.contains("it expires in 2") && said.contains(" days"), "{said}");
    let said = said_by_server(&[]);
    assert!(!said.contains("who listens") && said.ends_with("OK;ana;wachat/1"), "{said}");
}

#[test]
fn a_certificate_needs_its_key() {
    let serve = |options: &[&str]| {
        run_to_end(Command::new(WACHAT).arg("serve").args(options).env("WACHAT_CONFIG", NO_SETTINGS))
    };
    let (code, said) = serve(&["--cert", "cert.pem"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--key"), "{said}");
    let directory = tempfile::TempDir::new().unwrap();
    let data = directory.path().join("data").display().to_string();
    let [_, cert, _] = issued_for("a", directory.path());
    let other = tempfile::TempDir::new().unwrap();
    let [_, _, key] = issued_for("b", other.path());
    let (code, said) =
        serve(&["--data", &data, "--send-port", "0", "--recv-port", "0", "--cert", &cert, "--key", &key]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&cert) && said.contains(&key) && said.contains("no TLS"), "{said}");
}
