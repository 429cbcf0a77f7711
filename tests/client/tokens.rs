//! The tokens that admit a caller to a direct chat.

use std::time::Instant;

use wachat::client::app::chats::Tokens;
use wachat::limits;
use wachat::model::{Token, UserName};

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

#[test]
fn a_token_is_for_one_caller_and_serves_once() {
    let (token, other, now) = (Token::random().unwrap(), Token::random().unwrap(), Instant::now());
    let mut tokens = Tokens::default();
    assert_eq!(tokens.announce(&user("ana"), &token, now), None);
    assert_eq!(tokens.redeem(1, user("luis"), token.clone(), now), None);
    assert_eq!(tokens.redeem(2, user("ana"), other, now), None);
    assert_eq!(tokens.redeem(3, user("ANA"), token.clone(), now).unwrap().shown(), "ana");
    assert_eq!(tokens.redeem(4, user("ana"), token, now), None);
}

#[test]
fn an_announcement_lives_as_long_as_the_protocol_says() {
    let (token, now) = (Token::random().unwrap(), Instant::now());
    let mut tokens = Tokens::default();
    tokens.announce(&user("ana"), &token, now);
    assert_eq!(tokens.redeem(1, user("ana"), token, now + limits::TOKEN_LIFE), None);
}

#[test]
fn a_caller_who_is_faster_than_the_announcement_is_admitted_by_it() {
    let (token, now) = (Token::random().unwrap(), Instant::now());
    let mut tokens = Tokens::default();
    assert_eq!(tokens.redeem(7, user("ana"), token.clone(), now), None);
    assert_eq!(tokens.announce(&user("ana"), &token, now + limits::TIMEOUT / 2), Some(7));
    assert_eq!(tokens.announce(&user("ana"), &token, now + limits::TIMEOUT / 2), None);
}
