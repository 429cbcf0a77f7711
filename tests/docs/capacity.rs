//! The example that estimates a machine, and its page: the page shows what it prints, it refuses nonsense, and a store takes
//! about as much disk and memory as it says.

use std::process::{Command, Output};

use crate::docs::page::{MONITORING, block, quoted, read};
use crate::support::examples::{capacity, example};
use crate::support::process::Process;
use crate::support::store_files::disk_usage;
use crate::support::{PASSWORD, World};
use tempfile::TempDir;

const PAGE: &str = "examples/deploy/capacity.md";

fn run(arguments: &[&str]) -> Output {
    Command::new(example("capacity")).args(arguments).output().expect("the example")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn the_page_shows_what_the_example_prints() {
    let printed = text(&run(&[]).stdout);
    assert_eq!(block(PAGE, "capacity"), printed.lines().collect::<Vec<_>>());
    assert_eq!(text(&run(&["--table"]).stdout), printed);
    assert!(read(PAGE).lines().count() <= 50, "it is one screen");
}

#[test]
fn the_page_names_metrics_that_exist() {
    let monitoring = read(MONITORING);
    let page = read(PAGE);
    let metrics: Vec<_> = quoted(&page).into_iter().filter(|name| name.starts_with("wachat_")).collect();
    assert!(metrics.len() > 4, "{metrics:?}");
    for name in metrics {
        assert!(monitoring.contains(&format!("| `{name}` |")), "there is no {name}");
    }
}

#[test]
fn it_refuses_what_cannot_be() {
    for (arguments, why) in [
        (&["--users", "0"][..], "0 is not in 1.."),
        (&["--users", "5", "--online", "6"], "--online 6: there are 5 users"),
        (&["--users", "5", "--members", "6"], "--members 6: there are 5 users"),
        (&["--users", "100000", "--online", "9000"], "a server takes 8192 clients"),
        (&["--users", "5", "--devices", "9"], "9 is not in 0..=8"),
    ] {
        let output = run(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{arguments:?}: {output:?}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[test]
fn an_estimate_grows_with_the_users() {
    let printed = text(&run(&["--users", "300", "--online", "300", "--tls"]).stdout);
    for what in ["memory: ", "memory at most", "disk: ", "processor", "log in again", "LimitNOFILE: 728", "a start: "] {
        assert!(printed.contains(what), "{what} in {printed}");
    }
    assert_ne!(printed, text(&run(&["--users", "3000", "--online", "3000", "--tls"]).stdout));
}

#[test]
fn a_store_takes_as_much_as_it_says() {
    let directory = TempDir::new().expect("a temporary directory");
    let data = directory.path().join("data");
    let numbers = ["--accounts", "2000", "--messages", "40000", "--conversations", "500", "--rooms", "50"];
    let mut command = Command::new(example("large_store"));
    command.args(numbers).args(["--password", PASSWORD]).arg("--data").arg(&data);
    assert!(command.output().expect("the example").status.success());
    let mut server = World::with_data(directory, &data, &["--no-lobby"]);
    server.stop();
    server.start();
    // Of the messages 50 in 550 are in rooms; a text has 66 bytes.
    let load = ["--users", "2000", "--rooms", "50", "--in-rooms", "9", "--text", "66", "--devices", "0"];
    let model = capacity(&[&load[..], &["--store", "40000", "40000", "500", "1500"]].concat());
    let measured = [Process::of(server.pid()).resident() << 10, disk_usage(&server.data())];
    for (what, model, measured) in [("memory", model[0], measured[0]), ("disk", model[1], measured[1])] {
        let times = model as f64 / measured as f64;
        // A debug build has more of its program in memory.
        let tolerated = if what == "memory" { 0.5..=1.5 } else { 0.75..=1.25 };
        assert!(tolerated.contains(&times), "{what}: the model says {model} bytes, and {measured} were measured");
    }
}
