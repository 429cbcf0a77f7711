//! The recording: asciicast v2, a header and an event a line, each a JSON value
//! (<https://docs.asciinema.org/manual/asciicast/v2/>).

use serde_json::json;

use super::client::SIZE;
use super::story::Frame;

pub fn write(frames: &[Frame]) -> String {
    let (width, height) = SIZE;
    let header = json!({
        "version": 2, "width": width, "height": height, "title": "wachat: a room, and a server that is killed",
        "env": { "TERM": "xterm-256color" },
    });
    let mut lines = vec![header.to_string()];
    for frame in frames {
        let at = frame.at as f64 / 1_000.0;
        if !frame.bytes.is_empty() {
            lines.push(json!([at, "o", frame.bytes]).to_string());
        }
        // A marker, where the frame is also a picture.
        lines.extend(frame.picture.map(|picture| json!([at, "m", picture.name]).to_string()));
    }
    lines.join("\n") + "\n"
}
