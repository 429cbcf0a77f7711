//! The line codec: fields of a record.

use wachat::record::{Fields, SyntaxError};

fn fields(line: &str) -> Result<Vec<String>, SyntaxError> {
    Fields::parse(line.as_bytes()).map(|f| f.iter().map(str::to_owned).collect())
}

#[test]
fn section_2_splits_and_unquotes() {
    for (line, want) in [
        ("", vec![""]),
        ("PING", vec!["PING"]),
        ("a;b;", vec!["a", "b", ""]),
        ("a;\"b;c\";d", vec!["a", "b;c", "d"]),
        ("\"\"", vec![""]),
        ("\"say \"\"hi\"\"\"", vec!["say \"hi\""]),
        ("say \"hi\";it", vec!["say \"hi\"", "it"]),
        ("one\\ntwo\\\\\\r", vec!["one\ntwo\\\r"]),
        ("\"a\\n;\"", vec!["a\n;"]),
        ("tab\there", vec!["tab\there"]),
    ] {
        assert_eq!(fields(line).unwrap(), want, "{line:?}");
    }
}

#[test]
fn section_2_refuses() {
    for (line, why) in [
        (&b"\"open"[..], SyntaxError::OpenQuote),
        (b"\"a\"b;c", SyntaxError::AfterQuote),
        (b"\"a\"\"", SyntaxError::OpenQuote),
        (b"a\\t", SyntaxError::Escape),
        (b"a\\", SyntaxError::Escape),
        (b"a\0b", SyntaxError::Control),
        (b"a\rb", SyntaxError::Control),
        (b"a\x1b[1m", SyntaxError::Control),
        ("a\u{9b}".as_bytes(), SyntaxError::Control),
        (b"caf\xe9", SyntaxError::Utf8),
    ] {
        assert_eq!(Fields::parse(line), Err(why), "{line:?}");
    }
}
