//! The lesson with several servers that are one: the one that leads is killed while two people chat. Then the same with one
//! server alone.
//!
//! - `etcd`, `servers`: three processes each. `person`: a client that looks for the server that leads.

mod etcd;
mod person;
mod servers;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::Client;
use super::server::Server;
use super::stage::Stage;
use super::{Acts, Finding, Script};
use crate::cluster::LEASE_SECONDS;
use crate::protocol::Port;
use person::Person;
use servers::Servers;

/// Time for which a client tries to reach the server that is alone and was killed, and the pause between two tries: longer
/// than several servers take until one of them leads.
const TRIES: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(250);

/// The requests of ana.
const FIRST: &str = "SEND;m-1;luis;shall we meet?";
const SECOND: &str = "SEND;m-2;luis;at five";
const THIRD: &str = "SEND;m-3;luis;no: at six";

/// Returns the script. The error says that etcd is missing.
pub(super) fn script() -> Result<Script, String> {
    etcd::check_installed()?;
    Ok(Script {
        promise: "Several servers as one: one may die, and the next one has every message that was answered OK.",
        without: "The same with one server alone.",
        acts: Acts::Apart([three_servers, one_server]),
    })
}

/// Three servers, and the people who chat.
struct Scene {
    servers: Servers,
    ana: Person,
    luis: Person,
}

fn three_servers(stage: &mut Stage) -> Result<Finding, String> {
    let servers = Servers::start(stage)?;
    let mut scene = Scene { servers, ana: Person::new("ana", Port::Send), luis: Person::new("luis", Port::Recv) };
    let before = scene.chat(stage)?;
    let stored = scene.lose_the_leader(stage)?;
    let retried = scene.retry(stage)?;
    let acknowledged = before.first().map(|record| field(record, 0)).unwrap_or_default();
    let after = scene.luis.request_list(stage, &scene.servers, &format!("POLL;{acknowledged};0"))?;
    stage.say("luis polls for what comes after the message that he has.")?;
    let is_kept = stored == retried && ids(&before) == ["m-1"] && ids(&after) == ["m-2", "m-3"];
    let text = if is_kept {
        let leader = scene.servers.name(scene.ana.server());
        format!("{leader} leads now. Nothing is lost and nothing is doubled: luis has each message once, in order.")
    } else {
        "luis has other messages than those that were answered, or the retry has another number.".to_owned()
    };
    Ok(Finding { is_kept, text })
}

impl Scene {
    /// Shows the servers, and a message. Returns the events that luis has.
    fn chat(&mut self, stage: &mut Stage) -> Result<Vec<String>, String> {
        stage.event(&self.servers.picture());
        stage.say(
            "Three servers, each with a store of its own. They share a log, which three members of etcd keep. One server \
             leads and writes to it; the others stand by and read it.",
        )?;
        self.ana.request(stage, &self.servers, FIRST)?;
        let events = self.luis.request_list(stage, &self.servers, "POLL;0;0")?;
        stage.say(
            "ana and luis chat. OK means: the message is on the disks of a majority of etcd's members, and of the server \
             that leads.",
        )?;
        Ok(events)
    }

    /// Kills the server that leads after an OK, and has ana go on. The next OK is measured before anything is shown. Returns
    /// the reply before the kill.
    fn lose_the_leader(&mut self, stage: &mut Stage) -> Result<String, String> {
        let stored = self.ana.request(stage, &self.servers, SECOND)?;
        let killed = self.ana.server();
        self.servers.kill(killed);
        let begin = Instant::now();
        stage.event(&format!("✗ kill -9 {}", self.servers.name(killed)));
        stage.event(&self.servers.picture());
        let of_the_kill = stage.lines();
        self.ana.request(stage, &self.servers, THIRD)?;
        stage.event(&format!("● the next OK, {:.1} s after the kill", begin.elapsed().as_secs_f64()));
        stage.event(&self.servers.picture());
        stage.say_beside(of_the_kill, "The server that leads is killed right after an OK.")?;
        stage.say(&format!(
            "ana writes on, and has no answer. Her client tries the servers in turn. One that stands by names the one that \
             leads, as far as it knows. The right to lead is a lease of {LEASE_SECONDS} s in etcd: when it runs out, another \
             server takes it, reads the log to its end, and answers.",
        ))?;
        Ok(stored)
    }

    fn retry(&mut self, stage: &mut Stage) -> Result<String, String> {
        let retried = self.ana.request(stage, &self.servers, SECOND)?;
        stage.say(
            "ana's client sends m-2 again, as it does when an OK is lost. The new leader knows the id: it stores nothing, and \
             gives the very same answer.",
        )?;
        Ok(retried)
    }
}

fn one_server(stage: &mut Stage) -> Result<Finding, String> {
    let mut server = Server::start(None)?;
    drop(Client::connect("luis", server.send_port())?);
    let mut ana = Client::connect("ana", server.send_port())?;
    ana.ask(stage, FIRST)?;
    ana.ask(stage, SECOND)?;
    server.kill();
    stage.event("✗ kill -9");
    stage.say("ana has her OKs, and the server is killed.")?;
    let (tries, is_reached) = try_to_reach(stage, server.send_port())?;
    let reached = if is_reached { "a connection" } else { "no connection" };
    stage.event(&format!("ana  → {reached}: {tries} tries in {} s", TRIES.as_secs()));
    stage.say("ana's client tries again and again. There is no other server that it could go to.")?;
    server.start_again()?;
    stage.event("○ the administrator starts the server");
    Client::connect("ana", server.send_port())?.ask(stage, THIRD)?;
    let events = Client::connect("luis", server.recv_port())?.request_list(stage, "POLL;0;0")?;
    stage.say("Only now ana is answered, and luis has his messages.")?;
    let kept = if ids(&events) == ["m-1", "m-2", "m-3"] { "nothing is lost" } else { "messages are lost" };
    let text =
        format!("{kept}, but nobody can chat from the crash until the server is started again, however long it takes.");
    Ok(Finding { is_kept: is_reached, text })
}

/// Tries to connect; returns how often, and whether it was of use.
fn try_to_reach(stage: &Stage, address: SocketAddr) -> Result<(usize, bool), String> {
    let deadline = Instant::now() + TRIES;
    let mut tries = 0;
    while Instant::now() < deadline {
        tries += 1;
        if Client::connect_later("ana", address).is_ok() {
            return Ok((tries, true));
        }
        stage.wait(PAUSE)?;
    }
    Ok((tries, false))
}

/// Returns the ids of the messages among events.
fn ids(events: &[String]) -> Vec<&str> {
    events.iter().filter(|event| field(event, 1) == "MSG").map(|event| field(event, 2)).collect()
}

fn field(record: &str, index: usize) -> &str {
    record.split(';').nth(index).unwrap_or_default()
}
