//! Threads, open files and memory of a process (Linux).

use std::path::PathBuf;

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

    pub fn holds(&self) -> Holds {
        let files = std::fs::read_dir(self.0.join("fd")).expect("its open files").count();
        Holds { threads: self.status("Threads:"), files }
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
