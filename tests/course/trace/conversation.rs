//! A conversation that is traced by all who take part: ana writes to luis, the server is killed while a message waits
//! for its OK, ana's client sends it again to the next server, and in the end passwords are changed and mistyped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{entries, shown};
use crate::support::process::Process;
use crate::support::{Connection, PASSWORD, World, send_signal, wait_until};
use wachat::trace::Event;

/// The text of the first message: it has a meaning for each of the forms.
pub const HOSTILE: &str = "hola <script>alert(1)</script> #;\"end\" %% -->";
/// Beginning of the text of the message that is sent twice.
const AGAIN: &str = "otra vez";

pub struct Conversation {
    world: World,
    pub server: PathBuf,
    pub ana: PathBuf,
    pub luis: PathBuf,
    /// The id of the message that was sent twice.
    pub id: String,
}

impl Conversation {
    /// The store of the server, which has stopped.
    pub fn data(&self) -> PathBuf {
        self.world.data()
    }

    pub fn files(&self) -> [&Path; 3] {
        [&self.server, &self.ana, &self.luis]
    }
}

/// Returns the conversation, which is held once.
pub fn conversation() -> &'static Conversation {
    static HELD: OnceLock<Conversation> = OnceLock::new();
    HELD.get_or_init(hold)
}

fn hold() -> Conversation {
    let directory = TempDir::new().expect("a directory");
    let [server, ana_file, luis_file] = ["server.csv", "ana.csv", "luis.csv"].map(|name| directory.path().join(name));
    let [server_file, to_ana, to_luis] = [&server, &ana_file, &luis_file].map(|file| file.to_str().expect("a path"));
    let mut world = World::in_directory(directory, &["--no-lobby", "--trace", server_file]);
    world.register("ana");
    world.register("luis");
    let mut ana = world.terminal("ana", &["--trace", to_ana]);
    let mut luis = world.terminal("luis", &["--trace", to_luis]);
    luis.expect("connected to");
    ana.type_line(&format!("@luis: {HOSTILE}"));
    luis.expect("ana: hola");
    ana.expect("✓✓ read");
    let text = kill_before_the_reply(&mut world, &ana, &ana_file);
    world.start();
    luis.expect(&format!("ana: {text}"));
    ana.expect_times("✓✓ read", 2);
    ana.quit();
    luis.quit();
    deliver_unread(&world);
    mistype_passwords(&world);
    world.stop();
    let sent = entries(&ana_file).into_iter().find(|entry| entry.text.contains(&text)).expect("it was sent");
    let id = sent.text.split(';').nth(1).expect("an id").to_owned();
    Conversation { world, server, ana: ana_file, luis: luis_file, id }
}

/// Has ana send a message to a server that does not run, and kills it then. Returns the text.
fn kill_before_the_reply(world: &mut World, ana: &crate::support::Terminal, trace: &Path) -> String {
    for attempt in 1..10 {
        let text = format!("{AGAIN} {attempt}");
        // A connection that was idle for too long is opened anew, and then nothing is sent before the login.
        ana.type_line("/users");
        std::thread::sleep(Duration::from_millis(200));
        send_signal(world.pid(), "STOP");
        wait_until("the server to be stopped", || Process::of(world.pid()).is_stopped());
        ana.type_line(&format!("@luis: {text}"));
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            if fs::read_to_string(trace).expect("a trace").contains(&text) {
                world.kill();
                return text;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        send_signal(world.pid(), "CONT");
    }
    panic!("no message was sent to the server that does not run");
}

/// Has a message delivered and not read: of the others, ana may be told at once that they are read.
fn deliver_unread(world: &World) {
    assert!(world.login("ana").request("SEND;unread;luis;al final").starts_with("OK;unread;"));
    let mut luis = world.session("luis");
    let mut ana = world.session("ana");
    wait_until("the message", || luis.list("POLL;*;1").iter().any(|event| event.contains(";MSG;unread;")));
    luis.list("POLL;*;0");
    wait_until("its state", || ana.list("POLL;*;1").iter().any(|event| event.contains(";DELIVERED;")));
}

/// Makes the mistakes that would write a password into the trace.
fn mistype_passwords(world: &World) {
    let mut ana = world.login("ana");
    ana.expect_ko(&format!("PASWD;{PASSWORD};nueva {PASSWORD}"), "SYNTAX");
    ana.expect_ko(&format!("\"passwd\";{PASSWORD}"), "SYNTAX");
    ana.expect_ko(&format!("LOGIN:ana:{PASSWORD}"), "SYNTAX");
    for before in [
        " PASSWD;",
        "/passwd ",
        "PASSWD ;",
        "PASSWD\t",
        "\u{feff}LOGIN:ana:",
        "\u{feff}PASSWD;",
        "SEND PASSWD;",
        "#PASSWD;",
        "clave;",
        "",
    ] {
        ana.expect_ko(&format!("{before}{PASSWORD};nueva {PASSWORD}"), "SYNTAX");
    }
    assert_eq!(ana.request(&format!("PASSWD;{PASSWORD};nueva {PASSWORD}")), "OK");
    let byte_order_mark = format!("\u{feff}LOGIN:ana:{PASSWORD}");
    let wrong_logins = [format!("LOGIN ana {PASSWORD}"), format!("LOGN:ana:{PASSWORD}"), PASSWORD.to_owned()];
    for wrong in wrong_logins.into_iter().chain([byte_order_mark, format!(" LOGIN:ana:{PASSWORD}")]) {
        let (reply, _) = Connection::open_with(world.send, &wrong);
        assert!(reply.starts_with("KO;SYNTAX"), "{wrong}: {reply}");
    }
}

#[test]
fn passwords_are_nowhere_in_the_files() {
    for file in conversation().files() {
        let text = fs::read_to_string(file).expect("a trace");
        // "palabra" and "larga" are in no message and in no reply.
        PASSWORD.split(' ').for_each(|word| assert!(!text.contains(word), "{}: {text}", file.display()));
        assert!(text.contains(":***"), "logins are there: {text}");
    }
    let server = fs::read_to_string(&conversation().server).expect("a trace");
    for masked in [
        "*** (a verb of 5 characters that is not known)",
        "PASSWD;***",
        "*** (a verb of 4 characters that is not known)",
        "REGISTER:ana:***",
        "LOGIN ***",
        ";1;*** (a verb of 7 characters",
    ] {
        assert!(server.contains(masked), "{masked}: {server}");
    }
}

#[test]
fn a_retry_a_crash_syncs_acknowledgements_and_states_are_marked() {
    let (text, notes) = shown(&conversation().files(), &["--columns", "200"]);
    assert_eq!(text.matches("✗ killed").count(), 1, "{text}");
    for mark in
        ["(again)", "(acknowledges ", "(received)", "(delivered)", "(read)", "● sync: ", "○ stops", "log replayed"]
    {
        assert!(text.contains(mark), "{mark}: {text}");
    }
    assert!(!notes.contains("contradict"), "{notes}");
    let recovered = entries(&conversation().server).into_iter().filter(|entry| entry.event == Event::Recovered).count();
    assert_eq!(recovered, 1, "the first start was of a new store");
}

#[test]
fn the_way_of_one_message_is_followed_to_its_receipt() {
    let (text, _) = shown(&conversation().files(), &["--columns", "200", "--message", &conversation().id]);
    let mut rest = text.as_str();
    for step in ["SEND ", "killed", "starts", "SEND ", "(again)", "sync: ", "OK ", " MSG ", "(acknowledges ", "READ "] {
        let place = rest.find(step).unwrap_or_else(|| panic!("{step} does not follow in {text}"));
        rest = &rest[place + step.len()..];
    }
    assert!(!text.contains("<script>") && !text.contains("PASSWD"), "{text}");
    let none = super::trace(&conversation().files(), &["--message", "no-such-id"]);
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("no-such-id"));
}

#[test]
fn the_lines_of_one_user_are_shown_alone() {
    let rows = super::table(&conversation().files(), &["--user", "LUIS"]);
    assert!(rows.iter().all(|row| row[2] == "luis" || row[2].is_empty()), "{rows:?}");
    assert!(
        rows.iter().any(|row| row[0] == "client:luis") && rows.iter().all(|row| row[0] != "client:ana"),
        "{rows:?}"
    );
    let nobody = super::trace(&conversation().files(), &["--user", "eva"]);
    assert!(!nobody.status.success());
}

#[test]
fn an_end_of_the_server_is_before_what_clients_see_of_it() {
    let rows = super::table(&conversation().files(), &[]);
    let place = |what: &str, who: &str| {
        let found = rows.iter().position(|row| row[0] == who && row[6].contains(what));
        found.unwrap_or_else(|| panic!("no {what} of {who} in {rows:#?}"))
    };
    let killed = place("killed", "server");
    for client in ["client:ana", "client:luis"] {
        assert!(killed < place("closed by the other end", client), "{client}");
    }
}
