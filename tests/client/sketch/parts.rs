//! Parts of the screen that are lists: the entries of the chats, the help, the beginning of a pasted text.

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use unicode_width::UnicodeWidthChar as _;
use wachat::client::app::commands;
use wachat::client::screen::keys::{FIXED, KEYS, Keys};
use wachat::model::Target;
use wachat::texts::Language;

use super::draw::Entry;
use super::lines::{Paragraph, Row, THEME, cells};

/// The chosen one is among those that fit.
pub fn first_listed(count: usize, chosen: Option<usize>, height: u16) -> usize {
    let height = usize::from(height).max(1);
    chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(height).min(count.saturating_sub(height)))
}

pub fn cut(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap();
        used <= width
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Presence, name, and at the right a draft, mentions and what is new.
pub fn entry(chat: &Entry, width: usize) -> Row {
    let (sign, sign_style) = match chat.target {
        Target::User(_) if chat.online => ("●", THEME.presence()),
        Target::User(_) => ("○", THEME.quiet()),
        Target::Room(_) => (" ", Style::new()),
    };
    let shown = |count: usize, text: String| if count > 0 { text } else { String::new() };
    let right = [
        (if chat.draft { "✎ ".to_owned() } else { String::new() }, THEME.quiet()),
        (shown(chat.mentions, format!("@{} ", chat.mentions)), THEME.mention()),
        (shown(chat.unread, chat.unread.to_string()), if chat.muted { THEME.quiet() } else { THEME.unread() }),
    ];
    let used: usize = right.iter().map(|(text, _)| cells(text)).sum();
    let name = cut(&chat.target.to_string(), width.saturating_sub(used + 3));
    let style = if chat.unread > 0 && !chat.muted { THEME.title() } else { Style::new() };
    let space = " ".repeat(width.saturating_sub(2 + cells(&name) + used));
    let left = [(sign.to_owned(), sign_style), (" ".to_owned(), Style::new()), (name, style), (space, Style::new())];
    [left.to_vec(), right.to_vec()].concat()
}

/// The keys of the table, the fixed ones, and below an empty row the commands.
pub fn help(width: usize) -> Vec<Row> {
    let keys = Keys::new("").unwrap();
    let keys = KEYS.iter().map(|row| (keys.of(row.action), row.help.text(Language::En).to_owned()));
    let fixed = FIXED.iter().map(|(keys, help)| ((*keys).to_owned(), help.text(Language::En).to_owned()));
    let commands = commands::lines(Language::En).map(|(form, help)| (form.to_owned(), help));
    let indent: usize = if width >= 60 { 24 } else { 4 };
    let rows = |(form, text): (String, String)| {
        let head = format!("{form}{}", " ".repeat(indent.saturating_sub(cells(&form)).max(2)));
        let head = vec![(head, THEME.title())];
        let style = Style::new();
        Paragraph { head, text: &text, style, tail: Vec::new(), indent, is_list: false, marks_ana: false }.rows(width)
    };
    keys.chain(fixed).flat_map(rows).chain([Row::new()]).chain(commands.flat_map(rows)).collect()
}

/// The question, and the beginning of the text.
pub fn paste_rows(text: &str, area: Rect) -> Vec<Row> {
    let question = format!("insert {} lines? Enter or y inserts them, any other key does not", text.lines().count());
    let head = Vec::new();
    let tail = Vec::new();
    let style = Style::new();
    let paragraph = Paragraph { head, text: &question, style, tail, indent: 2, is_list: false, marks_ana: false };
    let begin = text.lines().take(usize::from(area.height).saturating_sub(2));
    let quiet = begin.map(|line| vec![(cut(line, area.width.into()), THEME.quiet())]);
    let mut rows = paragraph.rows(area.width.into());
    rows.extend(quiet);
    rows
}
