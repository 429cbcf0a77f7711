//! Notices that a peer has ended its output while nobody reads from it.
//!
//! A connection's thread that waits for a poll's answer does not look at its socket. One thread
//! looks at all of those sockets together, and only for this: that is what lets a waiting poll be
//! answered at once when its client has nothing more to ask, without a second thread or a second
//! descriptor a connection. Where there is no epoll, such a poll is answered when its wait is over.

#[cfg(target_os = "linux")]
pub use linux::HangUps;
#[cfg(not(target_os = "linux"))]
pub use nothing::HangUps;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::MaybeUninit;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::sync::Arc;
    use std::thread;

    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
    use rustix::io::Errno;
    use rustix::time::Timespec;

    /// How many hang-ups are taken from the system at once.
    const EVENTS: usize = 64;

    /// How often the thread looks up to see whether anybody still needs it.
    const LOOK_UP: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

    /// Watches sockets, and tells once for each when its peer has hung up.
    pub struct HangUps {
        epoll: Arc<OwnedFd>,
    }

    impl HangUps {
        /// Starts the thread that calls `told` with the number a socket was watched under.
        pub fn start(mut told: impl FnMut(u64) + Send + 'static) -> io::Result<Self> {
            let epoll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
            let watched = epoll.clone();
            thread::Builder::new().name("hang-ups".to_owned()).spawn(move || {
                let mut events = [MaybeUninit::uninit(); EVENTS];
                loop {
                    match epoll::wait(&*watched, &mut events, Some(&LOOK_UP)) {
                        Ok(([], _)) if Arc::strong_count(&watched) == 1 => return,
                        Ok((happened, _)) => happened.iter().for_each(|event| told(event.data.u64())),
                        Err(Errno::INTR) => {}
                        Err(error) => {
                            log::error!("cannot watch for hang-ups any more: {error}");
                            return;
                        }
                    }
                }
            })?;
            Ok(Self { epoll })
        }

        /// Watches a socket until it is closed.
        pub fn watch(&self, socket: &TcpStream, number: u64) -> io::Result<()> {
            let once = EventFlags::RDHUP | EventFlags::ONESHOT;
            Ok(epoll::add(&*self.epoll, socket, EventData::new_u64(number), once)?)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nothing {
    use std::io;
    use std::net::TcpStream;

    /// Watches nothing.
    pub struct HangUps;

    impl HangUps {
        pub fn start(_told: impl FnMut(u64) + Send + 'static) -> io::Result<Self> {
            Ok(Self)
        }

        pub fn watch(&self, _socket: &TcpStream, _number: u64) -> io::Result<()> {
            Ok(())
        }
    }
}
