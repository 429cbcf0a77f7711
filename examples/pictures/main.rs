//! Draws the pictures of the full screen, and the recording of it, that the README shows:
//! `cargo run --example pictures` writes them beside this file.
//!
//! - `client`: a client without threads, files and sockets: the app and the screen, and the answers of a server.
//! - `story`: what is typed and received, frame by frame.
//! - `svg`, `cast`: from frames to files.

mod cast;
mod client;
mod story;
mod svg;

pub use client::SIZE;
pub use story::{Frame, play};

use std::path::Path;
use std::{fs, io};

use wachat::client::screen::theme::Theme;

/// Name of the recording.
pub const CAST: &str = "first-chat.cast";

/// Returns the name and the content of every file.
pub fn files() -> Vec<(String, String)> {
    let dark = play(Theme::Dark);
    let pictures = [(Theme::Light, "light", play(Theme::Light)), (Theme::Dark, "dark", dark.clone())];
    let pictures = pictures.iter().flat_map(|(theme, shade, frames)| {
        let marked = frames.iter().filter_map(|frame| Some((frame.picture?, frame)));
        marked
            .map(move |(picture, frame)| (format!("{}-{shade}.svg", picture.name), svg::write(frame, &picture, *theme)))
    });
    pictures.chain([(CAST.to_owned(), cast::write(&dark))]).collect()
}

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pictures");
    files().iter().try_for_each(|(name, content)| fs::write(folder.join(name), content))
}
