//! The words around what people say: ASCII where there is nothing else, times and days, marks, refusals.

use wachat::model::{LocalTime, State};
use wachat::protocol::{Code, Ko};
use wachat::texts::ascii::{ascii, is_ascii_only};
use wachat::texts::when::{date_in, when_in};
use wachat::texts::words::{self, ko_in, noted_ko, on_or_off};
use wachat::texts::{Language, Three};

const LANGUAGES: [Language; 3] = [Language::En, Language::Es, Language::Pt];

#[test]
fn in_ascii_marks_are_signs_and_letters_have_no_accents() {
    for (text, shown) in [
        ("plain ~ {}", "plain ~ {}"),
        ("a…b", "a...b"),
        ("✓ ✓✓ ✗", "+ ++ x"),
        ("1–2 — 3", "1-2 - 3"),
        ("“a” «b»", "\"a\" \"b\""),
        ("‘a’", "'a'"),
        ("¿qué? ¡sí!", "?que? !si!"),
        ("áéíóúüñ ÁÉÍÓÚÜÑ ãõç ÃÕÇ àè", "aeiouun AEIOUUN aoc AOC ae"),
        ("e\u{301}n\u{303}", "en"),
        ("🎉", "\\u{1f389}"),
        ("漢", "\\u{6f22}"),
        ("ß€·", "\\u{df}\\u{20ac}\\u{b7}"),
        ("가", "\\u{ac00}"),
    ] {
        assert_eq!(ascii(text), shown, "{text}");
    }
    // Whatever the character, it is shown in ASCII, and by something unless it is an accent.
    for c in (0..=0x3_ffff).step_by(3).filter_map(char::from_u32) {
        let shown = ascii(&format!("a{c}b")).into_owned();
        assert!(shown.is_ascii() && shown.starts_with('a') && shown.ends_with('b'), "{c:?}: {shown}");
        let is_accent = ('\u{300}'..='\u{36f}').contains(&c);
        assert_eq!(shown == "ab", is_accent, "{c:?}: {shown}");
    }
}

#[test]
fn a_locale_of_another_set_of_characters_shows_ascii_and_the_first_that_says_something_counts() {
    for (all, ctype, lang, expected) in [
        ("C", "", "", true),
        ("POSIX", "", "", true),
        ("", "C", "es_ES.UTF-8", true),
        ("", "", "C", true),
        ("C.UTF-8", "C", "C", false),
        ("es_ES.utf8", "", "", false),
        ("es_ES.UTF-8@euro", "", "", false),
        ("es_ES.ISO-8859-15@euro", "", "", true),
        ("es_ES.ISO-8859-1", "", "es_ES.UTF-8", true),
        ("", "es_ES.latin1", "C.UTF-8", true),
        ("es", "", "", false),
        ("es_ES", "C", "", false),
        ("", "", "", false),
    ] {
        let variable = |name: &str| match name {
            "LC_ALL" => Some(all.to_owned()),
            "LC_CTYPE" => Some(ctype.to_owned()),
            "LANG" => Some(lang.to_owned()),
            _ => None,
        };
        assert_eq!(is_ascii_only(variable), expected, "{all:?} {ctype:?} {lang:?}");
    }
    assert!(!is_ascii_only(|_| None));
}

fn time(year: i16, month: u8, day: u8, time_of_day: &str) -> LocalTime {
    LocalTime { year, month, day, time_of_day: time_of_day.to_owned() }
}

const MONTHS: [[&str; 3]; 12] = [
    ["January", "enero", "janeiro"],
    ["February", "febrero", "fevereiro"],
    ["March", "marzo", "março"],
    ["April", "abril", "abril"],
    ["May", "mayo", "maio"],
    ["June", "junio", "junho"],
    ["July", "julio", "julho"],
    ["August", "agosto", "agosto"],
    ["September", "septiembre", "setembro"],
    ["October", "octubre", "outubro"],
    ["November", "noviembre", "novembro"],
    ["December", "diciembre", "dezembro"],
];
const DAYS: [[&str; 3]; 7] = [
    ["Monday", "lunes", "segunda-feira"],
    ["Tuesday", "martes", "terça-feira"],
    ["Wednesday", "miércoles", "quarta-feira"],
    ["Thursday", "jueves", "quinta-feira"],
    ["Friday", "viernes", "sexta-feira"],
    ["Saturday", "sábado", "sábado"],
    ["Sunday", "domingo", "domingo"],
];

#[test]
fn a_time_is_as_short_as_the_present_one_allows() {
    let now = time(2026, 6, 15, "14:35");
    for (language, index) in LANGUAGES.into_iter().zip(0..) {
        assert_eq!(when_in(language, &time(2026, 6, 15, "09:05"), &now), "09:05");
        for (month, names) in (1..=12).zip(MONTHS) {
            let short: String = names[index].chars().take(3).collect();
            for (year, day) in [(2026, 14), (2026, 1), (2025, 15), (2027, 15), (2025, 31)] {
                let date = if index == 0 { format!("{short} {day}") } else { format!("{day} {short}") };
                let year_shown = if year == 2026 { String::new() } else { format!(" {year}") };
                let shown = when_in(language, &time(year, month, day, "09:05"), &now);
                assert_eq!(shown, format!("{date}{year_shown} 09:05"), "{language:?}");
            }
        }
    }
    // The same day of another month, and of another year, is not today.
    assert_eq!(when_in(Language::En, &time(2026, 5, 15, "09:05"), &now), "May 15 09:05");
    assert_eq!(when_in(Language::En, &time(2025, 6, 15, "09:05"), &now), "Jun 15 2025 09:05");
}

#[test]
fn each_day_has_its_name_in_each_language() {
    // A Monday.
    let first = jiff::civil::date(2026, 3, 2);
    for after in 0..400_i64 {
        let date = first.checked_add(jiff::Span::new().days(after)).unwrap();
        for (language, index) in LANGUAGES.into_iter().zip(0..) {
            let weekday = DAYS[usize::try_from(after % 7).unwrap()];
            let month = MONTHS[usize::try_from(date.month() - 1).unwrap()];
            let weekday = weekday[index];
            let month = month[index];
            let of = if index == 0 { " " } else { " de " };
            let expected = format!("{weekday}, {}{of}{month}{of}{}", date.day(), date.year());
            assert_eq!(date_in(language, date), expected);
        }
    }
}

fn in_all(three: Three) -> [&'static str; 3] {
    LANGUAGES.map(|language| three.text(language))
}

#[test]
fn states_and_settings_have_words_in_each_language() {
    let states = [State::Received, State::Delivered, State::Read].map(|state| in_all(words::state(state)));
    let expected = [
        ["received by the server", "recibido por el servidor", "recebida pelo servidor"],
        ["delivered", "entregado", "entregue"],
        ["read", "leído", "lida"],
    ];
    assert_eq!(states, expected);
    assert_eq!([true, false].map(|on| in_all(on_or_off(on))), [["on", "sí", "sim"], ["off", "no", "não"]]);
    assert_eq!(LANGUAGES.map(Language::yes), ["y", "s", "s"]);
    assert_eq!(in_all(words::READ_TICK_ASCII), in_all(words::READ_TICK).map(|tick| ascii(tick).into_owned()));
}

/// In English the server's own sentence is shown, which may know more.
#[test]
fn a_refusal_is_told_in_the_words_of_the_server() {
    let codes = "SYNTAX NO_USER NO_ROOM NO_MESSAGE NAME PASSWORD DAMAGED NOT_MEMBER NO_PEER NO_SESSION CONFLICT SEQ QUOTA \
                 RATE FULL AUTH BANNED CLOSED EXISTS TOO_LONG TIMEOUT REPLACED SHUTDOWN TLS INTERNAL";
    for word in codes.split_whitespace() {
        let code = Code::parse(word);
        assert_eq!(words::ko(&Ko::new(code, "its own words")), "its own words", "{word}");
        let [es, pt] = [Language::Es, Language::Pt].map(|language| ko_in(language, code).unwrap());
        assert!(es != pt && !es.contains("its own"), "{word}");
        let noted = format!("{word}: its own words");
        assert_eq!(noted_ko(&noted), noted, "{word}");
    }
    for noted in ["LATER: something new", "no code here", "", ": "] {
        assert_eq!(noted_ko(noted), noted);
    }
    for language in LANGUAGES {
        assert_eq!(ko_in(language, Code::Unknown), None, "only the server knows");
    }
}
