//! The subjects of bans and the other values of an administrator; fingerprints.

use wachat::limits;
use wachat::model::{Banned, Fingerprint, Network, ShortText, UserName};
use wachat::protocol::control::SessionChoice;

#[test]
fn a_network_is_an_address_with_or_without_the_length_of_its_prefix() {
    let networks = [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("192.0.2.7/0", "0.0.0.0/0"),
        ("192.0.2.7/08", "192.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7/16", "192.0.0.0/16"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6/128", "2001:db8:1:2:3:4:5:6/128"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::/64"),
        ("::1/128", "::1/128"),
        ("::/0", "::/0"),
    ];
    for (text, written) in networks {
        let network = Network::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(network.to_string(), written, "{text}");
        assert_eq!(Banned::parse(text), Some(Banned::Network(network)));
        assert_eq!(Banned::parse(written), Some(Banned::Network(network)), "{text} is read as it is written");
    }
    for wrong in [
        "",
        "/",
        "/8",
        "192.0.2.7/",
        "192.0.2.7/33",
        "192.0.2.7/+8",
        "192.0.2.7/-1",
        "192.0.2.7/8/8",
        "192.0.2.7/ 8",
        "192.0.2.7/256",
        "::ffff:192.0.2.7/64",
        "::1/129",
        "::1/+64",
        "192.0.2",
        "192.0.2.256",
        " ::1",
        "[::1]",
    ] {
        assert_eq!(Network::parse(wrong), None, "{wrong:?}");
    }
}

#[test]
fn an_at_sign_says_that_a_name_is_one() {
    let user = |name| Banned::User(UserName::new(name).expect("a name"));
    let subjects = [
        ("ana", user("ana"), "@ana"),
        ("@ana", user("ana"), "@ana"),
        ("@María", user("María"), "@María"),
        ("@192.0.2.7", user("192.0.2.7"), "@192.0.2.7"),
        ("1.2.3", user("1.2.3"), "@1.2.3"),
    ];
    for (text, subject, written) in subjects {
        assert_eq!(Banned::parse(text), Some(subject.clone()), "{text}");
        assert_eq!(subject.to_string(), written);
        assert_eq!(Banned::from_stored(&subject.stored()), Some(subject), "{text} as a file holds it");
    }
    for network in ["192.0.2.0/24", "2001:db8::/32"] {
        let subject = Banned::parse(network).expect("a network");
        assert_eq!((subject.stored(), Banned::from_stored(network)), (network.to_owned(), Some(subject)));
    }
    for wrong in ["@", "@@ana", "#sala", "a b", "@::1", ""] {
        assert_eq!(Banned::parse(wrong), None, "{wrong:?}");
    }
    assert_eq!(Banned::from_stored("ana"), None, "a file has the sign before each name");
}

#[test]
fn a_connection_is_named_by_its_number_or_its_user() {
    let of = |name| Some(SessionChoice::Of(UserName::new(name).expect("a name")));
    let number = |number| Some(SessionChoice::Number(number));
    for (text, wanted) in [
        ("12", number(12)),
        ("0", number(0)),
        ("007", number(7)),
        ("@12", of("12")),
        ("ana", of("ana")),
        ("@ana", of("ana")),
        ("12a", of("12a")),
        ("-1", None),
        ("", None),
        ("@", None),
    ] {
        assert_eq!(SessionChoice::parse(text), wanted, "{text:?}");
    }
}

#[test]
fn a_short_text_has_a_thousand_bytes_and_no_control_character() {
    for length in [0, 1, limits::SHORT_TEXT_BYTES - 1, limits::SHORT_TEXT_BYTES, limits::SHORT_TEXT_BYTES + 1] {
        for c in ["x", "ñ"] {
            let text = c.repeat(length);
            let short = ShortText::new(&text);
            assert_eq!(short.is_some(), text.len() <= 1_000, "{length} of {c}");
            if let Some(short) = short {
                assert_eq!(short.as_str(), text);
                assert_eq!(short.to_text().map(|text| text.to_string()), Some(text));
            }
        }
    }
    for c in ('\0'..='\u{ff}').filter(|c| *c != '"' && *c != '\\') {
        let is_control = c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c);
        assert_eq!(ShortText::new(&format!("a{c}b")).is_none(), is_control, "{c:?}");
    }
}

#[test]
fn a_fingerprint_is_32_pairs_of_hexadecimal_digits() {
    let bytes: Vec<_> = (0..32_u8).map(|n| n.wrapping_mul(73) ^ 0xc9).collect();
    let joined = |pairs: &[String], by: &str| pairs.join(by);
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let text = joined(&pairs, ":");
    let read = Fingerprint::parse(&text).expect("a fingerprint");
    assert_eq!((read.to_string(), Fingerprint::parse(&text.to_lowercase())), (text.clone(), Some(read)));
    for at in 0..32 {
        for wrong in ["", "1", "123", "0G", "+1", " 1", "1\n"] {
            let mut pairs = pairs.clone();
            wrong.clone_into(&mut pairs[at]);
            assert_eq!(Fingerprint::parse(&joined(&pairs, ":")), None, "{wrong:?} at {at}");
        }
        let mut other = pairs.clone();
        other[at] = format!("{:02X}", bytes[at] ^ 1);
        let other = Fingerprint::parse(&joined(&other, ":")).expect("a fingerprint");
        assert!(other != read && other.to_string() != text, "pair {at} counts");
    }
    for wrong in [joined(&pairs, ""), joined(&pairs, ";"), format!("{text}:"), format!("{text}:00"), format!(":{text}")]
    {
        assert_eq!(Fingerprint::parse(&wrong), None, "{wrong}");
    }
    assert_eq!(Fingerprint::parse(&joined(&pairs[..31], ":")), None);
    let empty = "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";
    assert_eq!(Fingerprint::of(b"").to_string(), empty, "SHA-256 of nothing");
}
