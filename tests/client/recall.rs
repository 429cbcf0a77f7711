//! Texts that the Up key brings back, beside a model; and their bounds.

use wachat::client::terminal::recall::Recall;

use crate::support::random::Random;

/// Most texts that are kept, and most bytes of all of them.
const TEXTS: usize = 500;
const BYTES: usize = 1 << 20;

/// Everything that the Up key brings back, the newest first.
fn all(recall: &mut Recall) -> Vec<String> {
    recall.leave();
    let texts: Vec<_> = std::iter::from_fn(|| recall.earlier("draft")).collect();
    recall.leave();
    texts
}

#[test]
fn the_newest_texts_are_kept_by_number_and_by_bytes() {
    let mut recall = Recall::default();
    for number in 0..TEXTS + 30 {
        recall.add(&format!("text {number}"));
    }
    let newest: Vec<_> = (30..TEXTS + 30).rev().map(|number| format!("text {number}")).collect();
    assert_eq!(all(&mut recall), newest);
    // Those of the greatest length are fewer, and short ones come again as many as there is room for.
    let long = |number: usize| format!("{number:4}{}", "x".repeat(65_532));
    (0..40).for_each(|number| recall.add(&long(number)));
    assert_eq!(all(&mut recall), (24..40).rev().map(long).collect::<Vec<_>>(), "{} of 65,536 bytes", BYTES >> 16);
    for number in 0..TEXTS + 30 {
        recall.add(&format!("text {number}"));
    }
    assert_eq!(all(&mut recall), newest);
    // A removed text leaves its room to others.
    (0..16).for_each(|number| recall.add(&long(number)));
    (0..16).for_each(|number| recall.remove(&long(number)));
    (100..116).for_each(|number| recall.add(&long(number)));
    let kept = all(&mut recall);
    assert_eq!(kept[..15], (101..116).rev().map(long).collect::<Vec<_>>());
}

#[test]
fn texts_come_back_in_their_order_and_behind_them_the_draft() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut recall = Recall::default();
        let mut texts: Vec<String> = Vec::new();
        // The place among the texts, the newest is 0, and the draft.
        let mut place: Option<(usize, String)> = None;
        for step in 0..60 {
            match random.below(8) {
                0 | 1 => {
                    let text = ["one", "two", "three", " ", "", "one\ntwo"][usize::try_from(random.below(6)).unwrap()];
                    recall.add(text);
                    place = None;
                    if !text.trim().is_empty() && texts.last().is_none_or(|last| last != text) {
                        texts.push(text.to_owned());
                    }
                }
                2 => {
                    recall.leave();
                    place = None;
                }
                3 if random.chance(30) => {
                    recall.remove("two");
                    texts.retain(|text| text != "two");
                    place = None;
                }
                4 | 5 => {
                    let next = place.as_ref().map_or(0, |(number, _)| number + 1);
                    let expected = texts.iter().rev().nth(next).cloned();
                    let draft = format!("draft {step}");
                    assert_eq!(recall.earlier(&draft), expected, "seed {seed}");
                    if expected.is_some() {
                        place = Some((next, place.map_or(draft, |(_, draft)| draft)));
                    }
                }
                _ => {
                    let expected = match place.take() {
                        None => None,
                        Some((0, draft)) => Some(draft),
                        Some((number, draft)) => {
                            place = Some((number - 1, draft));
                            texts.iter().rev().nth(number - 1).cloned()
                        }
                    };
                    assert_eq!(recall.later(), expected, "seed {seed}");
                }
            }
        }
    }
}
