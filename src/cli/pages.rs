//! The parts of `--help` and of the manual page of each command beside its arguments: exit codes, examples, related commands.

use clap::Command;

/// The additions to the page of one command.
pub struct Page {
    /// The words of the command after `wachat`; empty: the program itself.
    pub command: &'static str,
    pub exits: &'static [(u8, &'static str)],
    /// A command line for a shell, and its purpose.
    pub examples: &'static [(&'static str, &'static str)],
    /// Related commands, in the same form as `command`.
    pub see: &'static [&'static str],
}

/// The exit codes of clients ([`crate::client::Exit`]).
const CLIENT: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed; a line says why"),
    (2, "wrong arguments, or no password"),
    (3, "login refused"),
    (4, "server unreachable"),
    (5, "only queued: the next send or connect sends it"),
    (130, "interrupted by Ctrl-C"),
];

const ADMIN: &[(u8, &str)] = &[(0, "done"), (1, "not done; a line says why"), (2, "wrong arguments")];

const SERVE: &[(u8, &str)] =
    &[(0, "stopped by a signal"), (1, "cannot start, or cannot go on; a line says why"), (2, "wrong arguments")];

const CHECK: &[(u8, &str)] = &[
    (0, "no damage"),
    (1, "each line names damage, with file and line, or says why the store cannot be checked"),
    (2, "wrong arguments"),
];

const JUDGE: &[(u8, &str)] = &[
    (0, "no test failed"),
    (1, "at least one test failed, or a line says why none was played"),
    (2, "wrong arguments"),
];

const BRIDGE: &[(u8, &str)] = &[
    (0, "stopped by a signal"),
    (1, "cannot go on; a line says why"),
    (2, "wrong arguments"),
    (3, "the server or the network refuses the login, or another session took over"),
];

const CHAOS: &[(u8, &str)] = &[
    (0, "stopped by a signal"),
    (1, "cannot start; a line says why"),
    (2, "wrong arguments, or a rule or log that cannot be read"),
];

const CLASS: &[(u8, &str)] = &[(0, "done"), (1, "not done, or not all of it; a line says why"), (2, "wrong arguments")];

const fn page(
    command: &'static str,
    exits: &'static [(u8, &'static str)],
    examples: &'static [(&'static str, &'static str)],
    see: &'static [&'static str],
) -> Page {
    Page { command, exits, examples, see }
}

/// The additions to all commands.
pub static PAGES: &[Page] = &[
    page(
        "",
        ADMIN,
        &[
            ("wachat serve --listen 0.0.0.0 --tls", "Run a server for the network"),
            ("wachat connect --user ana --server 192.168.1.7 --tls", "Chat there"),
            ("wachat help send", "Explain a command"),
        ],
        &[],
    ),
    page(
        "serve",
        SERVE,
        &[
            ("wachat serve", "For this machine alone, with its store in data/"),
            ("wachat serve --listen 0.0.0.0 --tls", "For the network; it prints the line for friends"),
            ("wachat serve --tls --registration closed", "For accounts that the administrator creates"),
            ("wachat serve --keep 365d --keep-rooms 90d", "Remove messages after a year, in rooms after three months"),
            ("wachat serve --trace", "Show each line as it comes and goes"),
            ("wachat serve --metrics 127.0.0.1:9666", "Serve metrics for Prometheus, and a health check"),
        ],
        &["connect", "user", "session", "ban", "status", "check", "backup", "trace"],
    ),
    page(
        "connect",
        CLIENT,
        &[
            ("wachat connect --user ana", "Chat on this machine"),
            ("wachat connect --user ana --server 192.168.1.7 --tls", "Chat on another machine"),
            ("echo '@luis: hola' | wachat connect --user ana", "Send the lines of a pipe"),
        ],
        &["send", "receive", "serve", "trace"],
    ),
    page(
        "send",
        CLIENT,
        &[
            ("wachat send --user ana luis 'hola; ¿qué tal?'", "Send to a user"),
            ("date | wachat send --user ana '#lobby' -", "Send standard input to a room"),
            ("wachat send --user ana --wait read --timeout 60 luis hola", "Wait until luis has read it"),
        ],
        &["receive", "history", "connect"],
    ),
    page(
        "receive",
        CLIENT,
        &[
            ("wachat receive --user luis", "Print what waits, and end"),
            ("wachat receive --user luis --follow --json", "Print each event as a JSON object, without end"),
            ("wachat receive --user luis --follow --take-over", "End the client that runs, and receive here"),
        ],
        &["send", "history", "connect"],
    ),
    page(
        "history",
        CLIENT,
        &[
            ("wachat history --user luis ana", "The last 50 messages with ana"),
            ("wachat history --user luis '#lobby' --limit 10 --utc", "The last 10 of a room, with full times"),
            ("wachat history --user luis ana --all --json", "Everything, for a script"),
        ],
        &["receive", "send"],
    ),
    page("users", CLIENT, &[("wachat users --user luis", "Who there is, and who is online")], &["rooms", "user list"]),
    page("rooms", CLIENT, &[("wachat rooms --user luis --json", "The rooms, for a script")], &["users", "room list"]),
    page(
        "bridge",
        BRIDGE,
        &[("wachat bridge telegram --help", "Explain the bridge to Telegram")],
        &["bridge telegram"],
    ),
    page(
        "bridge telegram",
        BRIDGE,
        &[(
            "wachat bridge telegram --user bridge --room '#lobby' \\\n      --chat-id -100123456 --token-file token",
            "Join #lobby with a Telegram group",
        )],
        &["serve", "connect"],
    ),
    page(
        "chaos",
        CHAOS,
        &[
            ("wachat chaos --rule 'drop reply OK 3'", "Lose the third OK of the server on this machine"),
            ("wachat chaos --rules rules.txt --seed 7 --log run.csv", "The rules of a file, and a log"),
            ("wachat chaos --listen 0.0.0.0:2666,0.0.0.0:2999 --seed 7", "Random faults, for clients of the network"),
            ("wachat chaos --replay run.csv", "The same decisions again"),
            ("wachat chaos --seed 7 --trace chaos.csv", "Record each line that it receives or sends on"),
        ],
        &["serve", "connect", "trace"],
    ),
    page(
        "class",
        CLASS,
        &[("wachat class start --help", "Explain how a class begins")],
        &[
            "class start",
            "class board",
            "class server",
            "class judge",
            "class add",
            "class reset",
            "class export",
            "class stop",
        ],
    ),
    page(
        "class start",
        CLASS,
        &[
            ("wachat class start --roster data/roster.csv --groups 4", "A new class, on this machine alone"),
            (
                "wachat class start --roster data/roster.csv --groups 4 \\\n      --listen 0.0.0.0 --base-port 8000",
                "For the network, with the ports from 8000 to 8007",
            ),
            ("wachat class start", "Start again what is down"),
        ],
        &["class stop", "class board", "user import", "serve"],
    ),
    page(
        "class board",
        CLASS,
        &[
            ("wachat class board", "A table that follows what happens, until Ctrl-C"),
            ("wachat class board --html board.html", "The same as a page for a projector, too"),
            ("wachat class board --once", "The table as it is now"),
        ],
        &["class judge", "class export"],
    ),
    page(
        "class server",
        CLASS,
        &[("wachat class server 2 192.168.1.20:6000,6001", "The server that group 2 has written")],
        &["class judge"],
    ),
    page(
        "class judge",
        CLASS,
        &[
            ("wachat class judge", "Grade the servers of all groups"),
            ("wachat class judge 2 3 --only framing,login --points points.toml", "The first labs of two groups"),
        ],
        &["class server", "class export", "judge"],
    ),
    page(
        "class add",
        CLASS,
        &[("wachat class add eva --group 2", "A student more, while the class runs")],
        &["class start", "user add"],
    ),
    page(
        "class reset",
        CLASS,
        &[("wachat class reset 2", "Begin again with the same accounts")],
        &["class start", "backup"],
    ),
    page("class export", CLASS, &[("wachat class export grades.csv", "For a spreadsheet")], &["class judge"]),
    page("class stop", CLASS, &[("wachat class stop", "Stop all servers of a class")], &["class start"]),
    page(
        "user",
        ADMIN,
        &[
            ("wachat user add ana", "Create an account"),
            ("wachat user import data/roster.csv", "Create the accounts of a class"),
        ],
        &["user add", "user import", "user export", "user passwd", "user remove", "user list", "room", "ban"],
    ),
    page("user add", ADMIN, &[("wachat user add ana --password-file secret", "Without a prompt")], &["user import"]),
    page(
        "user import",
        ADMIN,
        &[
            ("wachat user import data/roster.csv", "Passwords go to data/passwords.csv"),
            ("wachat user import data/passwords.csv --skip-existing", "Continue after a crash"),
        ],
        &["user export", "serve"],
    ),
    page("user export", ADMIN, &[("wachat user export > roster.csv", "Write a roster")], &["user import"]),
    page("user passwd", ADMIN, &[("wachat user passwd ana", "Set the password of ana")], &["user add"]),
    page("user remove", ADMIN, &[("wachat user remove ana", "Close the account of ana")], &["user list"]),
    page("user list", ADMIN, &[("wachat user list --data data", "The accounts of a store")], &["users", "user export"]),
    page("room", ADMIN, &[("wachat room list", "The rooms of a store")], &["room list", "room remove", "user"]),
    page("room list", ADMIN, &[("wachat room list --data data", "The rooms of a store")], &["rooms"]),
    page("room remove", ADMIN, &[("wachat room remove '#sala'", "End #sala for all members")], &["room list"]),
    page(
        "session",
        ADMIN,
        &[("wachat session list", "The connections to the server on data/")],
        &["session list", "session close", "status", "ban"],
    ),
    page(
        "session list",
        ADMIN,
        &[("wachat session list --data data", "Who is connected, and from where")],
        &["status"],
    ),
    page(
        "session close",
        ADMIN,
        &[
            ("wachat session close luis", "Close all connections of luis"),
            ("wachat session close 17", "Close the connection with this number"),
        ],
        &["session list", "ban"],
    ),
    page(
        "ban",
        ADMIN,
        &[
            ("wachat ban luis --for 1h --reason 'one hour of silence'", "Keep luis out for an hour"),
            ("wachat ban 192.0.2.0/24", "Keep a network out until the ban is lifted"),
        ],
        &["unban", "bans", "session close", "user remove"],
    ),
    page("unban", ADMIN, &[("wachat unban luis", "Let luis in again")], &["ban", "bans"]),
    page("bans", ADMIN, &[("wachat bans", "Who is banned, until when and why")], &["ban", "unban"]),
    page(
        "announce",
        ADMIN,
        &[("wachat announce 'the server stops at 18:00'", "Tell all who are online")],
        &["status", "session list"],
    ),
    page(
        "status",
        ADMIN,
        &[
            ("wachat status", "Accounts, sessions, queues, batches, disk"),
            ("wachat status --json", "The same as a JSON object"),
        ],
        &["session list", "log-level"],
    ),
    page(
        "log-level",
        ADMIN,
        &[("wachat log-level debug", "Log each login"), ("wachat log-level warn", "As a server starts")],
        &["status", "serve"],
    ),
    page("check", CHECK, &[("wachat check --data data", "Verify a stopped store or a backup")], &["backup", "restore"]),
    page(
        "backup",
        ADMIN,
        &[
            ("wachat backup --data data /mnt/backups/monday", "Copy a store, also while it is served"),
            ("wachat backup --data data /mnt/backups --keep 14", "Each day a copy, for a timer; the newest 14 stay"),
        ],
        &["restore", "check"],
    ),
    page(
        "restore",
        ADMIN,
        &[("wachat restore /mnt/backups/monday --data data", "Make a store of a backup")],
        &["backup", "check"],
    ),
    page(
        "talk",
        ADMIN,
        &[
            ("wachat talk --user ana", "Log in on the SEND port, and type requests"),
            ("wachat talk recv --user ana", "The same on the RECV port"),
            ("printf 'REGISTER:ana:palabra larga\\nPING\\n' | wachat talk", "Send the lines of a pipe"),
        ],
        &["trace", "judge"],
    ),
    page(
        "demo",
        ADMIN,
        &[
            ("wachat demo durability", "What an OK is worth"),
            ("wachat demo retry --step", "At the pace of the Enter key"),
        ],
        &["explain", "judge"],
    ),
    page(
        "dissector",
        ADMIN,
        &[
            ("wachat dissector > ~/.local/lib/wireshark/plugins/wachat.lua", "For Wireshark"),
            ("wachat dissector --send-port 666 --recv-port 999 > wachat.lua", "For a server on other ports"),
        ],
        &["trace"],
    ),
    page(
        "explain",
        ADMIN,
        &[
            ("wachat explain m-1", "From the store in data/"),
            ("wachat explain m-1 --trace server.csv --trace ana.csv --lang es", "With the traces, in Spanish"),
        ],
        &["trace", "history"],
    ),
    page(
        "judge",
        JUDGE,
        &[
            ("wachat judge --server localhost:1666,1999", "Grade a server that runs"),
            ("wachat judge --server localhost:1666,1999 --only framing,login", "The tests of the first labs"),
            (
                "wachat judge --server localhost:1666,1999 --only crash \\\n      --restart 'pkill -9 my-server; ./my-server >log 2>&1 &'",
                "With crashes",
            ),
            ("wachat judge --client 'python3 client.py'", "Grade a client: the judge plays the server"),
        ],
        &["serve", "connect"],
    ),
    page(
        "trace",
        ADMIN,
        &[
            ("wachat trace server.csv ana.csv", "A sequence diagram in the terminal"),
            ("wachat trace server.csv chaos.csv ana.csv", "With the proxy between them"),
            ("wachat trace server.csv --as table --user ana", "Each line of ana"),
            ("wachat trace server.csv ana.csv --message m-1 --as html --out m-1.html", "The way of one message"),
        ],
        &["serve", "connect", "chaos"],
    ),
    page(
        "config",
        ADMIN,
        &[
            ("wachat config", "The settings of connect and serve"),
            ("wachat config send --user ana", "Those of one command line"),
        ],
        &["serve", "connect"],
    ),
    page(
        "completions",
        ADMIN,
        &[("wachat completions bash > ~/.local/share/bash-completion/completions/wachat", "For bash")],
        &["man"],
    ),
    page(
        "man",
        ADMIN,
        &[("wachat man | man -l -", "The overview"), ("wachat man user import | man -l -", "The page of a command")],
        &["completions"],
    ),
];

/// Returns the additions to a command.
pub(super) fn find(command: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.command == command)
}

/// Adds exit codes and examples to the help of a command and of those below it. `path`: its words after `wachat`.
pub(super) fn add_to_help(command: Command, path: &str) -> Command {
    let command = match find(path) {
        Some(page) => command.after_help(help(page)),
        None => command,
    };
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
        add_to_help(sub, &path)
    })
}

fn help(page: &Page) -> String {
    let mut text = "Examples:".to_owned();
    for (line, purpose) in page.examples {
        text.push_str(&format!("\n  {purpose}:\n    {line}"));
    }
    text.push_str("\n\nExit codes:");
    for (code, meaning) in page.exits {
        text.push_str(&format!("\n  {code:<3}  {meaning}"));
    }
    text
}
