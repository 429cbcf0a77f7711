//! The score board as one page for a browser, which loads nothing from elsewhere and reads itself again.

use super::board::{Row, columns, judged};
use crate::limits;
use crate::model::Timestamp;
use crate::text::escape_xml;

const STYLE: &str = "
body { font: 18px system-ui, sans-serif; margin: 2em; color-scheme: light dark }
table { border-collapse: collapse } th, td { padding: .3em .8em; text-align: left; border-bottom: 1px solid #8886 }
.up, .here { color: #26a269 } .crashed, .away { color: #c01c28; font-weight: bold } small { color: #888 }
";

pub fn html(rows: &[Row]) -> String {
    let columns = columns(rows);
    let head: String = columns.iter().map(|(title, _)| format!("<th>{}</th>", escape_xml(title))).collect();
    let body: String = rows.iter().enumerate().map(|(index, row)| line(row, index, &columns)).collect();
    let newest = rows.iter().filter_map(judged).max().map_or("not yet".to_owned(), |at| at.to_string());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"refresh\" content=\"{}\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>wachat class</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>wachat class</h1>\n\
         <table>\n<tr>{head}<th>students</th></tr>\n{body}</table>\n\
         <p><small>written {}; last judged {newest}</small></p>\n</body>\n</html>\n",
        limits::BOARD_PAUSE.as_secs(),
        Timestamp::now(),
    )
}

fn line(row: &Row, index: usize, columns: &[(&str, Vec<String>)]) -> String {
    let cells = columns.iter().filter_map(|(_, cells)| cells.get(index)).map(|cell| {
        let class = escape_xml(cell);
        format!("<td class=\"{class}\">{class}</td>")
    });
    format!("<tr>{}<td>{}</td></tr>\n", cells.collect::<String>(), escape_xml(&row.students.join(", ")))
}
