//! The full screen by snapshots of its cells. A block shows the rows as a terminal has them, each after a `|`.

use std::time::Duration;

use ratatui_core::style::{Color, Modifier};
use terminput::{Event as TerminalEvent, KeyCode};
use wachat::client::screen::keys::{FIXED, KEYS, Keys};
use wachat::client::screen::theme::Theme;
use wachat::client::state::record::Record;
use wachat::client::state::row::Gap;
use wachat::model::State;
use wachat::texts::when::date_in;
use wachat::texts::{Language, Phrase};

use crate::client::screen_app::{ScreenApp, local, rows, seq, target};

/// Asserts that the rows of the screen are those of a block.
#[track_caller]
fn assert_rows(actual: &[String], block: &str) {
    let expected: Vec<_> = block.lines().filter_map(|line| Some(line.split_once('|')?.1.trim_end())).collect();
    let shown = actual.join("\n");
    assert_eq!(actual, expected, "the screen is:\n{shown}\n");
}

/// Ana's screen with the chat with luis, without the notices of the start.
fn chat(theme: Theme) -> ScreenApp {
    let mut screen = ScreenApp::new(theme);
    screen.enter("/query luis");
    screen.enter("/clear");
    screen
}

/// The style of the first cell of a text on the screen.
#[track_caller]
fn style_of(screen: &ScreenApp, text: &str) -> ratatui_core::style::Style {
    let rows = rows(&screen.cells);
    let found = rows.iter().zip(0..).find_map(|(row, y)| Some((row.find(text)?, row, y)));
    let (byte, row, y) = found.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{}", rows.join("\n")));
    let x = unicode_width::UnicodeWidthStr::width(&row[..byte]);
    screen.cells[(u16::try_from(x).unwrap(), y)].style()
}

#[test]
fn nothing_is_open() {
    let mut screen = ScreenApp::disconnected(Theme::Dark);
    let rows = screen.draw(60, 10);
    assert_rows(
        &rows,
        "                |                │wachat
                         |                │
                         |                │
                         |                │
                         |                │
                         |                │
                         |                │no chat is open: Ctrl-K finds one, /query
                         |                │  or /join begins one
                         |                │>
                         |                │ana: connecting to example:1666     F1 help",
    );
}

#[test]
fn an_empty_chat() {
    let mut screen = ScreenApp::new(Theme::Dark);
    assert_rows(
        &screen.draw(60, 8),
        "                |  #lobby        │#lobby
                         |                │
                         |                │
                         |                │
                         |                │* connected to example:1666 as ana; /help
                         |                │  lists the commands
                         |                │>
                         |                │ana at example:1666                 F1 help",
    );
}

#[test]
fn a_chat_with_its_states_in_place() {
    let mut screen = chat(Theme::Dark);
    screen.arrive("luis", "ana", "hola, ¿cómo estás?");
    screen.enter("bien");
    let own = |screen: &mut ScreenApp| {
        let rows = screen.draw(60, 8);
        (rows[5].split_once('│').unwrap().1.to_owned(), rows[7].contains("1 queued"))
    };
    assert_eq!(own(&mut screen), ("14:35 ana: bien …".to_owned(), true));
    screen.answer();
    assert_eq!(own(&mut screen), ("14:35 ana: bien ✓".to_owned(), false));
    screen.reach("luis", State::Delivered);
    assert_eq!(own(&mut screen), ("14:35 ana: bien ✓✓".to_owned(), false));
    assert_eq!(style_of(&screen, "✓✓").fg, Some(Color::Indexed(245)), "delivered");
    screen.reach("luis", State::Read);
    assert_rows(
        &screen.draw(60, 8),
        "                |○ luis          │luis
                         |  #lobby        │
                         |                │
                         |                │────────── Monday, 2 March 2026 ──────────
                         |                │14:35 luis: hola, ¿cómo estás?
                         |                │14:35 ana: bien ✓✓
                         |                │>
                         |                │ana at example:1666                 F1 help",
    );
    let read = style_of(&screen, "✓✓");
    assert!(read.fg == Some(Color::Indexed(81)) && read.add_modifier.contains(Modifier::BOLD), "{read:?}");
}

#[test]
fn days_are_separated() {
    let mut screen = chat(Theme::Dark);
    screen.at = local(2, 23, 59);
    screen.arrive("luis", "ana", "one");
    screen.at = local(3, 0, 0);
    screen.arrive("luis", "ana", "two");
    screen.arrive("luis", "ana", "three");
    assert_rows(
        &screen.draw(40, 10),
        "                |luis
                         |
                         |
                         |───────── Monday, 2 March 2026 ─────────
                         |23:59 luis: one
                         |──────── Tuesday, 3 March 2026 ────────
                         |00:00 luis: two
                         |00:00 luis: three
                         |>
                         |ana at example:1666              F1 help",
    );
}

#[test]
fn long_words_and_links_are_wrapped_with_the_indent_and_links_stay_whole() {
    let mut screen = chat(Theme::Dark);
    screen.arrive("luis", "ana", "a text of more words than fit on a line, see https://example.org/a/path?x=1. Donaudampfschifffahrtsgesellschaftskapitän");
    let rows = screen.draw(34, 12);
    assert_rows(
        &rows,
        "                |luis
                         |
                         |
                         |────── Monday, 2 March 2026 ──────
                         |14:35 luis: a text of more words
                         |      than fit on a line, see
                         |      https://example.org/a/path?x
                         |      =1.
                         |      Donaudampfschifffahrtsgesell
                         |      schaftskapitän
                         |>
                         |ana at example:1666        F1 help",
    );
    let links: Vec<_> = screen.drawn.links.iter().map(|link| (link.area.y, link.area.width, &*link.address)).collect();
    assert_eq!(links, [(6, 28, "https://example.org/a/path?x=1"), (7, 2, "https://example.org/a/path?x=1")]);
    assert!(style_of(&screen, "https").add_modifier.contains(Modifier::UNDERLINED));
}

#[test]
fn wide_characters_emoji_and_text_from_right_to_left() {
    let mut screen = chat(Theme::Dark);
    screen.arrive("luis", "ana", "日本語のテキスト 🎉 e\u{301} 👍🏽");
    screen.arrive("luis", "ana", "שלום עולם");
    let rows = screen.draw(30, 9);
    assert_rows(
        &rows,
        "                |luis
                         |
                         |
                         |──── Monday, 2 March 2026 ────
                         |14:35 luis: 日本語のテキスト
                         |      🎉 e\u{301} 👍🏽
                         |14:35 luis: שלום עולם
                         |>
                         |ana at example:1666    F1 help",
    );
}

#[test]
fn a_narrow_window_has_no_list_and_a_tiny_one_no_title() {
    let mut screen = chat(Theme::Dark);
    screen.arrive("luis", "ana", "hola a todos los que leen esto");
    screen.type_text("a draft");
    assert_rows(
        &screen.draw(30, 8),
        "                |luis
                         |
                         |
                         |──── Monday, 2 March 2026 ────
                         |14:35 luis: hola a todos los
                         |      que leen esto
                         |> a draft
                         |ana at example:1666    F1 help",
    );
    assert_rows(
        &screen.draw(20, 5),
        "                |14:35 luis: hola a
                         |      todos los que
                         |      leen esto
                         |> a draft
                         |ana at example:1666",
    );
    for (width, height) in [(1, 1), (2, 1), (1, 3), (3, 2), (60, 1), (61, 2)] {
        screen.draw(width, height);
    }
}

#[test]
fn the_list_says_what_is_new_and_the_chat_where_it_begins() {
    let mut screen = chat(Theme::Dark);
    screen.draw(60, 9);
    screen.at = local(2, 14, 36);
    screen.arrive("eva", "#lobby", "hello");
    screen.arrive("eva", "#lobby", "where is Ana?");
    screen.at = local(2, 14, 37);
    screen.arrive("eva", "ana", "are you there");
    let rows = screen.draw(60, 9);
    let list: Vec<_> = rows.iter().map(|row| row.split('│').next().unwrap().trim_end()).collect();
    assert_eq!(list[..3], ["○ eva          1", "  #lobby    @1 2", "○ luis"]);
    assert_eq!(style_of(&screen, "@1").fg, Some(Color::Indexed(221)));
    assert!(style_of(&screen, "#lobby").add_modifier.contains(Modifier::BOLD));
    screen.alt(KeyCode::Char('a'));
    assert!(screen.draw(60, 9)[0].contains("│eva"), "a direct message calls more than two of a room do");
    screen.alt(KeyCode::Char('a'));
    assert!(screen.draw(60, 9)[1].starts_with("  #lobby    @1 2│"), "they count until they are on the screen");
    assert_rows(
        &screen.draw(60, 9),
        "                |○ eva           │#lobby
                         |  #lobby        │
                         |○ luis          │
                         |                │────────── Monday, 2 March 2026 ──────────
                         |                │──────────── new ────────────
                         |                │14:36 eva: hello
                         |                │14:36 eva: where is Ana?
                         |                │>
                         |                │ana at example:1666                 F1 help",
    );
    assert_eq!(style_of(&screen, "Ana?").fg, Some(Color::Indexed(221)), "a mention is marked");
}

#[test]
fn a_lost_connection_counts_down_and_says_what_waits() {
    let mut screen = chat(Theme::Dark);
    screen.disconnect();
    screen.enter("one");
    screen.enter("two");
    let status = |screen: &mut ScreenApp| screen.draw(40, 8)[7].clone();
    let at = screen.app.reconnects_at(screen.now).expect("it waits");
    screen.now = at - Duration::from_millis(3_001);
    assert_eq!(status(&mut screen), "ana: reconnecting in 4 s · 2 queued");
    screen.now = at - Duration::from_millis(3_000);
    assert_eq!(status(&mut screen), "ana: reconnecting in 3 s · 2 queued");
}

#[test]
fn without_colours_the_same_is_said_in_words_and_signs() {
    let mut screen = chat(Theme::None);
    screen.enter("hola");
    screen.answer();
    screen.reach("luis", State::Read);
    screen.arrive("eva", "#lobby", "ana, look: https://example.org");
    screen.draw(70, 8);
    screen.enter("/query #lobby");
    screen.draw(70, 8);
    screen.enter("/query luis");
    let rows = screen.draw(70, 8);
    assert!(rows.iter().any(|row| row.ends_with("14:35 ana: hola ✓✓ read")), "{}", rows.join("\n"));
    for cell in screen.cells.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{cell:?}");
    }
}

#[test]
fn a_hole_is_a_line_that_loads_what_is_missing() {
    let mut screen = chat(Theme::Dark);
    screen.enter("/join #lobby");
    screen.answer();
    screen.enter("/clear");
    screen.arrive("eva", "#lobby", "before");
    let gap = Gap { target: target("#lobby"), first: seq(2), last: seq(4) };
    screen.app.state_to_maintain().apply(Record::Gap(gap));
    screen.last = 4;
    screen.arrive("eva", "#lobby", "after");
    let rows = screen.draw(50, 8);
    assert_rows(
        &rows,
        "                |#lobby
                         |──────────── Monday, 2 March 2026 ────────────
                         |14:35 eva: before
                         |┄ up to 3 messages are on the server only; Alt-H
                         |  loads them
                         |14:35 eva: after
                         |>
                         |ana at example:1666                        F1 help",
    );
    screen.key(KeyCode::Char('h'), terminput::KeyModifiers::ALT);
    screen.answer();
    let rows = screen.draw(50, 10);
    let filled = [
        "14:35 eva: before",
        "14:35 luis: filled 2",
        "14:35 luis: filled 3",
        "14:35 luis: filled 4",
        "14:35 eva: after",
    ];
    assert_eq!(rows[3..8], filled, "{rows:#?}");
}

#[test]
fn muted_and_draft_are_marked() {
    let mut screen = chat(Theme::Dark);
    screen.enter("/mute");
    screen.enter("/clear");
    screen.type_text("half a sente");
    screen.alt(KeyCode::Char('2'));
    assert_eq!(screen.app.destination().target(), Some(target("#lobby")));
    screen.answer();
    let rows = screen.draw(60, 8);
    assert!(rows[0].contains("✎ │#lobby") || rows[1].contains("✎ │"), "{}", rows.join("\n"));
    screen.enter("/query luis");
    let rows = screen.draw(60, 8);
    assert!(rows[0].ends_with("│luis · muted"), "{}", rows.join("\n"));
    assert_eq!(rows[6].split_once('│').unwrap().1, "> half a sente");
    assert!(!rows.concat().contains('✎'), "the open one shows its draft");
}

#[test]
fn what_lies_over_the_chat() {
    let mut screen = chat(Theme::Dark);
    screen.arrive("luis", "ana", "the first text");
    screen.arrive("luis", "ana", "the second text");
    screen.draw(60, 9);
    screen.press(KeyCode::Esc);
    screen.type_text("/lob");
    let rows = screen.draw(60, 9);
    assert!(rows[0].starts_with("  #lobby  ") && rows[7].ends_with("┃/lob"), "filter:\n{}", rows.join("\n"));
    screen.press(KeyCode::Esc);
    screen.control('k');
    screen.type_text("lu");
    let rows = screen.draw(60, 9);
    assert!(rows[1].ends_with("│○ luis") && rows[7].ends_with("│go to: lu"), "jump:\n{}", rows.join("\n"));
    screen.press(KeyCode::Esc);
    screen.control('f');
    screen.type_text("TEXT");
    screen.press(KeyCode::Enter);
    assert!(screen.draw(60, 9)[7].ends_with("│search here, 2 of 2: TEXT"));
    screen.press(KeyCode::Tab);
    assert!(screen.draw(60, 9)[7].ends_with("│search everywhere: TEXT"));
    screen.press(KeyCode::Esc);
    screen.press(KeyCode::Char('?'));
    let rows = screen.draw(80, 60);
    let bound = Keys::new("").unwrap();
    for row in KEYS {
        let keys = bound.of(row.action);
        let help = row.help.text(Language::En).split(' ').next().unwrap();
        assert!(rows.iter().any(|line| line.contains(&keys) && line.contains(help)), "{}: {}", keys, rows.join("\n"));
    }
    assert!(rows.iter().any(|line| line.contains(FIXED[1].0)), "{}", rows.join("\n"));
    screen.press(KeyCode::Esc);
}

#[test]
fn a_long_paste_asks_and_shows_its_beginning() {
    let mut screen = chat(Theme::Dark);
    let text: Vec<_> = (1..=30).map(|number| format!("line {number}\u{1b}[31m")).collect();
    screen.terminal(TerminalEvent::Paste(text.join("\n")));
    let rows = screen.draw(40, 9);
    assert_rows(
        &rows,
        "                |luis
                         |insert 30 lines? Enter or y inserts
                         |  them, any other key does not
                         |line 1␛[31m
                         |line 2␛[31m
                         |line 3␛[31m
                         |line 4␛[31m
                         |>
                         |ana at example:1666              F1 help",
    );
    screen.press(KeyCode::Char('n'));
    assert!(screen.model.writing.editor.is_empty());
    screen.terminal(TerminalEvent::Paste(text.join("\r")));
    screen.press(KeyCode::Char('y'));
    assert_eq!(screen.model.writing.editor.text(), text.join("\n"));
    assert!(screen.entered.iter().all(|entered| !entered.contains("line")), "a paste sends nothing");
}

#[test]
fn text_of_others_reaches_no_cell_raw() {
    let hostile = "a\u{202e}b\u{2066}c\td\u{200b}e\u{2028}f\u{61c}\u{feff}g";
    let typed = "a\u{1b}]0;x\u{7}b\u{9b}31m\rc";
    let mut screen = chat(Theme::Dark);
    screen.arrive("luis", "ana", hostile);
    screen.arrive("luis", "ana", &format!("/me {hostile}"));
    screen.arrive("luis", "ana", "\u{301}\u{301}\u{ad}\u{200d}");
    screen.terminal(TerminalEvent::Paste(typed.to_owned()));
    for (width, height) in [(80, 24), (30, 8), (20, 5)] {
        screen.draw(width, height);
        for cell in screen.cells.content() {
            let is_safe = |c: char| !c.is_control() && !hostile.replace(char::is_alphanumeric, "").contains(c);
            assert!(cell.symbol().chars().all(is_safe), "{cell:?}");
        }
    }
    screen.draw(80, 24);
    let all = rows(&screen.cells).join("\n");
    assert!(all.contains("a\\u{202e}b\\u{2066}c") && all.contains("> a␛]0;x␇b\\u{9b}31m"), "{all}");
}

#[test]
fn a_failed_message_and_an_answer_stand_where_they_belong() {
    let mut screen = chat(Theme::Dark);
    screen.enter("/nothing");
    screen.enter("hola");
    screen.answer();
    let rows = screen.draw(60, 8);
    let at = |text: &str| rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{rows:#?}"));
    assert!(at("! there is no command /nothing") < at("ana: hola ✓"), "{rows:#?}");
}

#[test]
fn the_texts_of_the_screen_are_in_three_languages() {
    let day = jiff::civil::date(2026, 3, 2);
    let dates = [Language::En, Language::Es, Language::Pt].map(|language| date_in(language, day));
    assert_eq!(dates, ["Monday, 2 March 2026", "lunes, 2 de marzo de 2026", "segunda-feira, 2 de março de 2026"]);
    for (help, name) in
        KEYS.iter().map(|row| (row.help, row.name)).chain(FIXED.iter().map(|(keys, help)| (*help, *keys)))
    {
        let [en, es, pt] = [Language::En, Language::Es, Language::Pt].map(|language| help.text(language));
        assert!(en != es && en != pt && !es.is_empty() && !pt.is_empty(), "{name}");
    }
    assert_eq!(Phrase::NewMessages.to_string(), "new", "this program speaks English");
}
