//! A line in rows: nothing of it is lost, no row is too long, and words stay whole where they fit.

use unicode_segmentation::UnicodeSegmentation as _;
use wachat::model::safe::safe;
use wachat::text::{Wrapped, cells, wrap};

use crate::support::random::Random;

const PIECES: [&str; 16] = [
    "a",
    "bc",
    "palabra",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "日本",
    "é",
    "e\u{301}",
    "👩‍👩‍👧",
    "\u{1b}",
    "\u{202e}",
    "-",
    "\u{a0}",
];

fn any_line(random: &mut Random) -> String {
    let count = random.below(30);
    (0..count).map(|_| PIECES[usize::try_from(random.below(PIECES.len() as u64)).unwrap()]).collect()
}

/// The most that a single character takes: a control character that is shown by its number.
const WIDEST: usize = 8;

fn check(line: &str, first: usize, next: usize, wrapped: &Wrapped) {
    let why = format!("{line:?} in {first}, {next}: {:?}", wrapped.rows());
    let rows = wrapped.rows();
    for (number, row) in rows.iter().enumerate() {
        assert!(cells(row) <= if number == 0 { first } else { next }.max(WIDEST), "{why}");
    }
    // Each character has its place, in order; what is not shown is a space at the end of a row.
    let graphemes: Vec<_> = line.graphemes(true).collect();
    assert_eq!(wrapped.placed.len(), graphemes.len(), "{why}");
    assert_eq!(wrapped.chars, line.chars().count(), "{why}");
    let mut start = 0;
    let mut at = (0, 0);
    for (piece, grapheme) in wrapped.placed.iter().zip(&graphemes) {
        assert_eq!(piece.start, start, "{why}");
        assert_eq!(piece.cells, cells(&piece.shown), "{why}");
        let is_next_row = piece.row == at.0 + 1 && piece.column == 0;
        assert!((piece.row, piece.column) == at || is_next_row, "{why}");
        match *grapheme {
            "\t" => assert!(
                piece.shown.trim().is_empty()
                    && (piece.shown.is_empty() || (piece.column + piece.cells) % 4 == 0 || piece.column == 0),
                "{why}"
            ),
            _ if piece.shown.is_empty() => assert!(grapheme.trim().is_empty(), "{why}"),
            grapheme => assert_eq!(piece.shown, safe(grapheme), "{why}"),
        }
        at = (piece.row, piece.column + piece.cells);
        start += grapheme.chars().count();
    }
    assert_eq!(wrapped.end, at, "{why}");
    assert_eq!(rows.len(), at.0 + 1, "{why}");
}

#[test]
fn nothing_is_lost_and_no_row_is_too_long() {
    let mut random = Random::new(1);
    for _ in 0..3_000 {
        let line = any_line(&mut random);
        let first = usize::try_from(random.below(20)).unwrap() + 8;
        let next = usize::try_from(random.below(20)).unwrap() + 8;
        check(&line, first, next, &wrap(&line, first, next));
    }
}

/// If a row ends inside a word, the word is longer than a row; and a row ends only where the next word has no room.
#[test]
fn words_stay_whole_where_they_fit_and_no_row_ends_early() {
    let mut random = Random::new(2);
    for _ in 0..2_000 {
        let words: Vec<String> =
            (0..random.below(15)).map(|_| "x".repeat(usize::try_from(random.below(14)).unwrap() + 1)).collect();
        let line = words.join(" ");
        let width = usize::try_from(random.below(16)).unwrap() + 6;
        let wrapped = wrap(&line, width, width);
        let mut start = 0;
        for word in &words {
            let row = |at: usize| wrapped.placed[at].row;
            if word.len() <= width {
                assert_eq!(
                    row(start),
                    row(start + word.len() - 1),
                    "{word} of {line:?} in {width}: {:?}",
                    wrapped.rows()
                );
            }
            start += word.len() + 1;
        }
        for two in wrapped.rows().windows(2) {
            let next = two[1].split(' ').next().unwrap();
            let has_room = two[0].trim_end().len() + 1 + next.len() <= width;
            assert!(!has_room, "{line:?} in {width}: {:?}", wrapped.rows());
        }
    }
}

/// A place on the screen is the character there; beyond the end of a row it is the row's last one.
#[test]
fn a_place_and_a_character_are_found_from_each_other() {
    let mut random = Random::new(3);
    for _ in 0..1_500 {
        let line = any_line(&mut random);
        let width = usize::try_from(random.below(20)).unwrap() + 8;
        let wrapped = wrap(&line, width, width);
        assert_eq!(wrapped.position(wrapped.chars), wrapped.end, "{line:?} in {width}");
        for piece in &wrapped.placed {
            assert_eq!(wrapped.position(piece.start), (piece.row, piece.column), "{line:?} in {width}");
        }
        for (row, column) in (0..=wrapped.end.0).flat_map(|row| (0..width + 3).map(move |column| (row, column))) {
            let here = wrapped.placed.iter().filter(|piece| piece.row == row);
            let covers = |piece: &&wachat::text::Placed| piece.column + piece.cells > column;
            let last = if row == wrapped.end.0 { wrapped.chars } else { here.clone().next_back().unwrap().start };
            let expected = here.clone().find(covers).map_or(last, |piece| piece.start);
            assert_eq!(wrapped.chars_before(row, column), expected, "{row}, {column} of {line:?} in {width}");
        }
    }
}

/// No writing has more than 32 marks on a character: of more the rest is an ellipsis.
#[test]
fn of_a_character_with_too_many_marks_the_rest_is_an_ellipsis() {
    for (marks, cut) in [(0, false), (1, false), (31, false), (32, true), (5_000, true)] {
        let line = format!("e{}", "\u{301}".repeat(marks));
        let shown = wrap(&line, 20, 20).rows().concat();
        let kept = format!("e{}", "\u{301}".repeat(marks.min(31)));
        assert_eq!(shown, if cut { kept + "…" } else { kept }, "{marks}");
    }
}
