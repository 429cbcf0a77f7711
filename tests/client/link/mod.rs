//! The client's side of the wire, beside a server that plays its part from a transcript.

mod codes;
mod devices;
mod pages;
mod requests;
mod script;
mod servers;
mod taking_back;
mod threads;
