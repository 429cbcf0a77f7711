//! The pages of `wachat class` and its commands.

use super::super::page::{Page, page};

const EXITS: &[(u8, &str)] = &[(0, "done"), (1, "not done, or not all of it; a line says why"), (2, "wrong arguments")];

pub(in crate::cli) const PAGES: &[Page] = &[
    page(
        "class",
        EXITS,
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
        EXITS,
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
        EXITS,
        &[
            ("wachat class board", "A table that follows what happens, until Ctrl-C"),
            ("wachat class board --html board.html", "The same as a page for a projector, too"),
            ("wachat class board --once", "The table as it is now"),
        ],
        &["class judge", "class export"],
    ),
    page(
        "class server",
        EXITS,
        &[("wachat class server 2 192.168.1.20:6000,6001", "The server that group 2 has written")],
        &["class judge"],
    ),
    page(
        "class judge",
        EXITS,
        &[
            ("wachat class judge", "Grade the servers of all groups"),
            ("wachat class judge 2 3 --only framing,login --points points.toml", "The first labs of two groups"),
        ],
        &["class server", "class export", "judge"],
    ),
    page(
        "class add",
        EXITS,
        &[("wachat class add eva --group 2", "A student more, while the class runs")],
        &["class start", "user add"],
    ),
    page(
        "class reset",
        EXITS,
        &[("wachat class reset 2", "Begin again with the same accounts")],
        &["class start", "backup"],
    ),
    page("class export", EXITS, &[("wachat class export grades.csv", "For a spreadsheet")], &["class judge"]),
    page("class stop", EXITS, &[("wachat class stop", "Stop all servers of a class")], &["class start"]),
];
