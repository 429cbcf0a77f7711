//! The score board: a row a group, as text for a terminal.

use std::iter::once;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::thread;

use super::grades::{self, Grade};
use super::{Class, Group, Traffic};
use crate::limits;
use crate::model::Timestamp;
use crate::model::safe::safe;
use crate::text;

pub struct Row {
    pub group: u16,
    pub state: &'static str,
    pub students: Vec<String>,
    pub online: usize,
    pub connections: usize,
    /// Messages, with a `+` if the trace lacks entries.
    pub messages: String,
    pub crashes: u64,
    /// `-`: the group has registered no server; else whether it can be reached: `here` or `away`.
    pub own: &'static str,
    pub grades: Vec<Grade>,
}

/// Tells of each group whether its own server takes connections; `None`: it has none. All are asked at the same time.
pub fn probe(class: &Class) -> Vec<Option<bool>> {
    thread::scope(|scope| {
        let ask = |group| thread::Builder::new().name("probe".to_owned()).spawn_scoped(scope, move || reaches(group));
        let asked: Vec<_> = class.groups.iter().map(ask).collect();
        // Without a thread it is not known.
        asked.into_iter().map(|thread| thread.ok()?.join().unwrap_or_default()).collect()
    })
}

fn reaches(group: &Group) -> Option<bool> {
    let (host, ports) = group.own_server.as_deref()?.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let reaches_port = |port: &str| {
        let addresses = port.parse::<u16>().ok().and_then(|port| (host, port).to_socket_addrs().ok());
        addresses
            .into_iter()
            .flatten()
            .any(|address| TcpStream::connect_timeout(&address, limits::BOARD_CONNECT).is_ok())
    };
    Some(ports.split(',').all(reaches_port))
}

/// Returns the rows of a class. `traffic` has an entry a group, and is read further.
pub fn rows(class: &Class, traffic: &mut [Traffic], reached: &[Option<bool>]) -> Result<Vec<Row>, String> {
    class
        .groups
        .iter()
        .zip(traffic)
        .zip(reached)
        .map(|((group, traffic), own)| row(class, group, traffic, *own))
        .collect()
}

fn row(class: &Class, group: &Group, traffic: &mut Traffic, own: Option<bool>) -> Result<Row, String> {
    let server = class.server(group);
    // Before the trace: a server that ends meanwhile has written its end.
    let is_up = server.is_up()?;
    traffic.update(&server.trace).map_err(|error| format!("{}: {error}", server.trace.display()))?;
    let (connections, online) = if is_up { traffic.connected() } else { (0, 0) };
    Ok(Row {
        group: group.number,
        state: match is_up {
            true => "up",
            false if traffic.has_crashed(false) => "crashed",
            false => "stopped",
        },
        students: class.students_of(group.number).map(|student| student.name.to_string()).collect(),
        online,
        connections,
        messages: format!("{}{}", traffic.messages, if traffic.is_partial() { "+" } else { "" }),
        crashes: traffic.crashes(is_up),
        own: own.map_or("-", |is_here| if is_here { "here" } else { "away" }),
        grades: grades::read(&class.directory_of(group.number)),
    })
}

/// Returns the columns of the board, the most important first: a title, and the cell of each row.
pub fn columns(rows: &[Row]) -> Vec<(&str, Vec<String>)> {
    let cells = |cell: &dyn Fn(&Row) -> String| rows.iter().map(cell).collect::<Vec<_>>();
    let mut columns = vec![
        ("group", cells(&|row| row.group.to_string())),
        ("server", cells(&|row| row.state.to_owned())),
        ("online", cells(&|row| format!("{}/{}", row.online, row.students.len()))),
        ("messages", cells(&|row| row.messages.clone())),
        ("own", cells(&|row| row.own.to_owned())),
        (
            "points",
            cells(&|row| grades::total(&row.grades).map_or("-".to_owned(), |(has, of)| format!("{has:.1}/{of:.1}"))),
        ),
        ("crashes", cells(&|row| row.crashes.to_string())),
        ("connections", cells(&|row| row.connections.to_string())),
        ("judged", cells(&|row| judged(row).map_or("-".to_owned(), Timestamp::local_time_of_day))),
    ];
    let mut tests: Vec<&str> = Vec::new();
    for grade in rows.iter().flat_map(|row| &row.grades) {
        if !tests.contains(&grade.tests.as_str()) {
            tests.push(&grade.tests);
        }
    }
    let of = |row: &Row, tests: &str| {
        let grade = row.grades.iter().find(|grade| grade.tests == tests);
        grade.map_or("-".to_owned(), |grade| format!("{}/{}", grade.passed, grade.played))
    };
    columns.extend(tests.into_iter().map(|tests| (tests, cells(&|row| of(row, tests)))));
    columns
}

/// Returns the time of the newest result.
pub fn judged(row: &Row) -> Option<Timestamp> {
    row.grades.iter().map(|grade| grade.at).max()
}

/// Returns the board for a terminal of this size. Columns and rows that do not fit are left out, and `…` says so.
pub fn text(rows: &[Row], width: usize, height: usize) -> String {
    let mut lines = vec![String::new(); rows.len() + 1];
    for (title, cells) in columns(rows) {
        let cells: Vec<_> = cells.iter().map(|cell| safe(cell)).collect();
        let before = lines.clone();
        text::add_column(&mut lines, once(title).chain(cells.iter().map(AsRef::as_ref)));
        if lines.iter().map(|line| text::cells(line) + 2).max() > Some(width) {
            lines = before;
            text::add_column(&mut lines, once("…"));
            break;
        }
    }
    let hidden = lines.len().saturating_sub(height.max(2));
    if hidden > 0 {
        lines.truncate(lines.len() - hidden - 1);
        lines.push(format!("… {} groups more", hidden + 1));
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}
