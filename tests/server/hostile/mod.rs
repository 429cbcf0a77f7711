//! Promise 7 under load: hostile clients in great number, each kind beside a calm pair that chats. The 99th percentile of
//! the pair's messages stays under three times its own, and afterwards the server has the threads, open files and memory
//! that it had before, and a new user can register and talk.
//!
//! - `scene`: the server of a test, and what is measured before, beside and after the hostile clients.
//! - `crowd`: connections that are slow, silent, cut or gone, in the clear and under TLS.
//! - the tests: `connections`, `lines`, `logins`, `other_ports` (metrics, the administrator's socket), `scarcity` (open
//!   files, threads).
//!
//! Hostile clients are threads of lowest priority: two cores serve them, the pair and the server, and it is the server's
//! work that is measured. The tests take turns, since each of them keeps the machine busy.

mod connections;
mod crowd;
mod lines;
mod logins;
mod other_ports;
mod scarcity;
mod scene;
