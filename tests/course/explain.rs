//! The story of a message: from the store alone, and with traces of retries, broken connections and a crash.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use wachat::course::explain::step::{Kind, ROWS, Step};
use wachat::model::Timestamp;
use wachat::texts::Language;

use crate::course::assert_in_order;
use crate::course::trace::{conversation, devices, table};
use crate::support::{NO_SETTINGS, WACHAT, World, wait_until};

fn run(id: &str, data: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(WACHAT);
    command.args(["explain", id, "--data"]).arg(data).args(more).env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C");
    command.output().expect("it runs")
}

fn explain(id: &str, data: &Path, more: &[&str]) -> String {
    let output = run(id, data, more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn refusal(id: &str, data: &Path, more: &[&str]) -> String {
    let output = run(id, data, more);
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// ana sends a message twice, luis's first connection ends before its acknowledgement, and luis reads the message.
fn hold_conversation(world: &World, trace: &Path) {
    world.register("ana");
    world.register("luis");
    for _ in 0..2 {
        assert!(world.login("ana").request("SEND;m-1;luis;hola").starts_with("OK;m-1;"));
    }
    assert_eq!(world.session("luis").poll(0, 0).len(), 1);
    wait_until("the server to notice the end", || {
        std::fs::read_to_string(trace).expect("a trace").matches(";CLOSE;RECV;").count() == 1
    });
    let mut luis = world.session("luis");
    assert_eq!(luis.poll(0, 0).len(), 1);
    luis.poll(1, 0);
    let mut ana = world.session("ana");
    assert!(ana.poll(0, 5)[0].contains("DELIVERED"));
    assert_eq!(world.login("luis").request("READ;ana;1"), "OK");
    assert!(ana.poll(2, 5)[0].contains("READ"));
    wait_until("the trace to be written", || {
        std::fs::read_to_string(trace).expect("a trace").contains("3;STATE;luis;READ;1")
    });
}

#[test]
fn the_page_shows_a_story_of_retries_and_broken_connections() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let trace = directory.path().join("server.csv");
    let world = World::in_directory(directory, &["--no-lobby", "--trace", trace.to_str().expect("a path")]);
    hold_conversation(&world, &trace);
    let story = explain("m-1", &world.data(), &["--trace", trace.to_str().expect("a path")]);
    let page = include_str!("../../src/course/explain.md");
    let shown = page.split("$ wachat explain m-1 --trace server.csv\n").nth(1).expect("a session");
    let shown = shown.split("```").next().expect("its end");
    let times = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d\.\d{3}").expect("a pattern");
    let normal = |text: &str| times.replace_all(text, "TIME").into_owned();
    assert_eq!(normal(shown), normal(&story));
    // The store alone knows less, and the same.
    let story = explain("m-1", &world.data(), &[]);
    assert_in_order(&story, &["under number 1: RECEIVED", "DELIVERED", "luis has read it: READ", "now", "luis READ"]);
    assert!(!story.contains("same OK"), "{story}");
}

#[test]
fn an_acknowledgement_of_all_that_was_sent_is_told_as_one() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let trace = directory.path().join("server.csv");
    let world = World::in_directory(directory, &["--no-lobby", "--trace", trace.to_str().expect("a path")]);
    world.register("luis");
    assert!(world.register("ana").request("SEND;m-1;luis;hola").starts_with("OK;m-1;"));
    let mut luis = world.session("luis");
    assert_eq!(luis.poll(0, 0).len(), 1);
    assert_eq!(luis.request("POLL;*;0"), "OK;0");
    drop(luis);
    wait_until("the server to notice the end", || {
        std::fs::read_to_string(&trace).expect("a trace").contains(";CLOSE;RECV;")
    });
    let rows = table(&[&trace], &["--message", "m-1"]);
    assert!(rows.iter().any(|row| row[6] == "POLL;*;0  (acknowledges 1)"), "{rows:#?}");
    let story = explain("m-1", &world.data(), &["--trace", trace.to_str().expect("a path")]);
    assert_in_order(&story, &["The server sends it to luis", "luis's client has stored it, and acknowledges it"]);
    assert!(!story.contains("ends before the acknowledgement"), "{story}");
}

#[test]
fn a_crash_between_a_message_and_its_reply_is_part_of_the_story() {
    let conversation = conversation::conversation();
    let files = conversation.files().map(|file| file.display().to_string());
    let traces: Vec<_> = files.iter().flat_map(|file| ["--trace", file]).collect();
    for (language, texts) in [
        ("en", ["ana's client sends it", "starts again", "sends it again", "number", "Only now", "to luis", "READ"]),
        ("es", ["El cliente de ana lo envía", "arranca", "otra vez", "número", "Solo ahora", "a luis", "READ"]),
        ("pt", ["O cliente de ana a envia", "arranca", "outra vez", "número", "Só agora", "a luis", "READ"]),
    ] {
        let story = explain(&conversation.id, &conversation.data(), &[&traces[..], &["--lang", language]].concat());
        assert_in_order(&story, &texts);
    }
}

#[test]
fn a_room_is_told_by_counts_and_an_id_of_two_senders_needs_one() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    assert!(ana.request("JOIN;#sala").starts_with("OK"));
    for member in 0..12 {
        assert!(world.register(&format!("m{member}")).request("JOIN;#sala").starts_with("OK"));
    }
    assert!(ana.request("SEND;m-1;#sala;hola").starts_with("OK"));
    assert!(world.login("m3").request("SEND;m-1;ana;\"a\\nb\"").starts_with("OK"));
    // That the member before is offline can come first, with the number 0.
    let number = |event: &String| event.split(';').next().and_then(|number| number.parse::<u64>().ok());
    let seq = |events: Vec<String>| events.iter().filter_map(number).max().expect("a number");
    for member in 0..10 {
        let mut session = world.session(&format!("m{member}"));
        let seq = seq(session.poll(0, 5));
        session.poll(seq, 0);
    }
    wait_until("all to be durable", || explain("m-1", &world.data(), &["--from", "ana"]).contains("DELIVERED 10"));
    let story = explain("m-1", &world.data(), &["--from", "ANA"]);
    assert_in_order(
        &story,
        &["ana → #sala", "m0's client", "and 2 more such steps", "RECEIVED 2, DELIVERED 10, READ 0"],
    );
    let error = refusal("m-1", &world.data(), &[]);
    assert!(error.contains("2 messages") && error.contains("--from ana") && error.contains("--from m3"), "{error}");
    let story = explain("m-1", &world.data(), &["--from", "m3"]);
    assert_in_order(&story, &["\"a␊b\"", "It waits for ana", "ana RECEIVED"]);
    // A clean stop makes a checkpoint: the history has the message, and the tables the states.
    world.stop();
    let story = explain("m-1", &world.data(), &["--from", "ana"]);
    assert_in_order(&story, &["RECEIVED", "covered by a checkpoint", "RECEIVED 2, DELIVERED 10, READ 0"]);
}

/// The acts of a recipient, in an order: A acknowledges it, R reads it.
const ORDERS: [&str; 5] = ["", "A", "R", "AR", "RA"];

#[test]
fn every_order_of_acknowledging_and_reading_is_told() {
    for order in ORDERS {
        // A world for each: whatever is in the log after it may bring the states up to date.
        let mut world = World::without_lobby();
        let mut ana = world.register("ana");
        let mut luis = world.register("luis");
        let reply = ana.request("SEND;m-1;luis;hola");
        let number = reply.rsplit(';').next().and_then(|seq| seq.parse().ok()).expect("its number");
        for act in order.chars() {
            if act == 'A' {
                world.session("luis").poll(number, 0);
            } else {
                assert_eq!(luis.request(&format!("READ;ana;{number}")), "OK");
            }
        }
        let told = || explain("m-1", &world.data(), &[]);
        let delivered = "acknowledges it: DELIVERED";
        let read = "luis has read it: READ";
        let waits = "It waits for luis";
        // An acknowledgement is durable soon after its reply; a READ is with it.
        wait_until("an acknowledgement to be durable", || order != "A" || !told().contains(waits));
        let story = told();
        // After READ there is no DELIVERED.
        let steps = [delivered, read, waits].map(|step| story.contains(step));
        assert_eq!(steps, [order.starts_with('A'), order.contains('R'), order.is_empty()], "{order:?}: {story}");
        let state = if order.contains('R') { "READ" } else { ["RECEIVED", "DELIVERED"][order.len()] };
        assert!(story.trim_end().ends_with(&format!("luis {state}")), "{order:?}: {story}");
        // The state is in the tables of the checkpoint, too.
        world.stop();
        let story = explain("m-1", &world.data(), &[]);
        assert!(story.trim_end().ends_with(&format!("luis {state}")), "{order:?}, after a stop: {story}");
    }
}

#[test]
fn what_cannot_be_told_is_refused_in_one_line() {
    let world = World::without_lobby();
    let data = world.data();
    assert!(refusal("m-9", &data, &[]).contains("no message with the id m-9"));
    assert!(refusal("not an id", &data, &[]).contains("is no id of a message"));
    assert!(refusal("m-1", Path::new("/nowhere"), &[]).contains("there is no store"));
    assert!(world.register("ana").request("SEND;m-1;ana;hola").starts_with("OK"));
    assert!(refusal("m-1", &data, &["--from", "luis"]).contains("no message"));
    assert!(refusal("m-1", &data, &["--trace", "/dev/null"]).contains("no entry of a trace"));
}

#[test]
fn an_id_may_be_given_by_its_first_characters() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let trace = directory.path().join("server.csv");
    let mut world = World::in_directory(directory, &["--no-lobby", "--trace", trace.to_str().expect("a path")]);
    let mut ana = world.register("ana");
    for id in ["b9dd28aa", "b9dd28ab", "b9", "c0ffee"] {
        assert!(ana.request(&format!("SEND;{id};ana;hola")).starts_with("OK"));
    }
    assert!(world.register("luis").request("SEND;c0de;ana;hola").starts_with("OK"));
    wait_until("the trace to be written", || std::fs::read_to_string(&trace).expect("a trace").contains("OK;c0de;"));
    let data = world.data();
    let file = trace.to_str().expect("a path");
    let table = |id: &str| crate::course::trace::trace(&[&trace], &["--as", "table", "--message", id]);
    for (start, id) in
        [("c0f", "c0ffee"), ("c0ffee", "c0ffee"), ("b9dd28ab", "b9dd28ab"), ("b9", "b9"), ("c0f…", "c0ffee")]
    {
        for more in [&[][..], &["--trace", file]] {
            assert!(explain(start, &data, more).starts_with(&format!("{id}, number ")), "{start}");
        }
        let shown = String::from_utf8(table(start).stdout).expect("UTF-8");
        assert!(shown.contains(&format!("SEND;{id};")) && shown.matches(" SEND;").count() == 1, "{start}: {shown}");
    }
    assert!(explain("c", &data, &["--from", "luis"]).starts_with("c0de, number "));
    for (start, candidates) in
        [("b9d", "2 ids begin with b9d: b9dd28aa, b9dd28ab"), ("c0", "2 ids begin with c0: c0de, c0ffee")]
    {
        assert!(refusal(start, &data, &[]).contains(candidates), "{start}");
        let output = table(start);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!output.status.success() && output.stdout.is_empty() && said.contains(candidates), "{said}");
    }
    assert!(refusal("c0g", &data, &[]).contains("no message with the id c0g"));
    // The checkpoint has them, too.
    world.stop();
    assert!(explain("c0f", &data, &[]).starts_with("c0ffee, number "));
    assert!(refusal("b9d", &data, &[]).contains("b9dd28aa, b9dd28ab"));
}

#[test]
fn each_step_has_its_texts_and_a_sentence_of_the_page() {
    let places =
        |text: &str| ["{user}", "{number}"].into_iter().filter(|place| text.contains(place)).collect::<BTreeSet<_>>();
    for (kind, text, ..) in ROWS {
        let step = Step::new(Timestamp::now(), *kind, "ana", 7);
        let [en, es, pt] = [Language::En, Language::Es, Language::Pt];
        assert_eq!(places(text.text(en)), places(text.text(es)), "{kind:?}");
        assert_eq!(places(text.text(en)), places(text.text(pt)), "{kind:?}");
        assert!(step.shows(en).contains("section ") && !step.shows(en).contains("section :"), "{}", step.shows(en));
        assert!(!step.text(en).contains('{'));
    }
    assert!(Step::new(Timestamp::now(), Kind::Waits, "luis", 0).shows(Language::Es).starts_with("promesa 2, "));
}

#[test]
fn each_device_is_in_the_story_and_the_first_delivers() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let trace = devices::write(&directory);
    let world = World::in_directory(directory, &["--no-lobby"]);
    world.register("luis");
    assert!(world.register("ana").request("SEND;m-1;luis;hola").starts_with("OK;m-1;"));
    let story = explain("m-1", &world.data(), &["--trace", trace.to_str().expect("a path")]);
    assert_in_order(
        &story,
        &[
            "The server sends it to ana (lab), too: a message of the sender's own",
            "The server sends it to luis (lab).",
            "luis's client has stored it, and acknowledges it: DELIVERED",
            "The server tells ana (lab) that it was delivered",
            "The server sends it to luis (phone).",
            "The server sends it to luis (phone) again",
            "luis (phone) has stored it, too",
        ],
    );
    assert_eq!(story.matches("acknowledges it: DELIVERED").count(), 1, "{story}");
    assert_eq!(story.matches("ana's client has stored").count(), 0, "{story}");
}

/// Its text is in the history file and in the trace; a rewrite of the file is half a day away.
#[test]
fn a_message_that_was_taken_back_is_told_without_its_text() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let trace = directory.path().join("server.csv");
    let mut world = World::in_directory(directory, &["--no-lobby", "--trace", trace.to_str().expect("a path")]);
    world.register("luis");
    assert!(world.register("ana").request("SEND;m-1;luis;secreto").starts_with("OK;m-1;"));
    assert!(!explain("m-1", &world.data(), &[]).contains("erased"), "that comes later");
    world.stop();
    world.start();
    assert_eq!(world.login("ana").request("ERASE;luis;1"), "OK");
    let mut luis = world.session("luis");
    assert!(luis.poll(0, 0)[0].ends_with(";;erased"));
    wait_until("the trace to be written", || std::fs::read_to_string(&trace).expect("a trace").contains(";;erased"));
    let data = world.data();
    let file = trace.to_str().expect("a path");
    for (language, mark, offer, end) in [
        ("en", "(erased)", "to luis without its text", "its text is erased"),
        ("es", "(borrado)", "a luis sin su texto", "su texto está borrado"),
        ("pt", "(apagado)", "a luis sem o seu texto", "seu texto está apagado"),
    ] {
        let told = explain("m-1", &data, &["--trace", file, "--lang", language]);
        assert_in_order(&told, &[mark, offer, end, "luis RECEIVED"]);
        let alone = explain("m-1", &data, &["--lang", language]);
        assert_in_order(&alone, &[mark, end, "luis RECEIVED"]);
        assert!(!told.contains("secreto") && !alone.contains("secreto"), "{told}\n{alone}");
    }
    let (diagram, _) = crate::course::trace::shown(&[&trace], &["--as", "diagram", "--columns", "200"]);
    assert!(diagram.contains("1 MSG m-1 ana luis (erased)"), "{diagram}");
    // The files are rewritten by the stop.
    world.stop();
    assert_in_order(&explain("m-1", &data, &[]), &["(erased)", "its text is erased"]);
}
