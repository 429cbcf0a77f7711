//! Lines and records: how they arrive, how fields are written, what is no record.

use crate::support::{Connection, PASSWORD, World};

#[test]
fn a_line_of_65536_bytes_is_taken_and_a_longer_one_closes() {
    let world = World::without_lobby();
    world.register("ana");
    for port in [world.send, world.recv] {
        let (_, mut line) = Connection::open_with(port, &format!("LOGIN:ana:{PASSWORD}"));
        // Its LF counts. It is no request, but a line.
        line.send([vec![b'x'; 65_535], b"\n".to_vec()].concat());
        line.run_transcript("< KO;SYNTAX;...");
        line.send([vec![b'x'; 65_536], b"\nPING\n".to_vec()].concat());
        line.run_transcript("< KO;TOO_LONG;...");
        line.assert_closed();

        let mut line = Connection::open(port);
        line.send(vec![b'x'; 70_000]);
        line.run_transcript("< KO;TOO_LONG;...");
        line.assert_closed();
    }
}

/// Each line is a text as a client writes it in a request, `->`, and the text as the server writes it in the event.
#[test]
fn fields_are_quoted_and_escaped_as_they_need() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut session = world.session("ana");
    let texts = [
        ("hola", "hola"),
        // Nothing is a text, too.
        ("", ""),
        // Quotes that were not needed go; those that are needed stay.
        ("\"hola\"", "hola"),
        ("\"a;b\"", "\"a;b\""),
        ("\"\"\"di\"\"\"", "\"\"\"di\"\"\""),
        // A quote inside a field that does not begin with one is a character like any other.
        ("5\" de largo", "5\" de largo"),
        ("\"a;\"\"b\"\"\"", "\"a;\"\"b\"\"\""),
        // Escapes stay what they are: a record has no raw line break.
        ("una\\ndos\\rtres\\\\n", "una\\ndos\\rtres\\\\n"),
        ("\"a\\n;b\"", "\"a\\n;b\""),
        ("con\ttabulador", "con\ttabulador"),
        ("日本 😀 \u{202e}", "日本 😀 \u{202e}"),
    ];
    for (n, (written, told)) in (1..).zip(texts) {
        ana.run_transcript(&format!(
            "> SEND;m-{n};ana;{written}
             < OK;m-{n};RECEIVED;<at>;..."
        ));
        let events = session.poll(0, 0);
        let message = events.iter().find(|event| event.contains(&format!(";MSG;m-{n};"))).expect("its event");
        assert!(message.ends_with(&format!("Z;{told}")), "{written:?} was told as {message:?}");
    }
    assert_eq!(ana.request("\"PING\""), "OK", "a verb is a field, too");
    assert_eq!(
        ana.request("SEND;\"m-1\";\"ana\";hola").split(';').nth(1),
        Some("m-1"),
        "and so are the id and the name"
    );
}

#[test]
fn a_line_that_is_no_record_is_syntax_and_the_connection_goes_on() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let wrong: [&[u8]; 14] = [
        b"SEND;m-1;ana;\"open",
        b"SEND;m-1;ana;\"a\"b",
        b"SEND;m-1;ana;\"a\";b",
        b"SEND;m-1;ana;\\t",
        b"SEND;m-1;ana;\\",
        b"SEND;m-1;an\\x61;a",
        b"SEND;m-1;ana;a\0b",
        b"SEND;m-1;ana;a\x1bb",
        b"SEND;m-1;ana;a\x7fb",
        b"SEND;m-1;ana;a\rb",
        "SEND;m-1;ana;a\u{85}b".as_bytes(),
        b"SEND;m-1;ana;a\xffb",
        b"SEND;m-1;ana;\xc3",
        b"PING\0",
    ];
    for request in wrong {
        ana.send([request, b"\n"].concat());
        let reply = ana.read_line();
        assert!(reply.starts_with("KO;SYNTAX;"), "{:?}: {reply}", String::from_utf8_lossy(request));
    }
    ana.run_transcript(
        "> SEND;m-1;ana;hola
         < OK;m-1;RECEIVED;<at>;1",
    );
}

#[test]
fn numbers_and_counts_of_fields_that_are_not_right_are_syntax() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut session = world.session("ana");
    // One `|` between two requests.
    let send = [
        "|;|SEND|SEND;m-1;ana|SEND;m-1;ana;a;b|SEND;;ana;a|SEND;m 1;ana;a|SEND;ñ;ana;a|SEND;m-1;;a",
        "READ;ana|READ;ana;-1|READ;ana;+1|READ;ana;0x1|READ;ana; 1|READ;ana;|READ;ana;9007199254740992",
        "READ;ana;99999999999999999999|READ;ana;1;1|STATUS;ana|HISTORY|HISTORY;|HISTORY;ana;0",
        "HISTORY;ana;1001|HISTORY;ana;1;x|HISTORY;ana;1;1;1|PASSWD;larga palabra",
        "CHATS;0|CHATS;1001|CHATS;1;x|CHATS;1;1;|CHATS;1;1;ana;1|USERS;|USERS;0|USERS;1001|USERS;1;|USERS;1;#sala",
        "USERS;1;ana;1|ROOMS;x|ROOMS;1;sala|ROOMS;1;#sala;1|MEMBERS|MEMBERS;#sala;0|MEMBERS;#sala;1;#sala",
        "STATUS;ana;1;0|STATUS;ana;1;1;#sala|SESSIONS;1|SERVERS;1|LOGOUT|LOGOUT;x y|LOGOUT;-1|LOGOUT;1;1|LOGOUT;OTHERS",
        "PASSWD;larga palabra;2;3|EMAIL|EMAIL;nobody|EMAIL;a b@c|PING;1|HELP;1|QUIT;1| PING|PING ",
        "LOGIN:ana:x|JOIN;#sala;1",
    ];
    let recv = [
        "POLL|POLL;|POLL;x|POLL;-1|POLL;0;x|POLL;0;|POLL;0;0;0|POLL;0;0;1001|POLL;0;0;1;1|POLL;**",
        "POLL;9007199254740992|PING;1|QUIT;1|",
    ];
    for (line, requests) in [(&mut ana, &send[..]), (&mut session, &recv[..])] {
        for request in requests.iter().flat_map(|row| row.split('|')) {
            line.expect_ko(request, "SYNTAX");
        }
        assert_eq!(line.request("PING"), "OK", "the connection goes on");
    }
    let long = "x".repeat(65);
    ana.expect_ko(&format!("SEND;{long};ana;a"), "SYNTAX");
    let longest = "x".repeat(64);
    assert!(ana.request(&format!("SEND;{longest};ana;a")).starts_with(&format!("OK;{longest};")));
}

#[test]
fn a_text_of_60000_bytes_passes_whole_and_one_more_is_syntax() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut session = world.session("ana");
    // Each is 60,000 bytes as it is written in a record: escapes count, and so do quotes where
    // they are needed (there is a `;`, or a `"` at the start).
    let texts = [
        "x".repeat(60_000),
        "ñ".repeat(30_000),
        "\\n".repeat(30_000),
        format!("\"{};\"", "x".repeat(59_997)),
        format!("\"{};\"", "\"\"".repeat(29_998) + "x"),
    ];
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(text.len(), 60_000, "a mistake in this test");
        let reply = ana.request(&format!("SEND;m-{n};ana;{text}"));
        assert!(reply.starts_with(&format!("OK;m-{n};")), "text {n}: {reply}");
        let event = session.poll(0, 0).pop().expect("its event");
        assert!(event.ends_with(&format!(";{text}")), "text {n} is told as it was sent");
        let longer = text.replacen('x', "xx", 1).replacen("ññ", "ñxñ", 1).replacen("\\n\\n", "\\nx\\n", 1);
        ana.expect_ko(&format!("SEND;l-{n};ana;{longer}"), "SYNTAX");
        session.list("POLL;*;0");
    }
    // Superfluous quotes do not count: the record that is passed on has none.
    let reply = ana.request(&format!("SEND;quoted;ana;\"{}\"", "x".repeat(60_000)));
    assert!(reply.starts_with("OK;quoted;"), "{reply}");
}
