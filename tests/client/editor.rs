//! The editor of the front ends: keys, history, completion, rows.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use terminput::{KeyCode, KeyEvent, KeyModifiers};
use wachat::client::terminal::complete::Names;
use wachat::client::terminal::editor::{Edit, Editor};
use wachat::limits;
use wachat::text::{cells, wrap};

fn plain(code: KeyCode) -> KeyEvent {
    code.into()
}

fn control(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c)).modifiers(KeyModifiers::CTRL)
}

fn alt(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code).modifiers(KeyModifiers::ALT)
}

fn type_text(editor: &mut Editor, text: &str) {
    text.chars().for_each(|c| assert_eq!(editor.input(plain(KeyCode::Char(c))), Edit::Changed));
}

/// An editor with a text, drawn once.
fn editor(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.set_text(text);
    editor.draw(20, 20);
    editor
}

#[test]
fn enter_submits_and_a_line_break_has_keys_of_its_own() {
    let mut editor = editor("");
    type_text(&mut editor, "one");
    assert_eq!(editor.input(alt(KeyCode::Enter)), Edit::Changed);
    type_text(&mut editor, "two");
    assert_eq!(editor.input(control('j')), Edit::Changed);
    type_text(&mut editor, "three");
    assert_eq!(editor.input(plain(KeyCode::Enter)), Edit::Submitted("one\ntwo\nthree".to_owned()));
    assert!(editor.is_empty());
    assert_eq!(editor.input(plain(KeyCode::Enter)), Edit::Submitted(String::new()));
}

#[test]
fn a_paste_never_submits_and_does_not_go_beyond_the_limit() {
    let mut editor = editor("a");
    assert!(editor.paste("b\r\nc\rd\ne\n"));
    assert_eq!(editor.text(), "ab\nc\nd\ne\n");
    assert!(!editor.paste(&"x".repeat(limits::TYPED_BYTES)), "no room");
    assert_eq!(editor.text(), "ab\nc\nd\ne\n", "nothing of it");
    editor.set_text(&"é".repeat(limits::TYPED_BYTES));
    assert_eq!(editor.text().len(), limits::TYPED_BYTES);
    assert_eq!(editor.input(plain(KeyCode::Char('x'))), Edit::Full);
    assert_eq!(editor.text().len(), limits::TYPED_BYTES);
}

#[test]
fn a_draft_is_not_lost_by_recalling() {
    let mut editor = editor("");
    for text in ["first", "second", "second", "  "] {
        editor.set_text(text);
        editor.input(plain(KeyCode::Enter));
    }
    type_text(&mut editor, "draft");
    let mut after = |code| {
        editor.input(plain(code));
        editor.draw(20, 20);
        editor.text()
    };
    let shown = [KeyCode::Up, KeyCode::Up, KeyCode::Up, KeyCode::Down, KeyCode::Down, KeyCode::Down].map(&mut after);
    assert_eq!(shown, ["second", "first", "first", "second", "draft", "draft"]);
}

#[test]
fn up_and_down_move_by_rows_before_they_recall() {
    let mut editor = editor("");
    editor.set_text("recalled");
    editor.input(plain(KeyCode::Enter));
    editor.set_text("one two three\nfour");
    // Rows: "one two", "three", "four".
    let mut places = vec![editor.draw(8, 8).cursor];
    for _ in 0..2 {
        assert_eq!(editor.input(plain(KeyCode::Up)), Edit::None);
        places.push(editor.draw(8, 8).cursor);
    }
    assert_eq!(places, [(2, 4), (1, 4), (0, 4)]);
    assert_eq!(editor.input(plain(KeyCode::Up)), Edit::Changed);
    assert_eq!(editor.text(), "recalled");
    editor.input(plain(KeyCode::Down));
    assert_eq!(editor.text(), "one two three\nfour");
}

#[test]
fn the_keys_of_emacs_edit() {
    let cases: &[(&str, &[KeyEvent], &str)] = &[
        ("one two", &[control('w')], "one "),
        ("one two", &[control('u')], ""),
        ("one two", &[control('w'), control('a'), control('y')], "twoone "),
        ("one two", &[control('a'), control('k')], ""),
        ("one", &[control('b'), control('d')], "on"),
        ("one", &[control('a'), control('d')], "ne"),
        ("one", &[plain(KeyCode::Home), plain(KeyCode::Delete)], "ne"),
        ("one", &[plain(KeyCode::Left), plain(KeyCode::Backspace)], "oe"),
        ("one two", &[alt(KeyCode::Char('b')), plain(KeyCode::Char('x'))], "one xtwo"),
        ("one two", &[control('u'), control('7')], "one two"),
        // A character of several code points goes as one.
        ("a👩‍👩‍👧", &[plain(KeyCode::Backspace)], "a"),
        ("ae\u{301}", &[plain(KeyCode::Left), plain(KeyCode::Char('x'))], "axe\u{301}"),
    ];
    for (text, keys, expected) in cases {
        let mut editor = editor(text);
        keys.iter().for_each(|key| assert_ne!(editor.input(*key), Edit::Unhandled, "{key:?}"));
        assert_eq!(editor.text(), *expected, "{text} {keys:?}");
    }
}

#[test]
fn control_c_clears_and_control_d_ends_an_empty_editor() {
    let mut editor = editor("one");
    assert_eq!(editor.input(control('c')), Edit::Cleared);
    assert!(editor.is_empty());
    assert_eq!(editor.input(control('c')), Edit::Unhandled);
    assert_eq!(editor.input(control('d')), Edit::Ended);
    for key in [plain(KeyCode::Tab), plain(KeyCode::PageUp), plain(KeyCode::Esc), control('l'), control('z')] {
        assert_eq!(editor.input(key), Edit::Unhandled, "{key:?}");
    }
    assert_eq!(editor.input(plain(KeyCode::Char('\u{1b}'))), Edit::Unhandled, "a control character is no text");
}

#[test]
fn what_a_terminal_would_obey_is_drawn_visibly() {
    let mut editor = editor("a\u{1b}[31m\u{202e}b\tc");
    let drawn = editor.draw(40, 40);
    assert_eq!(drawn.rows, ["a␛[31m\\u{202e}b c"]);
    assert_eq!(drawn.cursor, (0, cells(&drawn.rows[0])));
}

#[test]
fn the_rows_around_the_cursor_are_rendered() {
    let mut editor = editor("one\ntwo\nthree 漢字");
    let area = Rect::new(1, 1, 10, 2);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 4));
    let cursor = editor.render(area, &mut buffer, Style::default());
    assert_eq!(buffer, Buffer::with_lines(["            ", " three      ", " 漢字       ", "            "]));
    assert_eq!(cursor, Position::new(5, 2));
    assert_eq!(editor.height(10), 4);
    // No size is too small.
    for (width, height) in [(0, 0), (1, 1), (2, 1)] {
        editor.render(Rect::new(0, 0, width, height), &mut buffer, Style::default());
    }
}

#[test]
fn words_are_wrapped_and_long_ones_cut() {
    let rows = |line: &str, first, next| wrap(line, first, next).rows();
    assert_eq!(rows("one two three", 7, 7), ["one two", "three"]);
    assert_eq!(rows("one  two", 4, 4), ["one ", "two"]);
    assert_eq!(rows("onetwothree", 4, 5), ["onet", "wothr", "ee"]);
    assert_eq!(rows("a 漢字漢字", 5, 5), ["a ", "漢字", "漢字"]);
    assert_eq!(rows("aaaa bbbbbbbb", 13, 4), ["aaaa bbbbbbbb"]);
    assert_eq!(rows("aaaa bbbbbbbbb", 13, 4), ["aaaa bbbbbbbb", "b"]);
    assert_eq!(rows("", 4, 4), [""]);
    assert_eq!(rows("漢", 1, 1), ["漢"]);
    for text in ["one two  three\tfour 漢字漢字 👩‍👩‍👧e\u{301} onetwothreefour", "   ", "\u{200d}\u{301}"]
    {
        // A joiner that joins nothing is shown by its number, which takes 8 cells.
        for width in 8..30 {
            let wrapped = wrap(text, width, width);
            assert!(wrapped.rows().iter().all(|row| cells(row) <= width), "{width}: {:?}", wrapped.rows());
            for piece in &wrapped.placed {
                assert_eq!(wrapped.position(piece.start), (piece.row, piece.column));
            }
        }
    }
}

fn chats() -> Names {
    let users = ["luis", "lucía", "ana"].map(str::to_owned).into();
    Names { users, rooms: ["#sala", "#lobby"].map(str::to_owned).into() }
}

#[test]
fn tab_completes_what_the_word_can_be() {
    let cases: &[(&str, &[&str])] = &[
        ("/his", &["/history ", "/history "]),
        ("/q", &["/query ", "/quit ", "/query "]),
        ("/AYU", &["/ayuda "]),
        ("@lu", &["@luis: ", "@lucía: ", "@luis: "]),
        ("hola @lu", &["hola @luis ", "hola @lucía "]),
        ("@li", &["@lista "]),
        ("lu", &["luis ", "lucía "]),
        ("/query lu", &["/query luis ", "/query lucía "]),
        ("/query l", &["/query luis ", "/query lucía ", "/query #lobby ", "/query luis "]),
        ("/join #s", &["/join #sala "]),
        ("/leave ", &["/leave luis ", "/leave lucía ", "/leave ana ", "/leave #sala "]),
        ("fiesta :tad", &["fiesta 🎉"]),
        (":tada:", &["🎉"]),
        ("one\n/q", &["one\n/q"]),
        ("nothing", &["nothing"]),
        ("", &[""]),
        ("one ", &["one "]),
    ];
    for (text, expected) in cases {
        let mut editor = editor(text);
        for expected in *expected {
            editor.complete(chats, false);
            assert_eq!(editor.text(), *expected, "after {text:?}");
        }
    }
    let mut editor = editor("@lu");
    editor.complete(chats, true);
    assert_eq!(editor.text(), "@lucía: ");
    type_text(&mut editor, "x");
    assert!(!editor.complete(chats, false), "another word begins a new completion");
    assert_eq!(editor.text(), "@lucía: x");
}

#[test]
fn a_pasted_block_is_submitted_without_the_empty_line_at_its_end() {
    let mut editor = editor("");
    editor.paste("one\n\ntwo\n\n");
    assert_eq!(editor.input(plain(KeyCode::Enter)), Edit::Submitted("one\n\ntwo".to_owned()));
}

#[test]
fn tab_offers_commands_and_other_names_of_them_only_where_nothing_else_fits() {
    for (typed, completed) in [("/wh", "/whois "), ("/whisp", "/whisper ")] {
        let mut editor = editor(typed);
        assert!(editor.complete(chats, false));
        assert_eq!(editor.text(), completed);
    }
}

#[test]
fn the_cursor_stands_behind_a_sequence_of_emoji_as_it_is_drawn() {
    let mut editor = editor("a👩‍👩‍👧b");
    let area = Rect::new(0, 0, 30, 1);
    let mut cells = Buffer::empty(area);
    assert_eq!(editor.render(area, &mut cells, Style::new()), Position::new(4, 0));
    assert_eq!((cells[(0, 0)].symbol(), cells[(3, 0)].symbol(), cells[(4, 0)].symbol()), ("a", "b", " "));
}

/// Keys that delete a text.
const DELETIONS: [fn(&mut Editor); 5] = [
    |editor| _ = editor.input(control('u')),
    |editor| [control('a'), control('k')].into_iter().for_each(|key| _ = editor.input(key)),
    |editor| (0..3).for_each(|_| _ = editor.input(control('w'))),
    |editor| [control('a'), alt(KeyCode::Char('d')), control('e')].into_iter().for_each(|key| _ = editor.input(key)),
    |_| {},
];

/// Ends of the question for a password: the answer, Ctrl-C, and an end from elsewhere.
const ENDS: [fn(&mut Editor); 3] = [
    |editor| _ = editor.input(plain(KeyCode::Enter)),
    |editor| _ = editor.input(control('c')),
    |editor| editor.set_secret(false),
];

#[test]
fn nothing_of_a_password_comes_back() {
    let back =
        [control('y'), control('7'), plain(KeyCode::Up), plain(KeyCode::Down), control('p'), plain(KeyCode::Tab)];
    for (deletion, delete) in DELETIONS.iter().enumerate() {
        for (ending, end) in ENDS.iter().enumerate() {
            for asked_again in [true, false] {
                let mut editor = editor("");
                editor.set_secret(true);
                type_text(&mut editor, "my secret word");
                delete(&mut editor);
                end(&mut editor);
                // Only a submitted answer is followed by another question at once.
                editor.set_secret(ending == 0 && asked_again);
                editor.set_secret(asked_again);
                for key in back {
                    editor.input(key);
                    assert_eq!(editor.text(), "", "{key:?} after deletion {deletion}, end {ending}, {asked_again}");
                }
            }
        }
    }
}

#[test]
fn what_was_typed_ahead_of_the_question_for_a_password_is_its_beginning_and_is_forgotten() {
    let mut editor = editor("");
    for text in ["typed ahead", "a message", "typed ahead"] {
        editor.set_text(text);
        editor.input(plain(KeyCode::Enter));
    }
    type_text(&mut editor, "deleted");
    editor.input(control('u'));
    type_text(&mut editor, "sec");
    editor.input(plain(KeyCode::Up));
    editor.input(plain(KeyCode::Down));
    editor.set_secret(true);
    editor.forget("typed ahead");
    type_text(&mut editor, "ret");
    assert_eq!(editor.input(plain(KeyCode::Enter)), Edit::Submitted("secret".to_owned()));
    editor.set_secret(false);
    editor.input(control('y'));
    assert_eq!(editor.text(), "");
    for key in [KeyCode::Up, KeyCode::Up, KeyCode::Up] {
        editor.input(plain(key));
        editor.draw(20, 20);
        assert_eq!(editor.text(), "a message");
    }
}

/// Texts and passwords in random order, and all that the Up key, the Tab key, a yank and an undo bring back.
#[test]
fn what_was_typed_as_a_secret_comes_back_by_no_key() {
    let names = Names { users: vec!["secreto".to_owned()], rooms: Vec::new() };
    for seed in 0..200 {
        let mut random = crate::support::random::Random::new(seed);
        let mut editor = editor("");
        let mut plain_texts: Vec<String> = Vec::new();
        for number in 0..12 {
            let is_secret = random.chance(50);
            editor.set_secret(is_secret);
            let text = format!("{} {number}", if is_secret { "secreto" } else { "text" });
            type_text(&mut editor, &text);
            if random.chance(30) {
                // Half of it is cut, and put back.
                editor.input(control('u'));
                editor.input(control('y'));
            }
            if is_secret {
                let rows = editor.draw(40, 40);
                assert!(!format!("{:?}", rows.rows).contains("secreto"), "seed {seed}");
                assert!(!editor.complete(|| names.clone(), false), "seed {seed}");
            }
            assert_eq!(editor.input(plain(KeyCode::Enter)), Edit::Submitted(text.clone()), "seed {seed}");
            if !is_secret {
                plain_texts.push(text);
            }
            editor.set_secret(false);
            editor.draw(40, 40);
            let mut recalled = Vec::new();
            for _ in 0..number + 2 {
                editor.input(plain(KeyCode::Up));
                editor.draw(40, 40);
                recalled.push(editor.text());
            }
            recalled.dedup();
            let expected: Vec<_> = plain_texts.iter().rev().cloned().collect();
            assert_eq!(
                recalled.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>(),
                expected,
                "seed {seed}"
            );
            // This leaves the recalled texts.
            editor.input(control('c'));
        }
    }
}

/// A deleted text stays for a yank, also in the next text: until another key deletes something.
#[test]
fn what_was_deleted_can_be_yanked_into_the_next_text() {
    for (deletion, delete) in DELETIONS.iter().take(2).enumerate() {
        let mut editor = editor("");
        type_text(&mut editor, "kept words");
        delete(&mut editor);
        assert_eq!(editor.text(), "", "deletion {deletion}");
        for sent in ["one", "two"] {
            type_text(&mut editor, sent);
            assert_eq!(editor.input(plain(KeyCode::Enter)), Edit::Submitted(sent.to_owned()));
        }
        editor.set_text("draft ");
        editor.input(control('y'));
        assert_eq!(editor.text(), "draft kept words", "deletion {deletion}");
    }
}
