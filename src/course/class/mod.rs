//! A class: groups of students, each with a server of its own, in one directory.
//!
//! - `files`: `class.csv` and `students.csv`, replaced as a whole and durably.
//! - `server`: a server process of a group: started, found and stopped by the file that it holds a lock on.
//! - `traffic`: what a server's trace says about messages, connections and crashes.
//! - `grades`: the judge's results of a group, and the grade sheet.
//! - `board`: the score board as rows and as text. `page`: the same as a page.
//!
//! A class begins as a whole: everything is made in `<directory>.new`, and the rename is the commit point.

pub mod board;
mod files;
pub mod grades;
mod page;
mod server;
mod traffic;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use files::replace;
pub use page::html;
pub use server::{Starting, Trouble, detach};
pub use traffic::Traffic;

use crate::disk::{self, Disk as _, RealDisk};
use crate::limits;
use crate::model::{Fingerprint, UserName};
use crate::net::Identity;

/// Certificate and key, in the directory of the certificate.
const CERTIFICATE_FILES: [&str; 2] = ["certificate.pem", "key.pem"];

/// A class, as its directory has it.
#[derive(Clone, Debug)]
pub struct Class {
    pub directory: PathBuf,
    /// Address that all its servers listen on.
    pub listen: IpAddr,
    /// Network time-out of all its servers, in seconds.
    pub timeout: u64,
    /// All its servers speak TLS, with one certificate.
    pub tls: bool,
    /// In the order of their numbers, from 1.
    pub groups: Vec<Group>,
    pub students: Vec<Student>,
}

/// A group, and the ports of its wachat server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub number: u16,
    pub send_port: u16,
    pub recv_port: u16,
    /// The server that the group has written, as `HOST:SEND,RECV`, if it has registered one.
    pub own_server: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Student {
    pub name: UserName,
    pub group: u16,
}

/// The right to change a class: no other process has it until this is dropped.
pub struct Lock(#[expect(dead_code, reason = "dropping it unlocks the file")] Box<dyn Send>);

/// Locks a directory of a class, or one in which a class is being made.
pub fn lock(directory: &Path) -> Result<Lock, String> {
    let locked = disk::check_directory(directory).and_then(|()| RealDisk.lock(&directory.join("lock")));
    locked.map(Lock).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            format!("another wachat class is at work in {}: wait until it is done", directory.display())
        }
        _ => format!("{}: {error}", directory.display()),
    })
}

/// Returns the groups of a new class, with two ports each from `base_port` on.
pub fn groups(count: u16, base_port: u16) -> Result<Vec<Group>, String> {
    let port = |index: u16| base_port.checked_add(index.checked_mul(2)?)?.checked_add(1);
    let group = |number: u16| {
        let recv_port = port(number - 1)?;
        Some(Group { number, send_port: recv_port - 1, recv_port, own_server: None })
    };
    let groups: Option<Vec<_>> = (1..=count).map(group).collect();
    groups.ok_or_else(|| format!("there are no {} ports from {base_port} on: choose a lower --base-port", 2 * count))
}

/// Deals students to groups, the same way each time: returns the group of each. Those who have `chosen` one get it; the
/// others go, in their order, to the group that has the fewest students then, the first one of those.
pub fn deal(chosen: &[Option<u16>], groups: u16) -> Vec<u16> {
    let mut sizes: Vec<usize> =
        (1..=groups).map(|group| chosen.iter().filter(|chosen| **chosen == Some(group)).count()).collect();
    let mut next = || {
        let smallest = sizes.iter_mut().zip(1..).min_by_key(|(size, _)| **size);
        smallest.map_or(1, |(size, group)| {
            *size += 1;
            group
        })
    };
    chosen.iter().map(|chosen| chosen.unwrap_or_else(&mut next)).collect()
}

impl Class {
    pub fn group(&self, number: u16) -> Result<&Group, String> {
        let found = self.groups.iter().find(|group| group.number == number);
        found.ok_or_else(|| format!("there is no group {number}: the class has {}", self.groups.len()))
    }

    /// Returns the directory of a group: its store, trace, log and results.
    pub fn directory_of(&self, group: u16) -> PathBuf {
        self.directory.join(format!("group-{group}"))
    }

    /// Returns the students of a group, in the order of the roster.
    pub fn students_of(&self, group: u16) -> impl Iterator<Item = &Student> {
        self.students.iter().filter(move |student| student.group == group)
    }

    /// Returns the server of a group, be it running or not.
    pub fn server(&self, group: &Group) -> server::Server {
        let trace = self.directory_of(group.number).join("trace.csv");
        server::Server {
            directory: self.directory_of(group.number),
            trace,
            group: group.clone(),
            listen: self.listen,
            timeout: self.timeout,
            certificate: self.tls.then(|| self.certificate()),
        }
    }

    /// Returns the directory of the certificate of all servers. It is beside the stores, so that one that is emptied, or
    /// another number of a group, does not change it.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("tls")
    }

    /// Returns the fingerprint of the certificate; `None`: the servers speak clear text.
    pub fn fingerprint(&self) -> Result<Option<Fingerprint>, String> {
        let [certificate, key] = CERTIFICATE_FILES.map(|name| self.certificate().join(name));
        let identity = self.tls.then(|| Identity::read(&certificate, &key)).transpose()?;
        Ok(identity.map(|identity| identity.fingerprint()))
    }

    /// Returns whether others can listen to what the class says: it speaks clear text beyond this machine.
    pub fn is_open_to_listeners(&self) -> bool {
        !self.tls && !self.listen.is_loopback()
    }

    /// Checks that there is room for one student more.
    pub fn check_room(students: usize) -> Result<(), String> {
        let most = limits::CLASS_STUDENTS;
        if students > most { Err(format!("a class has at most {most} students")) } else { Ok(()) }
    }
}
