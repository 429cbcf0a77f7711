//! Files in WACHAT_HOME: a log of the outbox, and the number of the last event that was shown.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use wachat::record::{Fields, Writer};

use super::Flaw;

/// A message that has no answer: its id, its recipient and its text.
pub type Outgoing = (String, String, String);

#[derive(Clone)]
pub struct Files(Arc<Mutex<State>>);

struct State {
    /// `None`: nothing is kept.
    home: Option<PathBuf>,
    outbox: Vec<Outgoing>,
    last: u64,
}

impl Files {
    pub fn open(flaw: Flaw) -> Self {
        let home = std::env::var_os("WACHAT_HOME").filter(|_| flaw != Flaw::ForgetsAtARestart).map(PathBuf::from);
        let read = |name: &str| home.as_ref().and_then(|home| fs::read_to_string(home.join(name)).ok());
        let mut state = State { last: 0, outbox: Vec::new(), home: home.clone() };
        state.last = read("last").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        read("outbox").unwrap_or_default().lines().for_each(|line| state.replay(line));
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn outbox(&self) -> Vec<Outgoing> {
        self.0.lock().outbox.clone()
    }

    pub fn add(&self, id: &str, to: &str, text: &str) {
        self.0.lock().append(&["ADD", id, to, text]);
    }

    pub fn remove(&self, id: &str) {
        self.0.lock().append(&["REMOVE", id]);
    }

    pub fn last(&self) -> u64 {
        self.0.lock().last
    }

    /// Notes the last number, in one step: a rename is whole or has not happened.
    pub fn set_last(&self, last: u64) {
        let mut state = self.0.lock();
        state.last = last;
        if let Some(home) = &state.home {
            let new = home.join("last.new");
            fs::write(&new, last.to_string()).and_then(|()| fs::rename(&new, home.join("last"))).expect("a disk");
        }
    }
}

impl State {
    fn append(&mut self, fields: &[&str]) {
        let mut line = Vec::new();
        let mut record = Writer::new(&mut line);
        fields.iter().for_each(|field| _ = record.text(field));
        record.end();
        if let Some(home) = &self.home {
            let log = File::options().create(true).append(true).open(home.join("outbox"));
            log.and_then(|mut log| log.write_all(&line).and_then(|()| log.sync_data())).expect("a disk");
        }
        self.replay(String::from_utf8_lossy(&line).trim_end_matches('\n'));
    }

    fn replay(&mut self, line: &str) {
        let Ok(fields) = Fields::parse(line.as_bytes()) else { return };
        let fields: Vec<_> = fields.iter().map(str::to_owned).collect();
        match &fields[..] {
            [add, id, to, text] if add == "ADD" => self.outbox.push((id.clone(), to.clone(), text.clone())),
            [_, id] => self.outbox.retain(|(known, ..)| known != id),
            _ => {}
        }
    }
}
