//! The colours of the full screen, the names of its keys, and the texts that are kept: tables over all cases.

use std::cell::RefCell;
use std::rc::Rc;

use ratatui_core::style::{Color, Modifier, Style};
use terminput::{KeyCode, KeyModifiers};
use wachat::client::screen::keys::{Action, KEYS, Keys};
use wachat::client::screen::line::{Line, Paragraph, Piece};
use wachat::client::screen::long_text::LongTexts;
use wachat::client::screen::theme::Theme;
use wachat::model::State;

use crate::client::screen_app::user;
use crate::support::random::Random;

const ALL: [Theme; 3] = [Theme::Dark, Theme::Light, Theme::None];

/// Everything that has a style.
fn styles(theme: Theme) -> Vec<(&'static str, Style)> {
    vec![
        ("quiet", theme.quiet()),
        ("title", theme.title()),
        ("new", theme.new_messages()),
        ("problem", theme.problem()),
        ("mention", theme.mention()),
        ("link", theme.link()),
        ("unread", theme.unread()),
        ("presence", theme.presence()),
        ("chosen", theme.chosen()),
        ("status", theme.status()),
        ("queued", theme.state(None)),
        ("delivered", theme.state(Some(State::Delivered))),
        ("read", theme.state(Some(State::Read))),
    ]
}

/// The light that a colour of the 256 gives off (WCAG 2).
fn luminance(colour: u8) -> f64 {
    let steps = [0_u8, 95, 135, 175, 215, 255];
    let parts = match colour {
        16..=231 => [(colour - 16) / 36, (colour - 16) / 6 % 6, (colour - 16) % 6].map(|step| steps[usize::from(step)]),
        232.. => [8 + 10 * (colour - 232); 3],
        _ => panic!("{colour} is another on each terminal"),
    };
    let linear = |part: u8| match f64::from(part) / 255.0 {
        small if small <= 0.040_45 => small / 12.92,
        part => ((part + 0.055) / 1.055).powf(2.4),
    };
    let [red, green, blue] = parts.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(colour: u8, theme: Theme) -> f64 {
    match theme {
        Theme::Light => 1.05 / (luminance(colour) + 0.05),
        _ => (luminance(colour) + 0.05) / 0.05,
    }
}

#[test]
fn every_colour_can_be_read_on_its_background() {
    let names: Vec<_> = (0..200).map(|number| user(&format!("u{number}"))).collect();
    for theme in [Theme::Dark, Theme::Light] {
        let mut colours = std::collections::BTreeSet::new();
        let of_names = names.iter().map(|name| ("name", theme.name(name)));
        for (what, style) in styles(theme).into_iter().chain(of_names) {
            assert_eq!(style.bg, None, "{what}");
            let Some(colour) = style.fg else { continue };
            let Color::Indexed(colour) = colour else { panic!("{what} is {colour:?}") };
            assert!(contrast(colour, theme) >= 4.5, "{what}, {theme:?}: {colour} has {}", contrast(colour, theme));
            colours.extend((what == "name").then_some(colour));
        }
        assert_eq!(colours.len(), 12, "{theme:?}: people are told apart by twelve colours");
    }
    for (name, style) in names.iter().map(|name| (name, Theme::Dark.name(name))) {
        assert!(style.add_modifier.contains(Modifier::BOLD) && Theme::Dark.name(name) == style, "always the same");
        let other_form = user(&name.to_string().to_uppercase());
        assert_eq!(Theme::Dark.name(&other_form), style, "{name} however it is written");
    }
}

/// Each meaning of a colour is also shown by something else: in each theme these pairs look different.
#[test]
fn what_has_a_meaning_looks_different_in_every_theme() {
    for theme in ALL {
        let plain = Style::new();
        let [mention, link, unread, chosen] = [theme.mention(), theme.link(), theme.unread(), theme.chosen()];
        for style in [theme.quiet(), theme.title(), theme.new_messages(), mention, link, unread, chosen, theme.status()]
        {
            assert_ne!(style, plain, "{theme:?}");
        }
        assert!(link.add_modifier.contains(Modifier::UNDERLINED), "{theme:?}");
        assert!(mention.add_modifier.contains(Modifier::BOLD) && unread.add_modifier.contains(Modifier::BOLD));
        assert!(chosen.add_modifier.contains(Modifier::REVERSED) && theme.status() == chosen);
        assert_eq!(theme.state(Some(State::Delivered)), theme.quiet());
        assert_eq!(theme.state(Some(State::Received)), theme.quiet());
        assert_ne!(theme.state(Some(State::Read)), theme.quiet(), "{theme:?}");
        assert_eq!(theme.has_colours(), theme != Theme::None);
        assert_eq!(theme.quiet().add_modifier.contains(Modifier::DIM), theme == Theme::None, "dim where no colour is");
    }
    assert!(styles(Theme::None).iter().all(|(_, style)| style.fg.is_none()));
    let is_other = |(dark, light): (&(&str, Style), &(&str, Style))| dark.1.fg.is_none() || dark.1.fg != light.1.fg;
    assert!(styles(Theme::Dark).iter().zip(&styles(Theme::Light)).all(is_other));
}

#[test]
fn the_environment_chooses_colours_only_where_the_user_has_not() {
    let backgrounds = [
        ("", Theme::Dark),
        ("15;0", Theme::Dark),
        ("0;15", Theme::Light),
        ("0;7", Theme::Light),
        ("0;default;15", Theme::Light),
        ("15;8", Theme::Dark),
        ("0;70", Theme::Dark),
        ("7", Theme::Light),
    ];
    for no_color in ["", "1", "0"] {
        for (background, theme) in backgrounds {
            let variable = |name: &str| match name {
                "NO_COLOR" => Some(no_color.to_owned()),
                "COLORFGBG" => Some(background.to_owned()),
                _ => None,
            };
            let expected = if no_color.is_empty() { theme } else { Theme::None };
            assert_eq!(Theme::Auto.resolve(variable), expected, "{no_color:?} {background:?}");
            for chosen in [Theme::Dark, Theme::Light, Theme::None] {
                assert_eq!(chosen.resolve(variable), chosen, "{no_color:?} {background:?}");
            }
        }
    }
    assert_eq!(Theme::Auto.resolve(|_| None), Theme::Dark);
}

/// Keys as people know them, as the help and the hints have them.
#[test]
fn each_key_has_the_name_that_people_know_it_by() {
    for (setting, shown) in [
        ("ctrl-g", "Ctrl-G"),
        ("alt-g", "Alt-G"),
        ("ctrl-alt-g", "Ctrl-Alt-G"),
        ("f5", "F5"),
        ("alt-f12", "Alt-F12"),
        ("pageup", "PgUp"),
        ("ctrl-pagedown", "Ctrl-PgDn"),
        ("esc", "Esc"),
        ("tab", "Tab"),
        ("backtab", "Shift-Tab"),
        ("home", "Home"),
        ("alt-end", "Alt-End"),
        ("up", "Up"),
        ("ctrl-down", "Ctrl-Down"),
        ("left", "Left"),
        ("alt-right", "Alt-Right"),
        ("insert", "Insert"),
        ("delete", "Delete"),
        ("alt-ñ", "Alt-Ñ"),
    ] {
        let keys = Keys::new(&format!("jump={setting}")).unwrap();
        assert_eq!(keys.of(Action::Jump), shown, "{setting}");
    }
    let keys = Keys::new("").unwrap();
    let shown: Vec<_> = KEYS.iter().map(|row| (row.name, keys.of(row.action))).collect();
    let expected = [
        ("help", "F1"),
        ("next-chat", "Ctrl-N"),
        ("previous-chat", "Ctrl-P"),
        ("next-unread", "Alt-A"),
        ("jump", "Ctrl-K"),
        ("search", "Ctrl-F"),
        ("list", "Esc"),
        ("page-up", "PgUp"),
        ("page-down", "PgDn"),
        ("oldest", "Alt-Home"),
        ("newest", "Alt-End"),
        ("load-hole", "Alt-H"),
        ("complete", "Tab"),
        ("complete-back", "Shift-Tab"),
        ("mouse", "Alt-M"),
        ("redraw", "Ctrl-L"),
        ("suspend", "Ctrl-Z"),
    ];
    assert_eq!(shown, expected.map(|(name, key)| (name, key.to_owned())));
    for number in 1..=9 {
        let code = KeyCode::Char(char::from(b'0' + number));
        let key = terminput::KeyEvent::new(code).modifiers(KeyModifiers::ALT);
        assert_eq!(keys.action(&key), Some(Action::Chat(number.into())));
    }
}

/// Whatever was kept before, the lines of a long text are those that it has now, in this width and these colours.
#[test]
fn kept_lines_of_long_texts_are_those_of_the_text_as_it_is_asked_for() {
    let kept = Rc::new(RefCell::new(LongTexts::default()));
    let mut random = Random::new(3);
    let mut pick = |count: usize| usize::try_from(random.below(count as u64)).unwrap();
    let long = |end: &str| format!("{}{end}", "ana y luis https://example.org ".repeat(40));
    let texts = [long("x"), long("y"), "ana".to_owned(), "short".to_owned()];
    for _ in 0..600 {
        let head = [vec![Piece::new("luis: ", Style::new())], vec![Piece::new("eva: ", Style::new())]][pick(2)].clone();
        let tail = [Vec::new(), vec![Piece::new("✓", Style::new())]][pick(2)].clone();
        let style = [Style::new(), Theme::Dark.quiet()][pick(2)];
        let text = &texts[pick(4)];
        let theme = ALL[pick(3)];
        let width = [40, 41][pick(2)];
        let mention = ["ana", "luis", ""][pick(3)];
        let paragraph = Paragraph { head, text, style, tail, indent: 6, is_list: false };
        let lines: Vec<Line> = kept.borrow_mut().lines(&paragraph, width, theme, mention).to_vec();
        assert_eq!(lines, paragraph.lines(width, theme, mention));
    }
}
