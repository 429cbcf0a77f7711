//! The log of a server on standard error: as lines of text, or as JSON objects, one a line (`serve --log-format`).

use std::io::{self, Write};

use env_logger::{Builder, Env};
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde::Serializer as _;
use serde::ser::{Error as _, SerializeMap};

use crate::model::Timestamp;
use crate::server::audit;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// Time, level, target and message
    Text,
    /// An object a line: time, level, target, message, and the fields of an audit event
    Json,
}

/// Starts the log: warnings, errors and the audit log, unless RUST_LOG says otherwise.
pub(super) fn start(format: LogFormat) {
    let default = format!("warn,{}=info", audit::TARGET);
    let mut builder = Builder::from_env(Env::default().default_filter_or(default));
    if format == LogFormat::Json {
        builder.format(|out, record| {
            let line = as_json(record).map_err(io::Error::other)?;
            out.write_all(&line)
        });
    }
    builder.init();
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
