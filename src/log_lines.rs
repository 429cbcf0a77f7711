//! The lines of every log of text: time, level, target and message, as `env_logger` writes them by default, but for the
//! time. Its own stops the program with a panic where the clock is beyond the year 9999.

use std::io::{self, Write as _};

use env_logger::fmt::Formatter;
use env_logger::{Builder, Env};
use log::Record;

use crate::model::Timestamp;

/// Returns the builder of a log that shows what `RUST_LOG` says, else warnings and errors.
pub fn from_env() -> Builder {
    with_form(Builder::from_env(Env::default().default_filter_or("warn")))
}

/// Sets the form of the lines.
pub fn with_form(mut builder: Builder) -> Builder {
    builder.format(write_line);
    builder
}

/// Writes a line. Further lines of a message are indented, so that none passes for a line of the log.
fn write_line(out: &mut Formatter, record: &Record) -> io::Result<()> {
    let seconds = seconds(Timestamp::now());
    let level = record.level();
    let target = record.target();
    let style = out.default_level_style(level);
    let message = record.args().to_string().replace('\n', "\n    ");
    writeln!(out, "[{seconds} {style}{level:<5}{style:#} {target}] {message}")
}

/// Returns a time as a line has it, without milliseconds.
pub fn seconds(time: Timestamp) -> String {
    format!("{}Z", time.to_string().get(..19).unwrap_or_default())
}
