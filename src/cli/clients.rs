//! The pages of the clients' commands, whose arguments are in [`crate::client`] and [`crate::tools`].

use super::page::{Page, page};

const EXITS: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed; a line says why"),
    (2, "wrong arguments, or no password"),
    (3, "login refused"),
    (4, "server unreachable"),
    (5, "only queued: the next send or connect sends it"),
    (130, "interrupted by Ctrl-C"),
];

pub(super) const PAGES: &[Page] = &[
    page(
        "connect",
        EXITS,
        &[
            ("wachat connect --user ana", "Chat on this machine"),
            ("wachat connect --user ana --server 192.168.1.7 --tls", "Chat on another machine"),
            ("echo '@luis: hola' | wachat connect --user ana", "Send the lines of a pipe"),
        ],
        &["send", "receive", "serve", "trace"],
    ),
    page(
        "send",
        EXITS,
        &[
            ("wachat send --user ana luis 'hola; ¿qué tal?'", "Send to a user"),
            ("date | wachat send --user ana '#lobby' -", "Send standard input to a room"),
            ("wachat send --user ana --wait read --timeout 60 luis hola", "Wait until luis has read it"),
        ],
        &["receive", "history", "connect"],
    ),
    page(
        "receive",
        EXITS,
        &[
            ("wachat receive --user luis", "Print what waits, and end"),
            ("wachat receive --user luis --follow --json", "Print each event as a JSON object, without end"),
            ("wachat receive --user luis --follow --take-over", "End the client that runs, and receive here"),
        ],
        &["send", "history", "connect"],
    ),
    page(
        "history",
        EXITS,
        &[
            ("wachat history --user luis ana", "The last 50 messages with ana"),
            ("wachat history --user luis '#lobby' --limit 10 --utc", "The last 10 of a room, with full times"),
            ("wachat history --user luis ana --all --json", "Everything, for a script"),
        ],
        &["receive", "send"],
    ),
    page("users", EXITS, &[("wachat users --user luis", "Who there is, and who is online")], &["rooms", "user list"]),
    page("rooms", EXITS, &[("wachat rooms --user luis --json", "The rooms, for a script")], &["users", "room list"]),
];
