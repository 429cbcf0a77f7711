//! Passwords and email addresses.

use wachat::model::{Email, Password, PasswordError, UserName};
use wachat::protocol::request::{RECV_COMMANDS, SEND_COMMANDS};
use wachat::trace::mask;

#[test]
fn passwords_follow_section_3() {
    let user = UserName::new("María-José").unwrap();
    assert!(Password::new(&user, "con:dos:puntos").is_ok());
    assert_eq!(Password::new(&user, "corta77"), Err(PasswordError::Short));
    assert_eq!(Password::new(&user, "MARÍA-josé"), Err(PasswordError::Name));
    assert_eq!(Password::new(&user, "dos\nlineas"), Err(PasswordError::LineBreak));
}

#[test]
fn email_addresses_look_like_it() {
    for good in ["", "ana@example.org", "\"a@b\"@example.org"] {
        assert!(Email::new(good).is_some(), "{good:?}");
    }
    for wrong in ["ana", "@example.org", "ana@", "a na@b", &format!("{}@b", "a".repeat(260))] {
        assert!(Email::new(wrong).is_none(), "{wrong:?}");
    }
}

/// The spellings of a verb that a server takes, and some that a person mistypes.
fn spellings(verb: &str) -> Vec<String> {
    let lower = verb.to_lowercase();
    let mixed: String =
        (0..).zip(verb.chars()).map(|(at, c)| if at % 2 == 0 { c } else { c.to_ascii_lowercase() }).collect();
    let capital = format!("{}{}", &verb[..1], &lower[1..]);
    let plain = [verb.to_owned(), lower, mixed, capital];
    plain
        .iter()
        .flat_map(|verb| [verb.clone(), format!("\"{verb}\""), format!(" {verb}"), format!("\u{feff}{verb}")])
        .collect()
}

/// However a line with a password is spelled, and mistyped: what is recorded of it has no part of the password.
#[test]
fn no_line_with_a_password_is_recorded_with_it() {
    let passwords = ["secreto largo", "secreto:uno:dos", "secreto;uno;dos", "\"secreto \"\" uno\""];
    for password in passwords {
        let lines = |verb: &str| {
            let changes = [";", " ", " ;", ":", "\t", ",", "="];
            let logins = [":ana:", ":ana;", " ana ", ";ana;", ":"];
            match verb {
                "PASSWD" => changes.map(|between| format!("{verb}{between}{password};nueva {password}")).to_vec(),
                _ => logins.map(|between| format!("{verb}{between}{password}")).to_vec(),
            }
        };
        for (verb, spelling) in ["PASSWD", "LOGIN", "REGISTER", "PASWD", "LOGN", "CLAVE"]
            .into_iter()
            .flat_map(|verb| spellings(verb).into_iter().map(move |spelling| (verb, spelling)))
        {
            for line in lines(verb) {
                let line = line.replacen(verb, &spelling, 1);
                for is_first in [true, false] {
                    let recorded = mask(&line, is_first);
                    // The name of a login ends at the second colon.
                    let is_name = password.contains(':') && ["LOGIN", "REGISTER"].contains(&verb);
                    let words = ["uno", "dos", "largo", "secreto"];
                    let kept: Vec<_> = words
                        .iter()
                        .filter(|word| recorded.contains(**word))
                        .filter(|word| !is_name || **word != "secreto")
                        .collect();
                    assert!(kept.is_empty(), "{line:?} is recorded as {recorded:?}");
                }
            }
        }
        // Alone, too.
        for is_first in [true, false] {
            assert!(!mask(password, is_first).contains("secreto"), "{password:?}");
        }
    }
}

/// All other requests are recorded as they are, in whatever case.
#[test]
fn requests_without_a_password_are_recorded_unchanged() {
    let verbs =
        SEND_COMMANDS.iter().map(|command| command.verb()).chain(RECV_COMMANDS.iter().map(|command| command.verb()));
    // KEY has no fields: what stands after it can be a key.
    for verb in verbs.filter(|verb| !["PASSWD", "KEY"].contains(verb)) {
        for verb in [verb.to_owned(), verb.to_lowercase(), format!("\"{verb}\"")] {
            for line in [format!("{verb};m-1;ana;PASSWD;hola: uno"), verb.clone()] {
                assert_eq!(mask(&line, false), line);
            }
        }
    }
    for verb in ["LOGIN", "login", "Register"] {
        assert_eq!(mask(&format!("{verb}:ana:secreto"), true), format!("{verb}:ana:***"));
    }
}

/// Text on both sides of an `@`, no white space and no control character, at most 254 bytes; or nothing.
#[test]
fn an_address_is_taken_exactly_if_it_has_that_form() {
    let parts = ["", "a", "@", " ", "\u{a0}", "\t", "\u{7f}", "ñ", ".", "\u{2003}"];
    for one in parts {
        for other in parts {
            for third in parts {
                let text = format!("{one}{other}{third}");
                let has_sides = (1..text.len()).any(|at| text.as_bytes()[at] == b'@' && at + 1 < text.len());
                let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
                let wanted = text.is_empty() || has_sides && is_plain;
                // Two `@` at the end, or at the begin, may be either.
                if !text.contains("@@") {
                    assert_eq!(Email::new(&text).is_some(), wanted, "{text:?}");
                }
            }
        }
    }
    for length in 250..260 {
        let text = format!("{}@ñ", "x".repeat(length - 3));
        assert_eq!(Email::new(&text).map(|email| email.as_str().to_owned()), (length <= 254).then_some(text));
    }
}

#[test]
fn a_password_has_8_characters_of_any_length_in_bytes() {
    let user = UserName::new("contraseña").expect("a name");
    for c in ['x', 'ñ', '七', '🙂'] {
        for length in 1..12 {
            let password: String = std::iter::repeat_n(c, length).collect();
            let is_long = length >= 8;
            assert_eq!(Password::new(&user, &password).is_ok(), is_long, "{password}");
            let with_break = format!("{password}\r");
            let wanted = if length + 1 < 8 { PasswordError::Short } else { PasswordError::LineBreak };
            assert_eq!(Password::new(&user, &with_break), Err(wanted), "{with_break:?}");
        }
    }
    for own in ["contraseña", "CONTRASEÑA", "Contraseña", "ｃontraseña"] {
        assert_eq!(Password::new(&user, own), Err(PasswordError::Name), "{own}");
    }
    assert!(Password::new(&user, "contrasena").is_ok() && Password::new(&user, "contraseña ").is_ok());
}
