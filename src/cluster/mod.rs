//! Several servers as one: the log that they share is in etcd, a consensus log that exists. Here is the client of etcd's
//! v3 JSON gateway, blocking like everything else.

mod endpoints;
mod etcd;
mod failure;
mod json;
mod resolver;
mod tls;
mod url;
mod version;

pub use endpoints::{ANSWER_BYTES, Access};
pub use etcd::{Compare, Etcd, KeyValue, MemberStatus, Operation, Range, Transacted};
pub use failure::EtcdError;
pub use url::ClusterUrl;
pub use version::check_version;
