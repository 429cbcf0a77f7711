//! One sync for all that has come: what a message costs goes down when there is more to do.

mod support;

use std::io;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use support::{Line, PASSWORD};
use wachat::disk::{Disk, File, SimulatedDisk};
use wachat::server::{Config, start};

/// A disk that takes its time to sync, as real ones do, so that the test does not depend on which.
#[derive(Clone)]
struct SlowDisk(SimulatedDisk);

struct SlowFile(Arc<dyn File>);

const SYNC_TAKES: Duration = Duration::from_millis(20);

#[test]
fn twenty_concurrent_sends_cost_fewer_than_twenty_syncs() {
    let disk = SimulatedDisk::default();
    let server = start(Config::on_free_ports(Arc::new(SlowDisk(disk.clone())), "/data".into()))
        .unwrap_or_else(|error| panic!("{error}"));
    let address = server.send_address();
    let mut lines: Vec<Line> = (0..20).map(|i| Line::open(address).registered(&format!("user{i}"))).collect();
    let before = disk.syncs();
    let together = Arc::new(Barrier::new(lines.len()));
    let senders: Vec<_> = lines
        .drain(..)
        .map(|mut line| {
            let together = together.clone();
            std::thread::spawn(move || {
                together.wait();
                assert!(line.ask("SEND;1;user0;hola").starts_with("OK;1;RECEIVED;"));
            })
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().expect("an OK"));
    let syncs = disk.syncs() - before;
    println!("20 concurrent sends: {syncs} syncs");
    assert!(syncs <= 10, "20 concurrent sends cost {syncs} syncs");
    server.stop().expect("a clean stop");
}

trait Registered {
    fn registered(self, user: &str) -> Self;
}

impl Registered for Line {
    fn registered(mut self, user: &str) -> Self {
        assert_eq!(self.ask(&format!("REGISTER:{user}:{PASSWORD}")), format!("OK;{user};wachat/1"));
        self
    }
}

impl File for SlowFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        std::thread::sleep(SYNC_TAKES);
        self.0.sync()
    }
}

impl Disk for SlowDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(SlowFile(self.0.open(path)?)))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(SlowFile(self.0.create(path)?)))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.list(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        self.0.lock(path)
    }
}
