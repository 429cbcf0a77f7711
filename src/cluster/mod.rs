//! Several servers as one: a log of entries that etcd keeps, and which every server applies to a store of its own. The
//! engine is etcd, a consensus log that exists: nothing here replicates, votes or orders.
//!
//! ```text
//!  leader: batch -> entry -> etcd (one transaction) -> own log, one sync -> effects
//!  others:          etcd (the range after the last entry) -> apply -> own log, one sync
//! ```
//!
//! One server has the leader's key, under a lease. Each of its appends compares that key and the last entry; so an append of
//! a leader whose term is over never takes effect, however late it arrives. No clock decides anything.
//!
//! | file | holds |
//! |---|---|
//! | `entry` | the form of an entry, and the chain of hashes |
//! | `keys`, `registration` | keys and values in etcd |
//! | `term` | [`Term`], the right to append: append, and the read that confirms it |
//! | `member` | [`Member`], the thread that follows the log, becomes the leader and keeps the lease |
//! | `registrar` | writes this server's registration, and looks at the others |
//! | `progress`, `failed_step` | the position of the store; failures of the thread's steps |
//! | `removal` | entries that every server has are removed |
//! | `membership` | the administrator's changes: init, join, leave, forget, status, format |
//! | `url`, `etcd` and what it uses | a blocking client of etcd's v3 JSON gateway |

mod endpoints;
mod entry;
mod etcd;
mod failed_step;
mod failure;
mod json;
mod keys;
mod member;
mod membership;
mod progress;
mod registrar;
mod registration;
mod removal;
mod resolver;
mod term;
mod tls;
mod url;
mod version;

pub use endpoints::{ANSWER_BYTES, Access};
pub use entry::{Chain, EntryHash, EntryHead, FORMAT, HEAD_BYTES, Link};
pub use etcd::{Compare, Etcd, KeyValue, MemberStatus, Operation, Range, Transacted};
pub use failure::EtcdError;
pub use keys::{Keys, write_link};
pub use member::{LEASE_SECONDS, Member, MemberConfig, News};
pub use membership::{Membership, Status};
pub use progress::Progress;
pub use registrar::ServerList;
pub use registration::Registration;
pub use term::{Term, TermOver};
pub use url::ClusterUrl;
pub use version::check_version;
