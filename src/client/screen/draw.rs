//! Draws the screen into cells: the list on the left, the conversation on the right, below it the input and a line
//! about the connection. A narrow window has no list, a low one no title.

use std::sync::Arc;
use std::time::Instant;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Modifier, Style};

use super::chats::{Chat, first_listed};
use super::keys::{FIXED, KEYS};
use super::line::{Line, Paragraph, Piece};
use super::model::{Mode, Model, Search};
use crate::client::app::destination::Destination;
use crate::client::app::{App, commands};
use crate::model::Target;
use crate::model::safe::safe;
use crate::text::{cells, cut, wrap};
use crate::texts::{Language, Phrase};

/// Narrowest window that has a list, and the width of the list.
const LIST_FROM: u16 = 60;
const MIN_LIST: u16 = 16;
const MAX_LIST: u16 = 28;
/// Lowest window that has a title.
const TITLE_FROM: u16 = 8;
/// Most lines of the input.
const INPUT_LINES: usize = 8;

/// A link on the screen: its cells in one row, and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub area: Rect,
    pub address: Arc<str>,
}

/// The parts of a drawing that are no cells.
#[derive(Debug, Default)]
pub struct Drawn {
    pub cursor: Option<Position>,
    pub links: Vec<Link>,
    /// Number of chats of which the user wants to be told.
    pub calls: usize,
}

/// Draws everything, and notes in the model where.
pub fn draw(model: &mut Model, app: &App, now: Instant, buffer: &mut Buffer) -> Drawn {
    let mut drawn = Drawn::default();
    let area = *buffer.area();
    let [list, right] = columns(area);
    let status = Rect { y: right.bottom().saturating_sub(1), height: right.height.min(1), ..right };
    let above = Rect { height: right.height - status.height, ..right };
    let title_height = u16::from(area.height >= TITLE_FROM);
    let title = Rect { height: title_height, ..above };
    let input_height = input_height(model, above);
    let input = Rect { y: above.bottom().saturating_sub(input_height), height: input_height, ..above };
    let rows = Rect { y: title.bottom(), height: input.y.saturating_sub(title.bottom()), ..above };
    (model.areas.list, model.areas.rows) = (list, rows);
    model.forget_erased(app);
    model.settle_place(app);
    model.reading.drawn = model.window(app);
    if let Mode::Help { scrolled } = model.mode {
        // The last page is the lowest place.
        let most = help(model, usize::from(rows.width)).len().saturating_sub(usize::from(rows.height));
        model.mode = Mode::Help { scrolled: scrolled.min(most) };
    }
    let chats = model.all_chats(app);
    drawn.calls = chats.iter().filter(|chat| chat.calls()).count();
    let listed = model.list.filtered(chats);
    draw_list(model, app, &listed, list, buffer);
    draw_title(model, app, title, buffer);
    drawn.links = draw_rows(model, app, &listed, rows, buffer);
    drawn.cursor = Some(draw_input(model, app, &listed, input, buffer));
    draw_status(model, app, now, status, buffer);
    drawn
}

fn columns(area: Rect) -> [Rect; 2] {
    if area.width < LIST_FROM {
        return [Rect { width: 0, ..area }, area];
    }
    let width = (area.width / 4).clamp(MIN_LIST, MAX_LIST);
    let list = Rect { width, ..area };
    [list, Rect { x: area.x + width + 1, width: area.width - width - 1, ..area }]
}

fn input_height(model: &mut Model, above: Rect) -> u16 {
    let most = INPUT_LINES.min(usize::from(above.height / 3)).max(1);
    let wanted =
        if matches!(model.mode, Mode::Typing) { model.writing.editor.height(above.width.saturating_sub(2)) } else { 1 };
    u16::try_from(wanted.clamp(1, most)).unwrap_or(1).min(above.height)
}

/// Writes a line into the cells of an area's row, and returns the links in it.
fn put(line: &Line, area: Rect, row: u16, buffer: &mut Buffer) -> Vec<Link> {
    let mut links = Vec::new();
    let mut x = area.x;
    let y = area.y + row;
    for Piece { text, style, link } in &line.0 {
        let (end, _) = buffer.set_stringn(x, y, text, usize::from(area.right().saturating_sub(x)), *style);
        if let Some(address) = link {
            links.push(Link { area: Rect { x, y, width: end - x, height: 1 }, address: address.clone() });
        }
        x = end;
    }
    links
}

fn draw_list(model: &Model, app: &App, chats: &[Chat], area: Rect, buffer: &mut Buffer) {
    if area.width == 0 {
        return;
    }
    let (line, style) = if model.is_in_list() { ("┃", model.theme.title()) } else { ("│", model.theme.quiet()) };
    for y in area.top()..area.bottom() {
        buffer.set_stringn(area.right(), y, line, 1, style);
    }
    let chosen = model.chosen(chats);
    let top = first_listed(chats.len(), chosen, area.height);
    for (row, (number, chat)) in (0..area.height).zip(chats.iter().enumerate().skip(top)) {
        let line = entry(model, app, chat, usize::from(area.width));
        put(&line, area, row, buffer);
        if chosen == Some(number) {
            buffer.set_style(Rect { y: area.y + row, height: 1, ..area }, model.theme.chosen());
        }
    }
}

/// Returns a chat's line in the list: presence, name, and at the right what is new.
fn entry(model: &Model, app: &App, chat: &Chat, width: usize) -> Line {
    let theme = model.theme;
    let (sign, style) = match &chat.target {
        Target::User(user) if app.is_online(user) == Some(true) => ("●", theme.presence()),
        Target::User(_) => ("○", theme.quiet()),
        Target::Room(_) => (" ", Style::new()),
    };
    let mentions = if chat.mentions > 0 { format!("@{} ", chat.mentions) } else { String::new() };
    let unread = if chat.unread > 0 { chat.unread.to_string() } else { String::new() };
    let draft = if chat.draft { "✎ " } else { "" };
    let right = cells(&mentions) + cells(&unread) + cells(draft);
    let name = cut(&safe(&chat.target.to_string()), width.saturating_sub(right + 3));
    let space = " ".repeat(width.saturating_sub(2 + cells(&name) + right));
    let named = if chat.unread > 0 && !chat.muted { theme.title() } else { Style::new() };
    Line(vec![
        Piece::new(sign, style),
        Piece::new(" ", Style::new()),
        Piece::new(name, named),
        Piece::new(space, Style::new()),
        Piece::new(draft, theme.quiet()),
        Piece::new(mentions, theme.mention()),
        Piece::new(unread, if chat.muted { theme.quiet() } else { theme.unread() }),
    ])
}

fn draw_title(model: &Model, app: &App, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let title = match app.destination() {
        Destination::Undecided | Destination::Nowhere => "wachat".to_owned(),
        Destination::Conversation(target) => title_of(target, app),
        Destination::Direct(peer) => Phrase::DirectTitle { peer }.to_string(),
    };
    let line =
        Line::of(cut(&safe(&title), usize::from(area.width)), model.theme.title().add_modifier(Modifier::UNDERLINED));
    put(&line, area, 0, buffer);
}

fn title_of(target: &Target, app: &App) -> String {
    let muted = app.state().is_muted(target).then(|| Phrase::IsMuted.to_string());
    let [before, after] = match target {
        Target::User(user) => [(app.is_online(user) == Some(true)).then(|| Phrase::IsOnline.to_string()), None],
        Target::Room(room) if app.has_left(room) => [Some(Phrase::IsNotIn.to_string()), None],
        // It may be long, and is cut.
        Target::Room(room) => [None, app.topic_of(room).map(str::to_owned)],
    };
    [Some(target.to_string()), before, muted, after].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn draw_rows(model: &Model, app: &App, listed: &[Chat], area: Rect, buffer: &mut Buffer) -> Vec<Link> {
    let lines = match &model.mode {
        Mode::Help { scrolled } => help(model, usize::from(area.width)).into_iter().skip(*scrolled).collect(),
        Mode::Jump { name, chosen } => entries(model, app, &model.jump_list(app, name), Some(*chosen), area),
        Mode::Paste(text) => paste_question(model, text, area),
        _ if model.is_list_over() => entries(model, app, listed, model.chosen(listed), area),
        _ if model.open().is_none() => [nothing_open(model, area), model.reading.drawn.lines.clone()].concat(),
        _ => model.reading.drawn.lines.clone(),
    };
    let empty = usize::from(area.height).saturating_sub(lines.len());
    let first = if model.is_covered() { 0 } else { u16::try_from(empty).unwrap_or(0) };
    (first..area.height).zip(&lines).flat_map(|(row, line)| put(line, area, row, buffer)).collect()
}

fn wrapped(model: &Model, text: &str, width: u16) -> Vec<Line> {
    Paragraph::plain(text).lines(usize::from(width), model.theme, "")
}

fn nothing_open(model: &Model, area: Rect) -> Vec<Line> {
    wrapped(model, &Phrase::NothingOpen { key: &model.keys.of(super::keys::Action::Jump) }.to_string(), area.width)
}

fn paste_question(model: &Model, text: &str, area: Rect) -> Vec<Line> {
    let question = Phrase::PasteQuestion { lines: &text.lines().count() }.to_string();
    let most = usize::from(area.height).saturating_sub(2);
    let width = usize::from(area.width);
    let shown = |line: &str| {
        let begin: String = line.chars().take(4 * width).collect();
        cut(&wrap(&begin, usize::MAX, usize::MAX).rows().concat(), width)
    };
    let begin = text.lines().take(most).map(|line| Line::of(shown(line), model.theme.quiet()));
    let mut lines = wrapped(model, &question, area.width);
    lines.extend(begin);
    lines
}

/// Returns the keys and the commands, from their tables.
fn help(model: &Model, width: usize) -> Vec<Line> {
    let language = Language::current();
    let keys = KEYS.iter().map(|row| (model.keys.of(row.action), row.help.text(language).to_owned()));
    let fixed = FIXED.iter().map(|(keys, help)| ((*keys).to_owned(), help.text(language).to_owned()));
    let commands = commands::lines(language).map(|(form, help)| (form.to_owned(), help));
    let indent: usize = if width >= 60 { 24 } else { 4 };
    let line = |(form, text): (String, String)| {
        let space = " ".repeat(indent.saturating_sub(cells(&form)).max(2));
        let head = vec![Piece::new(form + &space, model.theme.title())];
        Paragraph { head, indent, ..Paragraph::plain(&text) }.lines(width, model.theme, "")
    };
    keys.chain(fixed).flat_map(line).chain([Line::default()]).chain(commands.flat_map(line)).collect()
}

/// Returns the lines of chats that are listed over the conversation.
fn entries(model: &Model, app: &App, chats: &[Chat], chosen: Option<usize>, area: Rect) -> Vec<Line> {
    let top = first_listed(chats.len(), chosen, area.height);
    let line = |(number, chat): (usize, &Chat)| {
        let mut line = entry(model, app, chat, usize::from(area.width));
        if chosen == Some(number) {
            line.0.iter_mut().for_each(|piece| piece.style = piece.style.add_modifier(Modifier::REVERSED));
        }
        line
    };
    chats.iter().enumerate().skip(top).take(usize::from(area.height)).map(line).collect()
}

/// Draws the input, or the short text of a mode; returns the place of the cursor.
fn draw_input(model: &mut Model, app: &App, listed: &[Chat], area: Rect, buffer: &mut Buffer) -> Position {
    let (prompt, typed) = match &model.mode {
        Mode::List(_) => return draw_list_hint(model, listed, area, buffer),
        Mode::Filter => ("/".to_owned(), model.list.filter.clone()),
        Mode::Jump { name, .. } => (format!("{} ", Phrase::JumpPrompt), name.clone()),
        Mode::Search(search) => (search_prompt(search), search.words.clone()),
        _ => {
            let is_secret = app.asks_secret();
            let sign = match app.destination() {
                _ if is_secret => app.prompt(),
                Destination::Direct(_) => "» ".to_owned(),
                _ => "> ".to_owned(),
            };
            let (x, _) = buffer.set_stringn(area.x, area.y, &sign, usize::from(area.width), model.theme.title());
            let inner = Rect { x, width: area.right().saturating_sub(x), ..area };
            return model.writing.editor.render(inner, buffer, Style::new());
        }
    };
    // The cursor needs a cell.
    let room = usize::from(area.width).saturating_sub(cells(&prompt) + 1);
    let line =
        Line(vec![Piece::new(prompt, model.theme.title()), Piece::new(end_of(&safe(&typed), room), Style::new())]);
    put(&line, area, 0, buffer);
    let x = u16::try_from(line.cells()).unwrap_or(area.width).min(area.width.saturating_sub(1));
    Position::new(area.x + x, area.y)
}

/// Returns the end of a text that fits: that is where the user types.
fn end_of(text: &str, width: usize) -> &str {
    let mut end = text;
    while cells(end) > width {
        let mut chars = end.chars();
        chars.next();
        end = chars.as_str();
    }
    end
}

/// Draws the keys of the list instead of the input; the cursor is at the chosen chat.
fn draw_list_hint(model: &Model, listed: &[Chat], area: Rect, buffer: &mut Buffer) -> Position {
    let hint = cut(&Phrase::ListHint.to_string(), usize::from(area.width));
    put(&Line::of(hint, model.theme.title()), area, 0, buffer);
    let list = if model.is_list_over() { model.areas.rows } else { model.areas.list };
    let chosen = model.chosen(listed).unwrap_or(0);
    let row = chosen.saturating_sub(first_listed(listed.len(), Some(chosen), list.height));
    Position::new(list.x, list.y.saturating_add(u16::try_from(row).unwrap_or(0)))
}

fn search_prompt(search: &Search) -> String {
    let phrase = match search.hit {
        _ if search.everywhere => Phrase::SearchEverywhere,
        None => Phrase::SearchHere,
        Some((_, 0)) => Phrase::NoHit,
        Some((number, count)) => return format!("{} ", Phrase::SearchHit { number: &number, count: &count }),
    };
    format!("{phrase} ")
}

fn draw_status(model: &Model, app: &App, now: Instant, area: Rect, buffer: &mut Buffer) {
    let left = status(app, now);
    let below = model.open().is_some_and(|target| model.reading.places.contains_key(target));
    let hint = if below {
        Phrase::NewestBelow { key: &model.keys.of(super::keys::Action::Newest) }.to_string()
    } else {
        Phrase::HelpHint.to_string()
    };
    let width = usize::from(area.width);
    let space = width.saturating_sub(cells(&left) + cells(&hint));
    let text = if space >= 2 { format!("{left}{}{hint}", " ".repeat(space)) } else { cut(&left, width) };
    buffer.set_stringn(area.x, area.y, &text, width, Style::new());
    buffer.set_style(area, model.theme.status());
}

/// Returns what the connection and the outbox are doing.
fn status(app: &App, now: Instant) -> String {
    let server = &app.server_name();
    let user = app.state().me();
    let link = match (app.is_connected(), app.reconnects_at(now)) {
        (true, _) => Phrase::StatusConnected { user, server }.to_string(),
        (false, Some(at)) => {
            let seconds = at.saturating_duration_since(now).as_millis().div_ceil(1_000);
            Phrase::StatusWaits { user, seconds: &seconds }.to_string()
        }
        (false, None) => Phrase::StatusConnects { user, server }.to_string(),
    };
    let queued = app.state().outbox().len();
    let queued = if queued > 0 { format!(" · {}", Phrase::StatusQueued { count: &queued }) } else { String::new() };
    let direct = if let Destination::Direct(peer) = app.destination() {
        format!(" · {}", Phrase::StatusDirect { peer })
    } else {
        String::new()
    };
    safe(&format!("{link}{queued}{direct}")).into_owned()
}
