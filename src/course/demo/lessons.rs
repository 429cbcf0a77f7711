//! The lessons that are played on two servers, and tell what they have found.

use std::time::{Duration, Instant};

use super::client::Client;
use super::server::{PASSWORD, Server};
use super::stage::Stage;
use super::{Acts, Finding, Lesson, Script, cluster};
use crate::course::flawed::Flaw;

/// Returns the script of a lesson. The error says what is missing to play it.
pub(super) fn script(lesson: Lesson) -> Result<Script, String> {
    Ok(match lesson {
        Lesson::Durability => Script {
            promise: "Durability: a message answered OK survives kill -9 and a power cut.",
            without: "The same with a server that answers OK before the message is on the disk.",
            acts: Acts::OnTwoServers(Flaw::OkBeforeTheDisk, durability),
        },
        Lesson::Order => Script {
            promise: "Total order: one sequence orders every message, for everybody, whatever the clocks say.",
            without: "The same with a server that delivers the newest first.",
            acts: Acts::OnTwoServers(Flaw::Unordered, order),
        },
        Lesson::Retry => Script {
            promise: "Exactly once: no answer means that the client sends again, with the same id.",
            without: "The same with a server that takes each SEND for a new message.",
            acts: Acts::OnTwoServers(Flaw::NoDedupe, retry),
        },
        Lesson::Backpressure => Script {
            promise: "Isolation: a client that does not read costs a bounded amount, and holds up nobody else.",
            without: "The same with a server that serves one client at a time.",
            acts: Acts::OnTwoServers(Flaw::OneClientAtATime, backpressure),
        },
        Lesson::Cluster => cluster::script()?,
    })
}

fn durability(stage: &mut Stage, server: &mut Server) -> Result<Finding, String> {
    let mut ana = Client::connect("ana", server.send_port())?;
    drop(Client::connect("luis", server.send_port())?);
    ana.request(stage, server, "SEND;m-1;luis;see you at five")?;
    stage.say(if server.is_ours() {
        "ana sends a message. The server writes it to its log and waits until the disk has it: only then it says OK."
    } else {
        "ana sends a message, and gets her OK. The message is in memory; the disk will have it in a moment."
    })?;
    stage.event("✗ kill -9");
    server.kill_and_start()?;
    stage.event("○ the server starts");
    stage.say("The server is killed right after the OK, and started again.")?;
    let mut luis = Client::connect("luis", server.recv_port())?;
    let events = luis.request_list(stage, "POLL;0;0")?;
    stage.say("luis comes, and asks for what waits for him.")?;
    let is_kept = !events.is_empty();
    let text = if is_kept {
        "luis has the message: the OK was true."
    } else {
        "the message is lost, and ana was told OK: nobody will send it again."
    };
    Ok(Finding { is_kept, text: text.to_owned() })
}

fn order(stage: &mut Stage, server: &mut Server) -> Result<Finding, String> {
    let mut ana = Client::connect("ana", server.send_port())?;
    drop(Client::connect("luis", server.send_port())?);
    for (id, text) in [("m-1", "shall we meet?"), ("m-2", "at five"), ("m-3", "no: at six")] {
        ana.request(stage, server, &format!("SEND;{id};luis;{text}"))?;
    }
    stage.say("ana sends three messages. Each OK has the number of the message in the one sequence of the server.")?;
    let mut luis = Client::connect("luis", server.recv_port())?;
    let events = luis.request_list(stage, "POLL;0;0")?;
    stage.say("luis polls. His client shows messages as they come, and will acknowledge the last number.")?;
    let history = ana.request_list(stage, "HISTORY;luis")?;
    stage.say("ana looks back at the same conversation.")?;
    let numbers = |records: &[String]| records.iter().map(|record| first_field(record)).collect::<Vec<_>>();
    let is_kept = numbers(&events) == numbers(&history);
    let text = if is_kept {
        "both see the same order, and a number says the same to everybody."
    } else {
        "ana and luis tell different stories: for luis they meet at five. And an acknowledgement of the last number that \
         came, 1, leaves the others unacknowledged: they come again."
    };
    Ok(Finding { is_kept, text: text.to_owned() })
}

fn retry(stage: &mut Stage, server: &mut Server) -> Result<Finding, String> {
    let request = "SEND;m-1;luis;I owe you 10 euros";
    drop(Client::connect("luis", server.send_port())?);
    let mut ana = Client::connect("ana", server.send_port())?;
    ana.send(stage, request);
    ana.read_within(Duration::from_secs(10)).ok_or("the server does not answer")?;
    stage.event("✗ the network loses the OK");
    drop(ana);
    stage.say("ana sends a message. The server stores it, but its OK is lost: ana's client cannot know that.")?;
    Client::connect("ana", server.send_port())?.request(stage, server, request)?;
    stage.say("So the client connects again, and sends the same message under the same id, m-1.")?;
    let events = Client::connect("luis", server.recv_port())?.request_list(stage, "POLL;0;0")?;
    stage.say("luis polls.")?;
    let is_kept = events.len() == 1;
    let text = if is_kept {
        "one message: the server knew the id, stored nothing, and gave the very same answer.".to_owned()
    } else {
        format!("luis has it {} times: he believes that ana owes him more.", events.len())
    };
    Ok(Finding { is_kept, text })
}

/// Requests of the client that does not read, in bytes, and the time in which another client has to have its answer.
const FLOOD: usize = 64 << 20;
const CALM: Duration = Duration::from_secs(3);

fn backpressure(stage: &mut Stage, server: &mut Server) -> Result<Finding, String> {
    drop(Client::connect("ana", server.send_port())?);
    let mut luis = Client::connect("luis", server.send_port())?;
    luis.prepare(&format!("SEND;m-1;luis;{}", "a long note ".repeat(4_000)))?;
    luis.send(stage, "HISTORY;luis");
    let sent = luis.flood("HISTORY;luis", FLOOD);
    stage.event(&format!("luis > … the same, {} kB of requests", sent >> 10));
    stage.event("✗ luis reads no reply");
    stage.say(
        "luis's client sends requests as fast as it can, and reads no reply. Its replies fill the buffers; then the server \
         stops reading its requests: that is back-pressure.",
    )?;
    let mut ana = Client::connect_later("ana", server.send_port())?;
    let begin = Instant::now();
    ana.send(stage, &format!("LOGIN:ana:{PASSWORD}"));
    let reply = ana.read_within(CALM);
    let time = begin.elapsed();
    match &reply {
        Some(reply) => stage.line("ana", '<', reply),
        None => stage.event("ana waits"),
    }
    stage.say("Meanwhile ana's client logs in.")?;
    let is_kept = reply.is_some_and(|reply| reply.starts_with("OK;")) && sent < FLOOD;
    let text = if is_kept {
        format!("ana has her answer after {} ms; luis's client waits for itself alone.", time.as_millis())
    } else {
        format!("ana has no answer within {} s: one client stops all others.", CALM.as_secs())
    };
    Ok(Finding { is_kept, text })
}

fn first_field(record: &str) -> String {
    record.split(';').next().unwrap_or_default().to_owned()
}
