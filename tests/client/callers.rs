//! The proof that admits a caller to a direct chat.

use std::time::Instant;

use wachat::client::app::chats::Expected;
use wachat::limits;
use wachat::model::{Fingerprint, Proof, Token, UserName};

/// Returns a proof of a chat in clear text.
fn proof() -> Proof {
    Proof { token: Token::random().unwrap(), fingerprint: None }
}

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

#[test]
fn a_proof_is_for_one_caller_and_serves_once() {
    let (right, other, now) = (proof(), proof(), Instant::now());
    let mut expected = Expected::default();
    assert_eq!(expected.announce(&user("ana"), &right, now), None);
    assert_eq!(expected.redeem(1, user("luis"), right.clone(), now), None);
    assert_eq!(expected.redeem(2, user("ana"), other, now), None);
    assert_eq!(expected.redeem(3, user("ANA"), right.clone(), now).unwrap().shown(), "ana");
    assert_eq!(expected.redeem(4, user("ana"), right, now), None);
}

#[test]
fn a_certificate_belongs_to_its_token() {
    let (clear, now) = (proof(), Instant::now());
    let of = |certificate: &[u8]| Proof { fingerprint: Some(Fingerprint::of(certificate)), ..clear.clone() };
    let mut expected = Expected::default();
    expected.announce(&user("ana"), &of(b"ana's"), now);
    assert_eq!(expected.redeem(1, user("ana"), of(b"another"), now), None);
    assert_eq!(expected.redeem(2, user("ana"), clear.clone(), now), None);
    assert!(expected.redeem(3, user("ana"), of(b"ana's"), now).is_some());
}

#[test]
fn an_announcement_lives_as_long_as_the_protocol_says() {
    let (shown, now) = (proof(), Instant::now());
    let mut expected = Expected::default();
    expected.announce(&user("ana"), &shown, now);
    assert_eq!(expected.redeem(1, user("ana"), shown, now + limits::TOKEN_LIFE), None);
}

#[test]
fn a_caller_who_is_faster_than_the_announcement_is_admitted_by_it() {
    let (shown, now) = (proof(), Instant::now());
    let mut expected = Expected::default();
    assert_eq!(expected.redeem(7, user("ana"), shown.clone(), now), None);
    assert_eq!(expected.announce(&user("ana"), &shown, now + limits::TIMEOUT / 2), Some(7));
    assert_eq!(expected.announce(&user("ana"), &shown, now + limits::TIMEOUT / 2), None);
}
