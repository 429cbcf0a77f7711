//! Gives inputs the checksums and lengths that their formats ask for (data/README.md has the formats).

use wachat::record::end_with_checksum;

const SALT: u64 = 7;

/// Length of a segment beside its records: for its head, and line feeds after the records.
const ROOM: usize = 512;

/// Makes segments of a log. A line `SEGMENT` begins another one, a line `COMMIT` ends a batch; any other line is a record.
pub fn segments(owner: &str, data: &[u8]) -> Vec<Vec<u8>> {
    let mut batch = 0;
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    let parts = lines.split(|line| *line == b"SEGMENT");
    let contents: Vec<_> = parts.map(|part| batches(part, &mut batch)).collect();
    (1..).zip(contents).map(|(number, content)| segment(owner, number, &content)).collect()
}

fn batches(lines: &[&[u8]], batch: &mut u64) -> Vec<u8> {
    let mut content = Vec::new();
    let mut start = 0;
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if *line != b"COMMIT" {
            content.extend([line, b"\n".as_slice()].concat());
            continue;
        }
        *batch += 1;
        let records = content.get(start..).unwrap_or_default();
        let covered = [&SALT.to_be_bytes(), &batch.to_be_bytes(), records].concat();
        let mark = format!("COMMIT;{batch};{};{:08x}\n", records.len(), crc32fast::hash(&covered));
        content.extend(mark.as_bytes());
        start = content.len();
    }
    content
}

fn segment(owner: &str, number: u64, content: &[u8]) -> Vec<u8> {
    let size = content.len() + ROOM;
    let mut segment = format!("wachat-wal;1;{owner};{number};1;{size};{SALT:016x}").into_bytes();
    end_with_checksum(&mut segment, 0);
    segment.extend(content);
    segment.resize(size, b'\n');
    segment
}

/// Makes tables: a line `= <file>` begins each, and the line `end;...` after its rows is made here.
pub fn tables(data: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(data);
    let tables = text.split("= ").filter_map(|part| part.split_once('\n'));
    let name =
        |name: &str| name.chars().filter(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.')).collect::<String>();
    let is_name = |(name, _): &(String, &str)| name.ends_with(".csv");
    tables.map(|(file, rows)| (name(file), rows)).filter(is_name).map(|(name, rows)| (name, table(rows))).collect()
}

fn table(rows: &str) -> Vec<u8> {
    let mut table = rows.to_owned();
    if !table.ends_with('\n') {
        table.push('\n');
    }
    let count = table.lines().count().saturating_sub(2);
    let checksum = crc32fast::hash(table.as_bytes());
    table.push_str(&format!("end;{count};{checksum:08x}\n"));
    table.into_bytes()
}

/// Gives each line of a history file that ends in `;*` its checksum.
pub fn history(data: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let start = content.len();
        match line.strip_suffix(b";*\n") {
            Some(row) => {
                content.extend(row);
                end_with_checksum(&mut content, start);
            }
            None => content.extend(line),
        }
    }
    content
}
