//! Threads, open files and memory of a process (Linux).

use std::path::PathBuf;
use std::time::Duration;

pub struct Process(PathBuf);

/// Resources of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    pub threads: u64,
    pub files: usize,
}

impl Process {
    pub fn of(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// Resident memory, in KiB.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that was resident at a time, in KiB.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The processor time of all its threads so far.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(self.0.join("stat")).expect("the process's state");
        // The fields after the name, which is in brackets: utime and stime are the 12th and 13th, in 1/100 s.
        let fields = stat.rsplit_once(") ").expect("a name").1.split(' ').skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(10 * ticks)
    }

    pub fn holds(&self) -> Holds {
        let files = std::fs::read_dir(self.0.join("fd")).expect("its open files").count();
        Holds { threads: self.status("Threads:"), files }
    }

    /// Checks that every thread is stopped: SIGSTOP takes a moment.
    pub fn is_stopped(&self) -> bool {
        let tasks = std::fs::read_dir(self.0.join("task")).expect("its threads").flatten();
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        stats.into_iter().all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    }

    /// Returns what the open files of the process are: paths, sockets, pipes.
    pub fn open_files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.0.join("fd")).expect("its open files").flatten();
        files.filter_map(|file| Some(std::fs::read_link(file.path()).ok()?.display().to_string())).collect()
    }

    /// Returns the resources of the process if they do not change for 50 ms.
    pub fn is_at_rest(&self) -> Option<Holds> {
        let now = self.holds();
        std::thread::sleep(std::time::Duration::from_millis(50));
        (self.holds() == now).then_some(now)
    }

    fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(self.0.join("status")).expect("the process's status");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line of the status");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}
