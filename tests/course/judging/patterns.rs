//! Lines and patterns: a line fits when each field does, and a name stands for one value.

use proptest::prelude::*;
use wachat::course::judge::pattern::{Names, is_time};

use super::small_server::AT;

fn fits(pattern: &str, line: &str) -> bool {
    Names::default().fits(pattern, line)
}

/// Kinds of fields: a pattern, fields that fit it, and fields that do not.
const FIELDS: &[(&str, &[&str], &[&str])] = &[
    ("OK", &["OK"], &["", "ok", "KO", "OK ", " OK", "OKO", "O", "<time>"]),
    ("<n", &["<n"], &["7", "n", "<n>"]),
    ("n>", &["n>"], &["7", "n", "<n>"]),
    ("<any>", &["", "x", "two words", "<any>", AT, "7"], &[]),
    (
        "<time>",
        &[AT, "0000-00-00T00:00:00.000Z", "9999-99-99T99:99:99.999Z"],
        &[
            "",
            "2026-11-20T23:55:00.123",
            "2026-11-20T23:55:00Z",
            "2026-11-20 23:55:00.123Z",
            "2026-11-20T23:55:00.123z",
            "2026/11/20T23:55:00.123Z",
            "2026-11-20T23:55:00.12aZ",
            "2026-11-20T23:55:00.1234Z",
            "x2026-11-20T23:55:00.123",
            "12026-11-20T23:55:00.12Z",
        ],
    ),
    (
        "<n>",
        &["0", "1", "42", "007", "9007199254740991", "1234567890123456"],
        &["", "x", "-1", "+1", "1.0", "1 ", " 1", "0x1", "12345678901234567", "１", "1a"],
    ),
    ("<id>", &["m-1", "a", "A_b-9", "0", "-", ID_64], &["", "m 1", "m;1", "m.1", "ñ", "\"m\"", ID_65]),
];

const ID_64: &str = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff0123";
const ID_65: &str = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff01234";

#[test]
fn a_field_fits_by_its_kind_at_each_place_of_a_line() {
    for (pattern, good, bad) in FIELDS {
        for [before, behind] in [["", ""], ["x;", ""], ["", ";y"], ["x;", ";y"]] {
            let whole = |field: &str| format!("{before}{field}{behind}");
            for field in *good {
                assert!(fits(&whole(pattern), &whole(field)), "{} and {}", whole(pattern), whole(field));
            }
            for field in *bad {
                assert!(!fits(&whole(pattern), &whole(field)), "{} and {}", whole(pattern), whole(field));
            }
        }
    }
}

/// Checks of each pattern and line whether they fit.
#[track_caller]
fn check_fits(cases: &[(&str, &str, bool)]) {
    for (pattern, line, does_fit) in cases {
        assert_eq!(fits(pattern, line), *does_fit, "{pattern} and {line}");
    }
}

#[test]
fn a_line_has_as_many_fields_as_its_pattern() {
    check_fits(&[
        ("OK;1", "OK;1", true),
        ("OK;1", "OK", false),
        ("OK;1", "OK;1;", false),
        ("OK;1", "OK;1;2", false),
        ("OK", "", false),
        ("", "", true),
        ("<any>;<any>", "a", false),
        ("<any>;<any>", "a;b;c", false),
        ("<n>;<n>", "4", false),
    ]);
}

#[test]
fn three_points_stand_for_any_rest_from_their_field_on() {
    check_fits(&[
        ("KO;AUTH;...", "KO;AUTH;no such user", true),
        ("KO;AUTH;...", "KO;AUTH;", true),
        ("KO;AUTH;...", "KO;AUTH;a;b;c", true),
        ("KO;AUTH;...", "KO;AUTH", false),
        ("KO;AUTH;...", "KO;BANNED;no", false),
        ("KO;AUTH;...", "OK;AUTH;no", false),
        ("KO;AUTH;...", "KO;AUTHOR;no", false),
        ("OK;ana...", "OK;ana-1;wachat/1", true),
        ("OK;ana...", "OK;an", false),
        ("OK;ana...", "OK;luis;ana", false),
        ("OK;m-1;RECEIVED;<time>;...", "OK;m-1;RECEIVED;2026-11-20T23:55:00.123Z;1", true),
        ("OK;m-1;RECEIVED;<time>;...", "OK;m-1;RECEIVED;2026-11-20;1", false),
        ("...", "anything; at all", true),
        ("OK", "OK...", false),
    ]);
}

#[test]
fn a_name_has_one_value_in_a_line_and_a_new_one_only_from_a_line_that_fits() {
    let mut names = Names::default();
    assert!(!names.fits("<n>;GAP;<n>", "7;GAP;8"));
    assert_eq!(names.number("<n>"), None, "a line that does not fit names nothing");
    assert!(!names.fits("<n>;MSG;x", "7;MSG;y"));
    assert_eq!(names.number("<n>"), None);
    assert!(names.fits("<n>;GAP;<m>;<n>", "7;GAP;9;7"));
    assert_eq!((names.number("<n>"), names.number("<m>")), (Some(7), Some(9)));
    assert_eq!(names.fill("<n>;<m>;<k>"), "7;9;<k>");
    assert!(names.fits("<n>", "8"), "as long as it is not filled in");
    assert_eq!(names.fill("<n>"), "8");
}

#[test]
fn steps_are_filled_with_names_and_numbers_and_with_nothing_else() {
    let mut names = Names::default();
    names.set("ana", "ana-1".to_owned());
    names.set("room", "sala-2".to_owned());
    names.note("a", "3".to_owned());
    names.note("id", "m-4".to_owned());
    assert_eq!(
        names.fill("{ana}>{ana} #{room} {eva} <a> <b> <id> ana a {"),
        "ana-1>ana-1 #sala-2 {eva} 3 <b> m-4 ana a {"
    );
    names.set("ana", "ana-5".to_owned());
    names.note("a", "6".to_owned());
    assert_eq!(names.fill("{ana};<a>"), "ana-5;6", "the newest value counts");
    let numbers = ["<a>", "12", "<b>", "<id>", "a", "", "<a", "a>", "-1"].map(|text| names.number(text));
    assert_eq!(numbers, [Some(6), Some(12), None, None, None, None, None, None, None]);
}

#[test]
fn a_time_has_the_form_of_the_protocol() {
    assert!(is_time(AT));
    for place in 0..AT.len() {
        for other in ["", "x", "/", ":", "00", " ", "7"] {
            let field = format!("{}{other}{}", &AT[..place], &AT[place + 1..]);
            let is_digit = AT.as_bytes()[place].is_ascii_digit();
            assert_eq!(is_time(&field), field == AT || is_digit && other == "7", "{field}");
        }
    }
    assert!(!is_time(&AT.replace(':', "٣")), "digits of ASCII");
}

/// A field of a pattern with a field that fits it.
fn field() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "[a-zA-Z0-9 #:.-]{0,8}"
            .prop_filter("a literal", |text| !text.ends_with("..."))
            .prop_map(|text| (text.clone(), text)),
        "[^;\n]{0,8}".prop_map(|text| ("<any>".to_owned(), text)),
        Just(("<time>".to_owned(), AT.to_owned())),
        ("[k-n]", "[0-9]{1,16}").prop_map(|(name, number)| (format!("<{name}>"), number)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Fields with names of their own: then a line fits, and with one field more, less or changed it does not.
    #[test]
    fn a_line_fits_its_pattern_and_no_neighbour_of_it_does(
        fields in prop::collection::vec(field(), 1..7),
        place in any::<prop::sample::Index>(),
    ) {
        let fields: Vec<_> = fields.into_iter().zip(0..).map(|((pattern, field), number)| {
            (pattern.replace('>', &format!("{number}>")).replace("<any", "<x").replace("<time", "<y"), pattern, field)
        }).collect();
        // Only numbers have names of their own.
        let pattern = |(named, pattern, _): &(String, String, String)| {
            if pattern.starts_with('<') && pattern.len() == 3 { named.clone() } else { pattern.clone() }
        };
        let patterns: Vec<_> = fields.iter().map(pattern).collect();
        let line: Vec<_> = fields.iter().map(|(.., field)| field.clone()).collect();
        let whole = patterns.join(";");
        let place = place.index(fields.len());
        prop_assume!(!whole.ends_with("..."));
        let mut names = Names::default();
        prop_assert!(names.fits(&whole, &line.join(";")));
        for (name, value) in patterns.iter().zip(&line).filter(|(name, _)| name.starts_with('<') && name.len() == 4) {
            prop_assert_eq!(names.fill(name), value.clone());
        }
        let mut less = line.clone();
        less.remove(place);
        prop_assert!(line.len() == 1 && patterns[0].is_empty() || !fits(&whole, &less.join(";")) || line.len() == 1);
        let mut more = line.clone();
        more.insert(place, line[place].clone());
        prop_assert!(!fits(&whole, &more.join(";")));
        if patterns[place] != "<any>" {
            let mut other = line.clone();
            other[place].push('~');
            prop_assert!(!fits(&whole, &other.join(";")));
        }
    }
}
