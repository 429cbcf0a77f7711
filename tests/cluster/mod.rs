//! Several servers as one: the client of etcd, the log, and real servers that are killed, stopped and cut off.

mod answers;
mod chaos;
mod etcd;
mod etcd_away;
mod failover;
mod full;
mod membership;
mod metrics;
mod page;
mod terms;
mod url;
