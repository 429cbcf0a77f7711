//! One life of a process, as its trace tells it.

use std::collections::HashMap;

use crate::trace::{Entry, Event};

/// One life of a process: its entries, in its order.
pub struct Run {
    /// The process's name: each is one lifeline.
    pub lifeline: String,
    pub entries: Vec<Entry<'static>>,
    /// A part of the run is missing: entries were dropped, or the end of the file was not read.
    pub is_cut: bool,
}

/// Sorts entries into runs: of each file and process a list, in order.
#[derive(Default)]
pub struct Runs {
    runs: Vec<Run>,
    /// The run that an entry belongs to, by file and process.
    current: HashMap<(usize, String), usize>,
    /// The number of files that have a process of this name.
    names: HashMap<String, usize>,
}

impl Runs {
    pub fn add(&mut self, file: usize, entry: Entry<'static>) {
        let key = (file, entry.process.to_string());
        let index = match self.current.get(&key) {
            Some(&index) if entry.event != Event::Start => index,
            Some(&index) => {
                let lifeline = self.end(index);
                self.begin(lifeline)
            }
            None => {
                let count = self.names.entry(key.1.clone()).or_default();
                *count += 1;
                let name = if *count > 1 { format!("{}-{count}", key.1) } else { key.1.clone() };
                self.begin(name)
            }
        };
        self.current.insert(key, index);
        if let Some(run) = self.runs.get_mut(index) {
            run.is_cut |= entry.event == Event::Dropped;
            run.entries.push(entry);
        }
    }

    fn begin(&mut self, lifeline: String) -> usize {
        self.runs.push(Run { lifeline, entries: Vec::new(), is_cut: false });
        self.runs.len() - 1
    }

    /// Ends a run that another one follows: without `STOP` it was killed. Returns its lifeline.
    fn end(&mut self, index: usize) -> String {
        let Some(run) = self.runs.get_mut(index) else { return String::new() };
        if let Some(last) = run.entries.last().filter(|last| last.event != Event::Stop) {
            let text = "no STOP in the trace, and another START after it".into();
            let killed = Entry { event: Event::Killed, link: None, user: "".into(), number: 0, text, ..last.clone() };
            run.entries.push(killed);
        }
        run.lifeline.clone()
    }

    /// Returns the runs. `unread`: the files whose ends were not read.
    pub fn finish(mut self, unread: &[usize]) -> Vec<Run> {
        for ((file, _), index) in &self.current {
            if let Some(run) = self.runs.get_mut(*index).filter(|_| unread.contains(file)) {
                run.is_cut = true;
            }
        }
        self.runs
    }
}
