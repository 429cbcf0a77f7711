//! The database of the page, as it lies in the browser.

use std::net::SocketAddr;

use serde_json::Value;

use super::browser::Browser;
use super::messenger::url;

/// Reads the tables of the page's database, without a script of the page.
const READ_DATABASE: &str = "new Promise((resolve, reject) => {
    const request = indexedDB.open('wachat ana');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
        const transaction = request.result.transaction(['rows', 'outbox']);
        const [rows, outbox] = ['rows', 'outbox'].map((name) => transaction.objectStore(name).getAll());
        transaction.oncomplete = () => { request.result.close(); resolve({ rows: rows.result, outbox: outbox.result }); };
    };
})";

/// A message: its number, its id, who wrote it, its text.
pub type Row = (u64, String, String, String);

pub struct Database {
    /// The messages that have a number, in their order.
    pub rows: Vec<Row>,
    /// Texts that wait.
    pub outbox: Vec<String>,
}

/// Reads the database, on a page of the same origin that the server does not have.
pub fn read_database(browser: &Browser, web: SocketAddr) -> Database {
    let page = browser.open(&format!("{}nothing-here", url(web)));
    // Read again where the browser, busy after its start, has dropped the reading.
    let tables = page.wait_for(READ_DATABASE);
    page.close();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let list = |name: &str| tables[name].as_array().cloned().unwrap_or_default();
    let messages = list("rows").into_iter().filter(|row| row["kind"] == "message");
    let as_row =
        |row: Value| (row["seq"].as_u64().unwrap_or(0), text(&row, "id"), text(&row, "from"), text(&row, "text"));
    let rows = messages.map(as_row).collect();
    Database { rows, outbox: list("outbox").iter().map(|message| text(message, "text")).collect() }
}
