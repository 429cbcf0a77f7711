//! Passwords and email addresses.

use wachat::model::{Email, Password, PasswordError, UserName};

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
