//! Tools of a course on distributed systems: they watch, disturb and grade programs that speak the protocol.
//!
//! - [`chaos`]: a proxy that disturbs connections by rules; the tests put it between clients and a server.
//!
//! README.md in this folder is the page for teachers and students.

pub mod chaos;
