//! An ext4 file system of its own, in a file, whose power can be cut (Linux, root).

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::ioctl::{Opcode, Setter, ioctl};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::support::wait_for;

/// `EXT4_IOC_SHUTDOWN`, in `fs/ext4/ext4.h`: `_IOR('X', 125, __u32)`.
const SHUTDOWN: Opcode = 0x8004_587d;

/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: nothing more reaches the disk, not even what the write-ahead log holds.
const NO_LOG_FLUSH: u32 = 2;

/// The file is sparse: what is not written takes no room.
const IMAGE_BYTES: u64 = 4 << 30;

/// A small write-ahead log and few inodes are quick to make. All is made at once, so that no kernel thread
/// does it later, in the middle of a cycle.
const MKFS: [&str; 9] =
    ["-q", "-F", "-J", "size=8", "-N", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-m0"];

/// By itself the kernel commits every 5 seconds. Later: what survives was synced by the server.
const MOUNT_OPTIONS: &str = "loop,commit=300";

/// Mounted, or not. Unmounted for good when it goes; the image stays.
pub struct LoopDisk {
    image: PathBuf,
    mount: PathBuf,
    is_mounted: bool,
}

impl LoopDisk {
    /// Makes and mounts one in this directory; says why that is not possible here.
    pub fn new(directory: &Path) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root may mount a file system".to_owned());
        }
        let image = directory.join("image");
        let mount = directory.join("disk");
        let made = File::create(&image).and_then(|file| file.set_len(IMAGE_BYTES));
        made.and_then(|()| std::fs::create_dir(&mount)).map_err(|error| format!("no room for a disk: {error}"))?;
        see_mounts_alone()?;
        run(Command::new("mkfs.ext4").args(MKFS).arg(&image))?;
        let mut disk = Self { image, mount, is_mounted: false };
        disk.try_mount()?;
        match disk.try_cut() {
            Ok(()) => disk.plug_in(),
            Err(error) => return Err(format!("this kernel's ext4 cannot be shut down: {error}")),
        }
        Ok(disk)
    }

    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts the power: the unsynced is lost, and calls on open files fail from now on.
    pub fn cut_power(&self) {
        self.try_cut().expect("the power to go");
    }

    /// Forgets what the system has cached, and lets it repair the file system as after a power cut.
    /// No file may be open there.
    pub fn plug_in(&mut self) {
        wait_for("the disk to be free", || run(Command::new("umount").arg(&self.mount)).ok());
        self.is_mounted = false;
        self.try_mount().expect("the disk comes back");
    }

    fn try_mount(&mut self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", MOUNT_OPTIONS]).arg(&self.image).arg(&self.mount))?;
        self.is_mounted = true;
        Ok(())
    }

    fn try_cut(&self) -> std::io::Result<()> {
        let directory = File::open(&self.mount)?;
        // SAFETY: this call of ext4 (and of no other file system under this number with another
        // meaning) reads one u32 and writes no memory; the descriptor is open.
        unsafe { ioctl(directory.as_fd(), Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }?;
        Ok(())
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // Lazily, in case a test that failed has left a file open: it goes when that is closed.
        if self.is_mounted {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.mount));
        }
    }
}

/// From now on what this thread mounts is seen by it and its children only, and goes with them,
/// however they end. What others unmount still goes here too: a disk that is mounted anywhere is not
/// forgotten.
fn see_mounts_alone() -> Result<(), String> {
    // SAFETY: mounts, and the working directory, are no longer shared with the process's other threads;
    // no descriptor or memory is affected.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.map_err(|error| format!("no mounts of its own: {error}"))?;
    run(Command::new("mount").args(["--make-rslave", "/"]))
}

/// Runs a command; says why it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{name}: {}", said.trim()))
}
