//! The trace of the proxy: beside those of server and clients it shows what became of a line between them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::process::Chaos;
use crate::course::assert_in_order;
use crate::course::trace::{entries, shown, table};
use crate::support::clients::exit_code;
use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, World, wait_until};
use wachat::trace::Event;

/// A server with an account for luis, and a proxy with one rule: both are traced.
struct Scene {
    world: World,
    chaos: Option<Chaos>,
    files: [PathBuf; 3],
}

impl Scene {
    fn new(rule: &str) -> Self {
        let directory = TempDir::new().expect("a directory");
        let files = ["server.csv", "chaos.csv", "ana.csv"].map(|name| directory.path().join(name));
        let [server, proxy, _] = files.each_ref().map(|file| file.to_str().expect("a path"));
        let world = World::in_directory(directory, &["--no-lobby", "--trace", server]);
        world.register("ana");
        world.register("luis");
        let chaos = Some(Chaos::start(world.addresses(), &["--rule", rule, "--trace", proxy]));
        Self { world, chaos, files }
    }

    fn chaos(&self) -> &Chaos {
        self.chaos.as_ref().expect("a proxy")
    }

    /// Stops the proxy and then the server.
    fn stop(&mut self) {
        self.chaos.take().expect("a proxy").stop();
        self.world.stop();
    }

    /// The traces of the server and the proxy.
    fn both(&self) -> [&Path; 2] {
        [&self.files[0], &self.files[1]]
    }

    fn explain(&self, id: &str, files: &[&Path]) -> String {
        let mut command = Command::new(WACHAT);
        command
            .args(["explain", id, "--lang", "en", "--data"])
            .arg(self.world.data())
            .env("WACHAT_CONFIG", NO_SETTINGS);
        files.iter().for_each(|file| _ = command.arg("--trace").arg(file));
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let notes = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(notes, "", "the traces agree");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// ana's client sends a message through a proxy that drops the OK, and a simpler client sends it again. Returns the scene, and the id.
fn lost_ok() -> &'static (Scene, String) {
    static PLAYED: OnceLock<(Scene, String)> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let mut scene = Scene::new("drop the 1st OK reply to SEND");
        [scene.world.send_port, scene.world.recv_port] = scene.chaos().addresses.map(|address| address.port());
        let file = scene.files[2].to_str().expect("a path").to_owned();
        // The client gives up at its time-out. At its next start it would find the message in HISTORY, and not send again.
        let output = scene.world.pipe("ana", "@luis: hola\n", &["--trace", &file]);
        assert_eq!(exit_code(&output), 5, "{output:?}");
        let sent = entries(&scene.files[2]).into_iter().find(|entry| entry.text.starts_with("SEND;")).expect("a SEND");
        let id = sent.text.split(';').nth(1).expect("an id").to_owned();
        let mut again = scene.chaos().login("ana");
        assert!(again.request(&sent.text).starts_with("OK;"));
        assert_eq!(again.request("QUIT"), "OK");
        scene.stop();
        (scene, id)
    })
}

fn three(scene: &Scene) -> [&Path; 3] {
    scene.files.each_ref().map(PathBuf::as_path)
}

#[test]
fn a_dropped_ok_ends_at_the_proxy_and_the_retry_goes_through() {
    let (scene, id) = lost_ok();
    let (text, notes) = shown(&three(scene), &["--message", id, "--columns", "240"]);
    assert_eq!(notes, "", "the traces agree");
    assert_in_order(text.lines().next().expect("a head"), &[" ana ", "client:ana", "chaos", "server"]);
    let lines = [" SEND ", " SEND ", "sync", "(received, not passed on)", " SEND ", "(again)", " OK ", " OK "];
    assert_in_order(&text, &lines);
    let dropped = text.lines().find(|line| line.contains("not passed on")).expect("the lost line");
    assert_in_order(dropped, &["│", "✗<─", "OK ", "─│"]);
    assert_eq!(text.matches("not passed on").count(), 1, "{text}");
    assert!(!text.contains("not received"), "{text}");
}

#[test]
fn each_form_shows_the_lost_line() {
    let (scene, id) = lost_ok();
    let form = |name: &str| shown(&three(scene), &["--message", id, "--as", name]).0;
    let mermaid = form("mermaid");
    let parts = ["p1 as client", "p2 as chaos", "p3 as server", "p1->>p2", "p2->>p3", "p3--xp2", "p0->>p2", "p2->>p3"];
    assert_in_order(&mermaid, &parts);
    let html = form("html");
    assert!(html.contains("arrow trouble") && html.contains("not passed on"), "{html}");
    let shiviz = form("shiviz");
    let lines: Vec<_> = shiviz.lines().collect();
    let place = lines.iter().position(|line| line.contains("not passed on")).expect("the lost OK");
    assert!(lines[place - 1].starts_with("chaos ") && lines[place - 1].contains("\"server\":"), "{shiviz}");
    let rows = table(&three(scene), &["--message", id]);
    let lost = rows.iter().find(|row| row[6].contains("not passed on")).expect("the lost line");
    assert_eq!([&lost[0], &lost[3], &lost[4]], ["chaos", "<-", "server"]);
}

#[test]
fn the_story_tells_that_the_ok_never_arrives() {
    let (scene, id) = lost_ok();
    let story = scene.explain(id, &three(scene));
    let steps = [
        "ana's client sends it, and the server reads it",
        "gives it number 1",
        "The OK never reaches ana's client",
        "ana's client sends it again",
        "the very same OK",
        "It waits for luis",
    ];
    assert_in_order(&story, &steps);
    for step in steps {
        assert_eq!(story.matches(step).count(), 1, "{step}: {story}");
    }
    assert!(!story.contains("Only now the OK leaves") && !story.contains("no trace tells"), "{story}");
    // Without the client's trace it is the same story.
    let without = scene.explain(id, &scene.both());
    assert_eq!(without, story);
}

#[test]
fn passwords_are_nowhere_in_the_trace_of_the_proxy() {
    let (scene, _) = lost_ok();
    let mut raw = Scene::new("duplicate every request");
    let send = raw.chaos().addresses[0];
    for line in [PASSWORD.to_owned(), format!("LOGN;ana;{PASSWORD}"), format!("LOGIN ana {PASSWORD}")] {
        let (reply, _) = Connection::open_with(send, &line);
        assert!(reply.starts_with("KO;"), "{reply}");
    }
    let mut ana = raw.chaos().login("ana");
    ana.send(format!("PASSWD;{PASSWORD};otra {PASSWORD}\n"));
    wait_until("a line to be recorded", || entries(&raw.files[1]).iter().any(|entry| entry.text.starts_with("PASSWD")));
    raw.stop();
    for file in [&scene.files[1], &raw.files[1]] {
        let text = std::fs::read_to_string(file).expect("a trace");
        PASSWORD.split(' ').for_each(|word| assert!(!text.contains(word), "{text}"));
        assert!(text.contains("LOGIN:ana:***"), "{text}");
    }
    let read = entries(&raw.files[1]);
    let copies = |text: &str| read.iter().filter(|entry| entry.event == Event::Out && entry.text == text).count();
    let is_unknown = |text: &str| text.starts_with("*** (a verb of");
    let unknown = read.iter().filter(|entry| entry.event == Event::Out && is_unknown(&entry.text)).count();
    assert!(unknown >= 2 && copies("PASSWD;***") >= 1, "{read:?}");
    assert_eq!(read.last().map(|entry| entry.event), Some(Event::Stop));
}

#[test]
fn a_copy_of_a_send_is_told_as_the_networks_and_not_as_the_clients() {
    let mut scene = Scene::new("duplicate every SEND");
    let mut ana = scene.chaos().login("ana");
    assert!(ana.request("SEND;m-1;luis;hola").starts_with("OK;m-1;"));
    assert_eq!(ana.request("QUIT"), "OK");
    scene.stop();
    let story = scene.explain("m-1", &scene.both());
    assert_in_order(&story, &["ana's client sends it, and", "The network brings ana's SEND", "now"]);
    assert_in_order(&story, &["ana's client sends it, and", "Only now the OK leaves", "the very same OK", "now"]);
    assert!(!story.contains("sends it again") && !story.contains("never reaches"), "{story}");
    let rows = table(&scene.both(), &["--message", "m-1"]);
    let count = |process: &str, arrow: &str, text: &str| {
        let fits = |row: &&[String; 7]| row[0] == process && row[3] == arrow && row[6].starts_with(text);
        rows.iter().filter(fits).count()
    };
    assert_eq!([count("chaos", "<-", "SEND"), count("chaos", "->", "SEND"), count("server", "<-", "SEND")], [1, 2, 2]);
    assert_eq!([count("server", "->", "OK"), count("chaos", "<-", "OK"), count("chaos", "->", "OK")], [2, 2, 1]);
}

#[test]
fn a_send_and_an_event_that_the_proxy_drops_are_told_as_lost() {
    let mut scene = Scene::new("drop the 1st SEND");
    drop_first(&scene, |ana| ana.send("SEND;m-1;luis;hola\n"));
    assert!(scene.chaos().login("ana").request("SEND;m-1;luis;hola").starts_with("OK;m-1;"));
    scene.stop();
    let story = scene.explain("m-1", &scene.both());
    assert_in_order(&story, &["the network loses it: the server never reads it", "sends it again", "Only now"]);
    let mut scene = Scene::new("drop the 1st MSG event");
    assert!(scene.world.login("ana").request("SEND;m-1;luis;hola").starts_with("OK;m-1;"));
    let mut luis = scene.chaos().session("luis");
    luis.send("POLL;0;0\n");
    assert_eq!(luis.read_line(), "OK;1");
    scene.chaos().wait_for("MSG POLL event: drop");
    drop(luis);
    assert_eq!(scene.chaos().session("luis").poll(0, 0).len(), 1);
    scene.stop();
    let story = scene.explain("m-1", &scene.both());
    assert_in_order(
        &story,
        &["sends it to luis, and the network loses it", "sends it to luis again", "It waits for luis"],
    );
}

fn drop_first(scene: &Scene, send: impl FnOnce(&mut Connection)) {
    let mut ana = scene.chaos().login("ana");
    send(&mut ana);
    scene.chaos().wait_for("SEND request: drop");
}

#[test]
fn half_a_line_is_shown_as_lost_and_the_connections_as_cut() {
    let mut scene = Scene::new("cut the 1st SEND after byte 8");
    let mut ana = scene.chaos().login("ana");
    ana.send("SEND;m-1;luis;hola\n");
    ana.assert_closed();
    scene.stop();
    let rows = table(&scene.both(), &[]);
    let text = |process: &str, part: &str| rows.iter().any(|row| row[0] == process && row[6].contains(part));
    assert!(text("chaos", "SEND;m-1;luis;hola  (not passed on)"), "{rows:#?}");
    assert!(text("chaos", "SEND;m-1  (not received)"), "{rows:#?}");
    let closes = entries(&scene.files[1]).into_iter().filter(|entry| entry.text == "local: cut").count();
    assert_eq!(closes, 2);
    assert!(text("server", "closed by the other end"), "{rows:#?}");
}

#[test]
fn the_trace_of_the_proxy_alone_has_both_of_its_sides() {
    let (scene, _) = lost_ok();
    let (text, notes) = shown(&[&scene.files[1]], &["--columns", "150"]);
    assert_eq!(notes, "");
    assert_in_order(text.lines().next().expect("a head"), &[" ana ", " chaos ", " server"]);
}

#[test]
fn a_server_that_is_away_is_in_the_trace_of_the_proxy() {
    let mut world = World::without_lobby();
    world.kill();
    let file = world.path("chaos.csv");
    let chaos = Chaos::start(world.addresses(), &["--seed", "1", "--trace", file.to_str().expect("a path")]);
    let mut stream = std::net::TcpStream::connect(chaos.addresses[0]).expect("a connection");
    assert_eq!(super::process::read_to_end(&stream), "");
    let _ = std::io::Write::write_all(&mut stream, b"QUIT\n");
    let errors = chaos.stop_with_errors();
    assert!(errors.contains("cannot connect to the server"), "{errors}");
    let events: Vec<_> = entries(&file).iter().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::Start, Event::Open, Event::Failed, Event::Close, Event::Stop]);
}
