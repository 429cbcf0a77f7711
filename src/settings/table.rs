//! The table of settings.

use std::fmt;

use clap::{Arg, Command};

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    /// True or false, as the flag says.
    Flag,
    /// True or false, the opposite of the flag: `lobby` and `--no-lobby`.
    Not,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text in quotes",
            Self::Number => "a number, without quotes",
            Self::Flag | Self::Not => "true or false, without quotes",
        })
    }
}

/// A setting: its place in the file, and its argument.
#[derive(Debug)]
pub struct Setting {
    /// Table of the file; empty: the top level.
    pub table: &'static str,
    /// Id of the argument in clap.
    pub argument: &'static str,
    pub(super) kind: Kind,
}

const SERVE: &str = "serve";

const fn client(argument: &'static str, kind: Kind) -> Setting {
    Setting { table: "", argument, kind }
}

const fn serve(argument: &'static str, kind: Kind) -> Setting {
    Setting { table: SERVE, argument, kind }
}

/// All settings, in the order in which `wachat config` shows them. A row applies to each command with its argument.
pub static SETTINGS: &[Setting] = &[
    client("server", Kind::Text),
    client("send_port", Kind::Number),
    client("recv_port", Kind::Number),
    client("user", Kind::Text),
    client("password_file", Kind::Text),
    client("tls", Kind::Flag),
    client("ca", Kind::Text),
    client("known_servers", Kind::Text),
    client("home", Kind::Text),
    client("lang", Kind::Text),
    client("theme", Kind::Text),
    client("color", Kind::Text),
    client("keys", Kind::Text),
    serve("data", Kind::Text),
    serve("listen", Kind::Text),
    serve("send_port", Kind::Number),
    serve("recv_port", Kind::Number),
    serve("tls", Kind::Flag),
    serve("cert", Kind::Text),
    serve("key", Kind::Text),
    serve("registration", Kind::Text),
    serve("timeout", Kind::Number),
    serve("queue", Kind::Number),
    serve("queue_per_sender", Kind::Number),
    serve("queue_mib", Kind::Number),
    serve("queue_mib_per_sender", Kind::Number),
    serve("mib_per_day", Kind::Number),
    serve("room_mib_per_day", Kind::Number),
    serve("disk_floor", Kind::Number),
    serve("keep", Kind::Text),
    serve("keep_rooms", Kind::Text),
    serve("rate", Kind::Number),
    serve("no_lobby", Kind::Not),
    serve("log_format", Kind::Text),
    serve("metrics", Kind::Text),
    serve("web", Kind::Text),
    serve("web_name", Kind::Text),
    serve("web_proxy", Kind::Text),
    serve("cluster", Kind::Text),
    serve("cluster_advertise", Kind::Text),
    serve("cluster_quota", Kind::Number),
    serve("cluster_user", Kind::Text),
    serve("cluster_password_file", Kind::Text),
    serve("cluster_ca", Kind::Text),
    serve("cluster_name", Kind::Text),
];

impl Setting {
    /// Returns the key in the file: the argument's id, without the `no_` of a flag that takes something away.
    pub fn key(&self) -> &'static str {
        self.argument.trim_start_matches("no_")
    }

    /// Returns the name of the environment variable.
    pub fn environment(&self) -> String {
        format!("WACHAT_{}", self.argument.to_uppercase())
    }

    /// Returns the argument of a command that this row sets. Rows of the top level apply to clients, which have the
    /// argument `server`; rows of `serve` apply to `serve`, and its data directory and cluster to the administrator's
    /// commands too.
    pub fn argument_of<'a>(&self, command: &'a Command) -> Option<&'a Arg> {
        let argument = |id: &str| command.get_arguments().find(|argument| argument.get_id() == id);
        let is_client = argument("server").is_some();
        let applies = match self.table {
            SERVE => {
                let is_shared = self.argument == "data" || self.argument.starts_with("cluster");
                command.get_name() == SERVE || is_shared && !is_client
            }
            _ => is_client,
        };
        argument(self.argument).filter(|_| applies)
    }

    /// Converts a value of the argument to the value in the file, and back.
    pub fn convert(&self, value: &str) -> String {
        match (self.kind, value) {
            (Kind::Not, "true") => "false".to_owned(),
            (Kind::Not, "false") => "true".to_owned(),
            _ => value.to_owned(),
        }
    }

    /// Checks that the value is written in quotes.
    pub fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }
}
