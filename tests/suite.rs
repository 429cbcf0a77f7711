//! The tests, one program: the library and [`support`] are linked once. A folder holds the tests of one side of wachat.

mod support;

mod client;
mod cluster;
mod course;
mod docs;
mod durability;
mod page;
mod protocol;
mod server;
mod tools;
mod web;
