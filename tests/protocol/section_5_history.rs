//! HISTORY: what is in files and what is in memory make one list.

use crate::support::random::Random;
use crate::support::{Connection, World};

/// Sends `n` messages each way, the texts of which are their numbers.
fn chat(ana: &mut Connection, luis: &mut Connection, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        let (sender, to) = if n % 2 == 1 { (&mut *ana, "luis") } else { (&mut *luis, "ana") };
        let reply = sender.request(&format!("SEND;m-{n};{to};{n}"));
        assert!(reply.ends_with(&format!(";{n}")), "{reply}");
    }
}

fn numbers(records: &[String]) -> Vec<u64> {
    let number = |record: &String| {
        let fields: Vec<_> = record.split(';').collect();
        assert_eq!((fields.len(), fields[0]), (7, fields[6]), "{record}");
        fields[0].parse().expect("a number")
    };
    records.iter().map(number).collect()
}

#[test]
fn history_pages_back_to_the_beginning_over_files_and_memory() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    chat(&mut ana, &mut luis, 1..=60);
    // A clean stop puts what was said into a file; what comes after it is in memory.
    world.stop();
    world.start();
    let mut ana = world.login("ana");
    let mut luis = world.login("luis");
    chat(&mut ana, &mut luis, 61..=80);

    assert_eq!(numbers(&ana.list("HISTORY;luis")), (31..=80).collect::<Vec<_>>(), "without a limit the last 50");
    assert_eq!(numbers(&ana.list("HISTORY;luis;3")), [78, 79, 80]);
    assert_eq!(numbers(&luis.list("HISTORY;ana;5;63")), [58, 59, 60, 61, 62], "below a number, across the seam");
    assert_eq!(numbers(&ana.list("HISTORY;luis;1000")), (1..=80).collect::<Vec<_>>());
    assert_eq!(numbers(&ana.list("HISTORY;luis;2;2")), [1]);
    assert_eq!(ana.request("HISTORY;luis;2;1"), "OK;0");
    assert_eq!(numbers(&ana.list("HISTORY;luis;1;9007199254740991")), [80]);
    assert_eq!(ana.request("HISTORY;ana"), "OK;0", "another conversation, where nothing was said");

    // As a client does it. Only OK;0 means that the beginning is reached.
    let mut before = 9_007_199_254_740_991;
    let mut all = Vec::new();
    loop {
        let page = numbers(&ana.list(&format!("HISTORY;luis;7;{before}")));
        let Some(first) = page.first() else { break };
        before = *first;
        all.splice(0..0, page);
    }
    assert_eq!(all, (1..=80).collect::<Vec<_>>());

    world.kill().start();
    assert_eq!(numbers(&world.login("luis").list("HISTORY;ana;1000")), (1..=80).collect::<Vec<_>>(), "after a crash");
}

#[test]
fn history_pages_back_over_long_texts() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    for n in 1..=10 {
        assert!(ana.request(&format!("SEND;m-{n};ana;{}", "y".repeat(59_000))).starts_with("OK;"));
    }
    let count_back = |ana: &mut Connection| {
        let mut before = 9_007_199_254_740_991_u64;
        let mut count = 0;
        loop {
            let page = ana.list(&format!("HISTORY;ana;1000;{before}"));
            let Some(first) = page.first() else { return count };
            before = first.split(';').next().and_then(|n| n.parse().ok()).expect("a number");
            count += page.len();
        }
    };
    assert_eq!(count_back(&mut ana), 10, "from memory");
    world.stop();
    world.start();
    assert_eq!(count_back(&mut world.login("ana")), 10, "from the file");
}

/// Messages of a place: number and text, oldest first.
type Said = Vec<(u64, String)>;

/// Asserts that a page is the newest part of what is below its number: as many as were asked for, or as many as fit.
fn assert_page(page: &[String], said: &Said, limit: usize, before: u64) {
    let below: Vec<_> = said.iter().filter(|(number, _)| *number < before).collect();
    let wanted = &below[below.len().saturating_sub(limit)..];
    let missing = wanted.len().checked_sub(page.len()).expect("no more than asked for");
    let how = format!("HISTORY;{limit};{before}");
    for (record, (number, text)) in page.iter().zip(&wanted[missing..]) {
        assert!(
            record.starts_with(&format!("{number};")) && record.ends_with(&format!(";{text}")),
            "{how}: {record:.60}"
        );
    }
    if missing > 0 {
        // A reply has about 256 KiB; the next message would make it longer.
        let bytes: usize = wanted[missing - 1..].iter().map(|(_, text)| text.len() + 256).sum();
        assert!(bytes > 256 << 10 && !page.is_empty(), "{how}: {missing} are missing, of {bytes} bytes");
    }
}

/// Of a direct chat and a room, with short and long texts, through stops and kills.
#[test]
fn each_page_is_the_newest_part_below_its_number_wherever_the_messages_are() {
    let mut world = World::new(&["--no-limits"]);
    let mut random = Random::new(4);
    let names = ["ana", "luis"];
    let mut lines = names.map(|name| world.register(name));
    let mut said = [Said::new(), Said::new()];
    for step in 0..90 {
        let sender = random.below(2) as usize;
        let place = random.below(3) as usize / 2;
        let to = if place == 1 { "#lobby" } else { names[1 - sender] };
        let length = if random.chance(12) { 58_000 } else { random.below(2_000) };
        let text = format!("{step} {}", "x".repeat(length as usize));
        let reply = lines[sender].request(&format!("SEND;m-{step};{to};{text}"));
        let number = reply.rsplit(';').next().and_then(|number| number.parse().ok());
        said[place].push((number.unwrap_or_else(|| panic!("{reply}")), text));
        if random.chance(6) {
            if random.chance(50) {
                _ = world.stop()
            } else {
                _ = world.kill()
            }
            world.start();
            lines = names.map(|name| world.login(name));
        }
    }
    for (place, said) in said.iter().enumerate() {
        let last = said.last().expect("messages").0;
        let some: Vec<_> = (1..=last).filter(|_| random.chance(60)).chain([last + 1, (1 << 53) - 1]).collect();
        for before in some {
            for limit in [1, 4, 1_000] {
                let reader = random.below(2) as usize;
                let target = if place == 1 { "#lobby" } else { names[1 - reader] };
                let page = lines[reader].list(&format!("HISTORY;{target};{limit};{before}"));
                assert_page(&page, said, limit, before);
            }
        }
    }
}

#[test]
fn a_history_record_says_who_to_whom_when_and_how_far() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    chat(&mut ana, &mut luis, 1..=3);
    let mut session = world.session("luis");
    session.poll(0, 0);
    session.poll(1, 0);
    let both = ["1;m-1;ana;luis;<at>;DELIVERED;1", "2;m-2;luis;ana;<at>;RECEIVED;2", "3;m-3;ana;luis;<at>;RECEIVED;3"];
    assert_eq!(ana.list_without_times("HISTORY;luis"), both);
    assert_eq!(luis.list_without_times("HISTORY;ana"), both, "one conversation has one order, the same for both");
    assert_eq!(luis.request("READ;ana;1"), "OK");
    assert_eq!(ana.list_without_times("HISTORY;luis;3;2"), ["1;m-1;ana;luis;<at>;READ;1"]);
    world.stop();
    let after = world.start().login("ana").list_without_times("HISTORY;luis");
    assert_eq!(after[0], "1;m-1;ana;luis;<at>;READ;1", "states never go back: {after:?}");
    assert_eq!(after[1..], both[1..]);
}

#[test]
fn a_text_in_a_history_record_is_quoted_and_escaped_as_it_needs() {
    let mut world = World::without_lobby();
    let script = "
        > HISTORY;ana
        < OK;2
        < 1;m-1;ana;ana;<at>;RECEIVED;\"a;\"\"b\"\"\"
        < 2;m-2;ana;ana;<at>;RECEIVED;una\\ndos\\\\";
    let mut ana = world.register("ana");
    ana.run_transcript(
        "> SEND;m-1;ana;\"a;\"\"b\"\"\"
         < OK;m-1;RECEIVED;<at>;1
         > SEND;m-2;ana;una\\ndos\\\\
         < OK;m-2;RECEIVED;<at>;2",
    );
    ana.run_transcript(script);
    world.stop();
    world.start().login("ana").run_transcript(script);
}
