//! The log of a process on standard error: as lines of text, or that of a server as JSON objects, one a line
//! (`serve --log-format`).

use std::io::{self, Write};

use env_logger::{Builder, Logger};
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Metadata, Record};
use serde::Serializer as _;
use serde::ser::{Error as _, SerializeMap};

use crate::log_lines;
use crate::model::Timestamp;
use crate::server;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// Time, level, target and message
    Text,
    /// An object a line: time, level, target, message, and the fields of an audit event
    Json,
}

/// Starts the log of a server. Its level is that of `RUST_LOG`, else warn, until `wachat log-level` sets another one. Where
/// `RUST_LOG` names modules, no others are logged.
pub(super) fn start_of_server(format: LogFormat) {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let level = if wanted.is_empty() { Some(LevelFilter::Warn) } else { wanted.parse().ok() };
    let mut builder = log_lines::with_form(Builder::new());
    match level {
        // The logger takes all lines of this program; the level is decided before.
        Some(level) => builder.filter_level(level).filter_module("wachat", LevelFilter::Trace),
        None => builder.parse_filters(&wanted),
    };
    if format == LogFormat::Json {
        builder.format(|out, record| {
            let line = as_json(record).map_err(io::Error::other)?;
            out.write_all(&line)
        });
    }
    let logger = builder.build();
    server::set_log_level(level.unwrap_or(logger.filter()));
    Filtered { logger, is_logged: server::is_logged }.start();
}

/// Starts the log of a bridge: only the lines of wachat itself, whatever `RUST_LOG` says. Those of its libraries may hold
/// the token, which is part of every URL.
pub(super) fn start_of_bridge() {
    let logger = log_lines::from_env().build();
    let level = logger.filter();
    Filtered { logger, is_logged: |line| line.target().starts_with("wachat") }.start();
    log::set_max_level(level);
}

/// Starts the log of another command.
pub(super) fn start() {
    log_lines::from_env().init();
}

/// A logger that writes some of its lines.
struct Filtered {
    logger: Logger,
    is_logged: fn(&Metadata) -> bool,
}

impl Filtered {
    fn start(self) {
        // It is the first of this process.
        let _ = log::set_boxed_logger(Box::new(self));
    }
}

impl log::Log for Filtered {
    fn enabled(&self, metadata: &Metadata) -> bool {
        (self.is_logged)(metadata) && self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            self.logger.log(record);
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

/// Returns a record as an object and a line feed.
fn as_json(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut writer = serde_json::Serializer::new(&mut line);
    let mut object = writer.serialize_map(None)?;
    object.serialize_entry("time", &Timestamp::now().to_string())?;
    object.serialize_entry("level", record.level().as_str())?;
    object.serialize_entry("target", record.target())?;
    object.serialize_entry("message", &record.args().to_string())?;
    let visited = record.key_values().visit(&mut Fields(&mut object));
    visited.map_err(serde_json::Error::custom)?;
    object.end()?;
    line.push(b'\n');
    Ok(line)
}

/// Adds the fields of a record to its object.
struct Fields<'a, M>(&'a mut M);

impl<'kvs, M: SerializeMap> VisitSource<'kvs> for Fields<'_, M> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let written = match value.to_u64() {
            Some(number) => self.0.serialize_entry(key.as_str(), &number),
            None => self.0.serialize_entry(key.as_str(), &value.to_string()),
        };
        written.map_err(|_| Error::msg("the field cannot be written"))
    }
}
