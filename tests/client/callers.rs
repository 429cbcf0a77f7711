//! The proof that admits a caller to a direct chat.

use std::time::{Duration, Instant};

use wachat::client::app::chats::Expected;
use wachat::limits;
use wachat::model::{Fingerprint, Proof, Token};

use crate::support::random::Random;
use crate::support::values::user;

/// Returns a proof of a chat in clear text.
fn proof() -> Proof {
    Proof { token: Token::random().unwrap(), fingerprint: None }
}

#[test]
fn a_proof_is_for_one_caller_and_serves_once() {
    let right = proof();
    let other = proof();
    let now = Instant::now();
    let mut expected = Expected::default();
    assert_eq!(expected.announce(&user("ana"), &right, now), None);
    assert_eq!(expected.redeem(1, user("luis"), right.clone(), now), None);
    assert_eq!(expected.redeem(2, user("ana"), other, now), None);
    assert_eq!(expected.redeem(3, user("ANA"), right.clone(), now).unwrap().shown(), "ana");
    assert_eq!(expected.redeem(4, user("ana"), right, now), None);
}

#[test]
fn a_certificate_belongs_to_its_token() {
    let clear = proof();
    let now = Instant::now();
    let of = |certificate: &[u8]| Proof { fingerprint: Some(Fingerprint::of(certificate)), ..clear.clone() };
    let mut expected = Expected::default();
    expected.announce(&user("ana"), &of(b"ana's"), now);
    assert_eq!(expected.redeem(1, user("ana"), of(b"another"), now), None);
    assert_eq!(expected.redeem(2, user("ana"), clear.clone(), now), None);
    assert!(expected.redeem(3, user("ana"), of(b"ana's"), now).is_some());
}

#[test]
fn an_announcement_lives_as_long_as_the_protocol_says() {
    let shown = proof();
    let now = Instant::now();
    let mut expected = Expected::default();
    expected.announce(&user("ana"), &shown, now);
    assert_eq!(expected.redeem(1, user("ana"), shown, now + limits::TOKEN_LIFE), None);
}

#[test]
fn a_caller_who_is_faster_than_the_announcement_is_admitted_by_it() {
    let shown = proof();
    let now = Instant::now();
    let mut expected = Expected::default();
    assert_eq!(expected.redeem(7, user("ana"), shown.clone(), now), None);
    assert_eq!(expected.announce(&user("ana"), &shown, now + limits::TIMEOUT / 2), Some(7));
    assert_eq!(expected.announce(&user("ana"), &shown, now + limits::TIMEOUT / 2), None);
}

/// Beside a list of all announcements and of all callers who wait: each announcement admits one caller, within its time, and
/// a caller who came first is admitted by one within the time for which its thread waits.
#[test]
fn each_announcement_admits_one_caller_in_its_time() {
    let same = proof();
    let of = |certificate: &[u8]| Proof { fingerprint: Some(Fingerprint::of(certificate)), ..same.clone() };
    let proofs = [same.clone(), of(b"one"), of(b"other"), proof()];
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut expected = Expected::default();
        let mut now = Instant::now();
        let mut announced = Vec::<(bool, usize, Instant)>::new();
        let mut waiting = Vec::<(u64, bool, usize, Instant)>::new();
        for number in 0..100 {
            let most = [10, 12_000, 40_000][random.below(3) as usize];
            now += Duration::from_millis(random.below(most));
            announced.retain(|(.., at)| now - *at < Duration::from_secs(30));
            waiting.retain(|(.., at)| now - *at < Duration::from_secs(10));
            let is_ana = random.chance(50);
            let which = random.below(4) as usize;
            let name = user(if is_ana { "ana" } else { "luis" });
            if random.chance(50) {
                let first = waiting.iter().position(|(_, ana, what, _)| (*ana, *what) == (is_ana, which));
                let waits = first.map(|at| waiting.remove(at).0);
                if waits.is_none() {
                    announced.push((is_ana, which, now));
                }
                assert_eq!(expected.announce(&name, &proofs[which], now), waits, "seed {seed}, announcement {number}");
            } else {
                let first = announced.iter().position(|(ana, what, _)| (*ana, *what) == (is_ana, which));
                let admitted = first.map(|at| announced.remove(at)).is_some();
                if !admitted {
                    waiting.push((number, is_ana, which, now));
                }
                let got = expected.redeem(number, name.clone(), proofs[which].clone(), now);
                assert_eq!(got, admitted.then_some(name), "seed {seed}, caller {number}");
            }
        }
    }
}
