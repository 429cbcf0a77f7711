//! Several servers as one: the client of etcd.

mod answers;
mod etcd;
mod etcd_away;
mod url;
