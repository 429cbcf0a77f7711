//! Plays the steps of a test against a server, and notes what was sent and what came.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use super::crash;
use super::pattern::{Names, PASSWORD, unescape, unique};
use super::server::Server;
use super::step::server::ConnectionAction;
use super::step::{ServerAction, Step};
use super::time_line::{EventKind, Failure, LogEntry, Mismatch};
use crate::course::wire::Wire;
use crate::protocol::Port;

/// A socket that takes nothing in this time is full.
const FLOOD_PAUSE: Duration = Duration::from_millis(300);

/// Plays one test, with users, rooms and message ids of its own.
pub fn play(server: &Server, steps: &[Step<ServerAction>]) -> Result<(), Box<Failure>> {
    let mut player = Player::new(server);
    for step in steps {
        if let Err(mismatch) = player.do_step(step) {
            return Err(Box::new(Failure::new(player.names.fill(step.text), mismatch, player.moments)));
        }
    }
    Ok(())
}

/// The connections, names and time line of one test.
pub(super) struct Player<'a> {
    pub server: &'a Server,
    pub names: Names,
    wires: HashMap<String, Wire>,
    begin: Instant,
    moments: Vec<LogEntry>,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server) -> Self {
        let mut names = Names::of_test();
        names.set("room", unique("sala"));
        names.set("any", unique("any"));
        names.set("m", unique("m"));
        Self { server, names, wires: HashMap::new(), begin: Instant::now(), moments: Vec::new() }
    }

    fn do_step(&mut self, step: &Step<ServerAction>) -> Result<(), Mismatch> {
        let done = (1..=step.times).try_for_each(|i| {
            self.names.set("i", i.to_string());
            self.act(&step.action)
        });
        self.names.forget("i");
        done
    }

    fn act(&mut self, action: &ServerAction) -> Result<(), Mismatch> {
        match action {
            ServerAction::Users(users) => users.iter().try_for_each(|user| self.register(user)),
            ServerAction::New(user) => {
                self.name(user);
                Ok(())
            }
            ServerAction::Wait(time) => {
                thread::sleep(*time);
                Ok(())
            }
            ServerAction::Check(numbers) => self.check(*numbers),
            ServerAction::Restart => self.restart(),
            ServerAction::Crashes { devices } => self.crash(*devices),
            ServerAction::On(connection, action) => self.talk(connection, action),
        }
    }

    fn talk(&mut self, name: &str, action: &ConnectionAction) -> Result<(), Mismatch> {
        match action {
            ConnectionAction::Open(port) => self.open(name, *port),
            ConnectionAction::LogIn { port, user } => self.log_in(name, *port, user),
            ConnectionAction::LogInDevice { device, user } => self.log_in_device(name, device, user),
            ConnectionAction::Send { line, singly } => {
                self.send(name, format!("{}\n", self.names.fill(line)).as_bytes(), *singly)
            }
            ConnectionAction::SendRaw(text) => self.send(name, &unescape(&self.names.fill(text)), false),
            ConnectionAction::SendLong(length) => {
                let line = "x".repeat(length.saturating_sub(1)) + "\n";
                self.send(name, line.as_bytes(), false)
            }
            ConnectionAction::Flood { most, line } => self.flood(name, *most, line),
            ConnectionAction::Expect(pattern) => self.expect(name, pattern),
            ConnectionAction::ExpectWithin(span, pattern) => self.expect_within(name, *span, pattern),
            ConnectionAction::ExpectEvents { after, patterns } => self.expect_events(name, after, patterns),
            ConnectionAction::ExpectLast { after, pattern } => self.expect_last(name, after, pattern),
            ConnectionAction::ExpectEnd => self.expect_end(name),
            ConnectionAction::ExpectNothing(time) => self.expect_nothing(name, *time),
            ConnectionAction::Shut => {
                self.wire(name)?.shut();
                Ok(())
            }
            ConnectionAction::Drop => {
                self.note(name, EventKind::Note("closes".to_owned()));
                self.wires.remove(name);
                Ok(())
            }
        }
    }

    pub fn note(&mut self, connection: &str, what: EventKind) {
        self.moments.push(LogEntry { at: self.begin.elapsed(), connection: connection.to_owned(), what });
    }

    pub fn wire(&mut self, name: &str) -> Result<&mut Wire, Mismatch> {
        self.wires.get_mut(name).ok_or_else(|| Mismatch::new("a connection that is open", name))
    }

    fn check(&mut self, [low, high]: [&str; 2]) -> Result<(), Mismatch> {
        let filled = [low, high].map(|text| self.names.fill(text));
        match filled.each_ref().map(|text| self.names.number(text)) {
            [Some(low), Some(high)] if low < high => Ok(()),
            _ => Err(Mismatch::new(format!("{low} < {high}"), filled.join(" < "))),
        }
    }

    /// Finds a name for a user that no other test has.
    fn name(&mut self, user: &str) -> String {
        let name = unique(user);
        self.names.set(user, name.clone());
        self.names.set(&format!("{user} in small letters"), name.to_lowercase());
        name
    }

    fn register(&mut self, user: &str) -> Result<(), Mismatch> {
        let name = self.name(user);
        let begin = self.moments.len();
        self.open("", Port::Send)?;
        self.send("", format!("REGISTER:{name}:{PASSWORD}\n").as_bytes(), false)?;
        self.expect("", &format!("OK;{name};wachat/1"))?;
        // The presence of other users in the lobby would disturb. A server without rooms refuses.
        self.send("", b"LEAVE;#lobby\n", false)?;
        self.read("", self.server.patience)?;
        self.wires.remove("");
        // A registration that succeeded needs no lines.
        self.moments.truncate(begin);
        self.note("", EventKind::Note(format!("registers {name}")));
        Ok(())
    }

    fn open(&mut self, name: &str, port: Port) -> Result<(), Mismatch> {
        let address = port.of([self.server.send, self.server.recv]);
        let wire = Wire::open(address, self.server.patience)
            .map_err(|error| Mismatch::no_connection(format_args!("{address}, the {port} port"), error))?;
        self.note(name, EventKind::Note(format!("connects to the {port} port")));
        self.wires.insert(name.to_owned(), wire);
        Ok(())
    }

    fn log_in(&mut self, name: &str, port: Port, user: &str) -> Result<(), Mismatch> {
        self.open(name, port)?;
        let user = self.names.fill(&format!("{{{user}}}"));
        self.send(name, format!("LOGIN:{user}:{PASSWORD}\n").as_bytes(), false)?;
        let more = port.of(["", ";<any>;<any>"]);
        self.expect(name, &format!("OK;{user};wachat/1{more}"))
    }

    fn log_in_device(&mut self, name: &str, device: &str, user: &str) -> Result<(), Mismatch> {
        self.open(name, Port::Recv)?;
        let user = self.names.fill(&format!("{{{user}}}"));
        let device = self.names.fill(device);
        self.send(name, format!("DEVICE:{device}:{user}:{PASSWORD}\n").as_bytes(), false)?;
        self.expect(name, &format!("OK;{user};wachat/1;<any>;<any>;<any>"))
    }

    pub fn send(&mut self, name: &str, bytes: &[u8], singly: bool) -> Result<(), Mismatch> {
        self.note(name, EventKind::Sent(bytes.to_vec()));
        let wire = self.wire(name)?;
        if singly {
            wire.send_bytes(bytes)
        } else {
            wire.send(bytes)
        }
        Ok(())
    }

    fn flood(&mut self, name: &str, most: usize, line: &str) -> Result<(), Mismatch> {
        let line = format!("{}\n", self.names.fill(line));
        let count = self.wire(name)?.flood(line.as_bytes(), most, FLOOD_PAUSE);
        self.note(name, EventKind::Note(format!("sends {count} times: {}", line.trim_end())));
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Mismatch> {
        self.wires.clear();
        self.note("", EventKind::Note("the server is killed and started again".to_owned()));
        crash::restart(self.server)
    }

    fn crash(&mut self, devices: bool) -> Result<(), Mismatch> {
        let users = ["{ana}", "{luis}"].map(|user| self.names.fill(user));
        let (accepted, end) = crash::play(self.server, users, devices);
        self.note("", EventKind::Note(accepted));
        end
    }
}
