//! Lines from the keyboard, or from a pipe.

use wachat::client::app::event::Event;
use wachat::client::line_mode::keyboard::read_lines;
use wachat::limits;

/// The lines of an input; `None` is one that was refused.
fn lines(input: &[u8]) -> Vec<Option<String>> {
    let (typed, taken) = crossbeam_channel::unbounded();
    read_lines(input, &typed);
    let events: Vec<_> = taken.try_iter().collect();
    assert!(matches!(events.last(), Some(Event::InputEnded)), "{events:?}");
    let line = |event: &Event| if let Event::Typed(line) = event { Some(line.clone().ok()) } else { None };
    events.iter().filter_map(line).collect()
}

#[test]
fn lines_with_and_without_their_end() {
    assert_eq!(lines(b"one\ntwo\r\n\nlast"), ["one", "two", "", "last"].map(|line| Some(line.to_owned())));
}

#[test]
fn invalid_input_is_refused_and_the_next_line_is_accepted() {
    let long = [vec![b'x'; limits::TYPED_BYTES + 5], b"\nnext\n\xff\nlast".to_vec()].concat();
    let read = lines(&long);
    assert!(matches!(read.as_slice(), [None, Some(_), None, Some(_)]), "{read:?}");
}
