//! The web port beside the others: limits, bans and the audit log, proxies, connections that stand still, start and stop.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wachat::limits;

use crate::support::connection::connect_from;
use crate::support::held_server::HeldServer;
use crate::support::metrics::{Page, world_with_metrics};
use crate::support::narrow::{connect_narrowly, narrow_output_to};
use crate::support::web::{Web, request, upgrade_fields, world_with_web};
use crate::support::world::{choose_ports, choose_ports_in_a_row};
use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World, run_to_end, tls, wait_until};

const HOST: (&str, &str) = ("Host", "localhost");

/// Starts a server with a web port and a metrics port.
fn world(options: &[&str]) -> (World, SocketAddr, SocketAddr) {
    let web = SocketAddr::from(([127, 0, 0, 1], choose_ports_in_a_row(1)));
    let text = web.to_string();
    let (world, metrics) = world_with_metrics(&[&["--web", &text], options].concat());
    (world, web, metrics)
}

/// Opens a WebSocket from an address of this machine.
fn open_from(source: [u8; 4], web: SocketAddr, path: &str) -> Web {
    let mut client = Web::over(connect_from(source, web), tls::is_everywhere());
    client.upgrade(path, &[HOST]);
    client
}

#[test]
fn a_connection_is_counted_from_its_first_byte_and_under_its_port_from_the_upgrade() {
    let (world, web, metrics) = world(&["--no-lobby"]);
    drop(world.register("ana"));
    let page = || Page::read(metrics);
    wait_until("ana to be gone", || page().value("wachat_connections{port=\"send\"}") == 0.0);
    let mut client = Web::connect(web);
    assert_eq!(client.exchange(&request("GET /", &[HOST])).status, 200);
    assert_eq!(page().value("wachat_connections{port=\"send\"}"), 0.0);
    assert_eq!(page().value("wachat_connections{port=\"web\"}"), 1.0);
    client.upgrade("/send", &[HOST]);
    // The answer comes before the count.
    assert!(client.ask(&format!("LOGIN:ana:{PASSWORD}")).starts_with("OK;ana;"));
    for (sample, value) in [
        ("wachat_connections{port=\"send\"}", 1.0),
        ("wachat_sessions{port=\"send\"}", 1.0),
        ("wachat_connections{port=\"recv\"}", 0.0),
        ("wachat_connections{port=\"web\"}", 0.0),
        ("wachat_connections_accepted_total{port=\"send\"}", 2.0),
        ("wachat_connections_accepted_total{port=\"web\"}", 1.0),
        ("wachat_logins_total{outcome=\"accepted\"}", 2.0),
    ] {
        assert_eq!(page().value(sample), value, "{sample}");
    }
    let mut other = Web::open(web, "/send");
    assert!(other.ask("LOGIN:ana:otra palabra").starts_with("KO;AUTH;"));
    assert!(world.log().contains("event=login_failed from=127.0.0.1 port=SEND reason=password"), "{}", world.log());
    drop((client, other));
    wait_until("their end", || page().value("wachat_connections{port=\"send\"}") == 0.0);
}

/// One connection too many is told so before it is a WebSocket; a ban is told after it.
#[test]
fn limits_are_told_by_a_status_and_bans_by_a_line() {
    let (world, web, metrics) = world(&[]);
    let banned = [127, 0, 9, 1];
    world.administer(&["ban", "127.0.9.1", "--reason", "ruido"]);
    let mut open: Vec<_> = (0..limits::BANNED_PER_ADDRESS).map(|_| open_from(banned, web, "/recv")).collect();
    for port in [web, world.send] {
        // Those of the line ports count with them.
        let mut stream = connect_from(banned, port);
        if port == web && !tls::is_everywhere() {
            let answer = Web::over(stream, false).exchange(&request("GET /", &[HOST]));
            assert_eq!((answer.status, answer.field("Connection")), (503, Some("close")));
        } else if port != web {
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            assert!(said.starts_with("KO;FULL;"), "{said}");
        }
    }
    assert!(
        world.log().contains("event=connection_refused from=127.0.9.1 port=WEB reason=too_many"),
        "{}",
        world.log()
    );
    let refused = |port| Page::read(metrics).value(&format!("wachat_connections_refused_total{{port=\"{port}\"}}"));
    assert_eq!((refused("web"), refused("send")), (1.0, 1.0));
    let client = &mut open[0];
    let reply = client.ask(&format!("LOGIN:ana:{PASSWORD}"));
    assert!(reply.starts_with("KO;BANNED;") && reply.contains("ruido"), "{reply}");
    assert_eq!(client.read_end(), (vec![], Some(1000)));
    // The others are not meant.
    assert!(Web::open(web, "/send").ask(&format!("REGISTER:ana:{PASSWORD}")).starts_with("OK;ana;"));
}

/// The address that the proxy names counts in limits, waits, bans and the audit log, and nobody else can name one.
#[test]
fn behind_a_proxy_the_address_is_the_last_that_was_forwarded_for() {
    let (world, web) = world_with_web(&["--web-proxy", "127.0.3.0/24"]);
    drop(world.register("ana"));
    let proxy = [127, 0, 3, 1];
    let over_proxy = |fields: &[(&str, &str)]| {
        let mut client = Web::over(connect_from(proxy, web), tls::is_everywhere());
        client.upgrade("/send", &[&[HOST], fields].concat());
        client
    };
    for (forwarded, address) in [
        (&[("X-Forwarded-For", "198.51.100.1, 192.0.2.7")][..], "192.0.2.7"),
        (&[("X-Forwarded-For", "198.51.100.1"), ("x-forwarded-for", " 192.0.2.8 ")], "192.0.2.8"),
        (&[("X-Forwarded-For", "192.0.2.9:4711")], "192.0.2.9"),
        (&[("X-Forwarded-For", "2001:db8:7::1")], "2001:db8:7::1"),
        (&[("X-Forwarded-For", "[2001:db8:8::1]:80")], "2001:db8:8::1"),
        (&[], "127.0.3.1"),
    ] {
        assert!(over_proxy(forwarded).ask("LOGIN:ana:otra palabra").starts_with("KO;AUTH;"));
        let line = format!("event=login_failed from={address} port=SEND reason=password");
        wait_until("the audit line", || world.log().contains(&line));
    }
    // Who is no proxy is meant itself.
    let mut liar = Web::connect(web);
    liar.upgrade("/send", &[HOST, ("X-Forwarded-For", "192.0.2.99")]);
    assert!(liar.ask("LOGIN:ana:otra palabra").starts_with("KO;AUTH;"));
    assert!(world.log().contains("event=login_failed from=127.0.0.1 "), "{}", world.log());
    assert!(!world.log().contains("192.0.2.99"), "{}", world.log());
    world.administer(&["ban", "192.0.2.0/24"]);
    assert!(over_proxy(&[("X-Forwarded-For", "192.0.2.7")]).ask("LOGIN:ana:x").starts_with("KO;BANNED;"));
    let open: Vec<_> =
        (0..limits::BANNED_PER_ADDRESS).map(|_| over_proxy(&[("X-Forwarded-For", "192.0.2.50")])).collect();
    let mut more = Web::over(connect_from(proxy, web), tls::is_everywhere());
    let asked = request("GET /send", &[&[HOST, ("X-Forwarded-For", "192.0.2.50")][..], &upgrade_fields()].concat());
    assert_eq!(more.exchange(&asked).status, 503);
    more.assert_closed();
    // The connection of a proxy carries requests of many.
    let mut shared = Web::over(connect_from(proxy, web), tls::is_everywhere());
    for address in ["192.0.2.51", "198.51.100.7", "2001:db8::1"] {
        assert_eq!(shared.exchange(&request("GET /", &[HOST, ("X-Forwarded-For", address)])).status, 200);
    }
    assert_eq!(shared.exchange(&request("GET /", &[HOST, ("X-Forwarded-For", "unknown")])).status, 400);
    drop(open);
    let mut again = over_proxy(&[("X-Forwarded-For", "198.51.100.7")]);
    assert!(again.ask(&format!("LOGIN:ana:{PASSWORD}")).starts_with("OK;ana;"));
    assert!(again.ask("SESSIONS").starts_with("OK;"));
    assert!(again.read_line().contains(";198.51.100.7;"));
}

/// Sockets that stand still before or after the upgrade take no thread or time of others, and what they held is free again.
#[test]
fn a_thousand_sockets_that_stand_still_do_not_stop_a_login() {
    let (world, web, metrics) = world(&["--timeout", "60"]);
    drop(world.register("ana"));
    let half = request("GET /send", &[&[HOST][..], &upgrade_fields()].concat());
    let stalled: Vec<_> = (0..1_000)
        .map(|number: usize| {
            let mut client = Web::over(TcpStream::connect(web).unwrap(), false);
            match number % 4 {
                0 => {}
                1 => client.send(&half[..40]),
                2 => client.send(&half),
                // The begin of a long message.
                _ => client.send([half.as_bytes(), &[0x81, 0xfe, 0xff]].concat()),
            }
            client
        })
        .collect();
    if !tls::is_everywhere() {
        let send = || Page::read(metrics).value("wachat_connections{port=\"send\"}");
        wait_until("the upgrades", || send() >= 500.0);
    }
    let begin = Instant::now();
    let mut ana = world.login("ana");
    assert_eq!(ana.request("PING"), "OK");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    drop(stalled);
    wait_until("their end", || Page::read(metrics).value("wachat_connections{port=\"send\"}") == 1.0);
}

/// A lecture: everybody behind one address opens the page, and logs in at the same time.
#[test]
fn seventy_people_of_one_address_log_in_at_once() {
    const PEOPLE: usize = 70;
    let (world, web) = world_with_web(&[]);
    let people: Vec<_> = (0..PEOPLE).map(|number| format!("student{number}")).collect();
    people.iter().for_each(|user| drop(world.register(user)));
    let asked: Vec<_> = people
        .iter()
        .flat_map(|user| [("/recv", format!("DEVICE:page:{user}:")), ("/send", format!("LOGIN:{user}:"))])
        .map(|(path, login)| {
            let mut client = Web::open(web, path);
            client.say(&format!("{login}{PASSWORD}"));
            client
        })
        .collect();
    for (number, mut client) in asked.into_iter().enumerate() {
        let reply = client.read_line();
        assert!(reply.starts_with(&format!("OK;student{};", number / 2)), "{number}: {reply}");
    }
}

/// Returns the first line of a request for the largest file that is served.
fn ask_for_largest_file(web: SocketAddr) -> String {
    let page = Web::connect(web).exchange(&request("GET /", &[HOST])).body;
    let paths = page.split('"').filter(|text| text.starts_with('/') && text.ends_with(".js"));
    let size = |path: &&str| Web::connect(web).exchange(&request(&format!("GET {path}"), &[HOST])).body.len();
    format!("GET {}", paths.max_by_key(size).expect("a file"))
}

/// It takes some of the answer every second: no system call of the server ever waits long.
#[test]
fn a_client_that_takes_a_file_too_slowly_is_cut_off() {
    let own = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = HeldServer::start_with(|config| {
        config.web = Some(wachat::server::Web { address: own, names: vec![], proxies: vec![] });
    });
    let web = server.handle.web_address().expect("a web port");
    let largest = ask_for_largest_file(web);
    let mut stream = connect_narrowly(web);
    let mut client = Web::over(stream.try_clone().unwrap(), tls::is_everywhere());
    assert_eq!(client.exchange(&request("HEAD /", &[HOST])).status, 200);
    narrow_output_to(stream.local_addr().unwrap());
    client.send(request(&largest, &[HOST]));
    // Requests that the server has not read make it reset the connection when it closes.
    client.send(request(&largest, &[HOST]).repeat(limits::WEB_REQUESTS - 2));
    let begin = Instant::now();
    let mut taken = 0;
    while stream.take_error().unwrap().is_none() {
        assert!(begin.elapsed() < limits::WEB_ANSWER + Duration::from_secs(10), "{taken} bytes were taken");
        taken += stream.read(&mut [0; 200]).unwrap_or(0);
        std::thread::sleep(Duration::from_millis(250));
    }
    let took = begin.elapsed();
    assert!(took > limits::WEB_ANSWER - Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_stop_does_not_wait_for_requests_that_are_not_complete() {
    let (mut world, web) = world_with_web(&["--timeout", "300"]);
    let mut half = Web::connect(web);
    half.send("GET / HTTP/1.1\r\n");
    let mut silent = Web::connect(web);
    let mut served = Web::connect(web);
    assert_eq!(served.exchange(&request("GET /", &[HOST])).status, 200);
    let (status, took) = world.stop();
    assert!(status.success());
    assert!(took < Duration::from_secs(3), "{took:?}");
    for client in [&mut half, &mut silent, &mut served] {
        client.assert_closed();
    }
    world.assert_undamaged();
}

/// Runs `wachat serve` with these options, and returns what it says before it is killed.
fn said_by(options: &[&str]) -> Vec<String> {
    let directory = tempfile::TempDir::new().unwrap();
    let [send, recv] = choose_ports().map(|port| port.to_string());
    let mut command = Command::new(WACHAT);
    command.args(["serve", "--send-port", &send, "--recv-port", &recv, "--data"]).arg(directory.path().join("data"));
    command.args(options).env("WACHAT_CONFIG", NO_SETTINGS).env_remove("RUST_LOG");
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut said = Vec::new();
    for line in lines {
        let is_last = line.contains("Ctrl-C");
        said.push(line);
        if is_last {
            break;
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    said
}

/// A page for the network in clear text closes the registration, as the ports do.
#[test]
fn the_address_is_shown_and_registration_is_closed_where_passwords_can_be_read() {
    let port = choose_ports_in_a_row(1);
    let [own, all] = ["127.0.0.1", "0.0.0.0"].map(|address| format!("{address}:{port}"));
    let said = said_by(&["--web", &own]);
    assert!(said.contains(&format!("wachat: in a browser: http://{own}/")), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("registration") || line.contains("reads passwords")), "{said:?}");
    let said = said_by(&["--web", &all]);
    assert!(said.iter().any(|line| line.contains("only wachat user add makes accounts")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("who listens to the network reads passwords")), "{said:?}");
    let said = said_by(&["--web", &all, "--registration", "open"]);
    assert!(!said.iter().any(|line| line.contains("only wachat user add makes accounts")), "{said:?}");
    let said = said_by(&["--tls", "--web", &all]);
    assert!(!said.iter().any(|line| line.contains("registration") || line.contains("reads passwords")), "{said:?}");
    let said = said_by(&["--tls", "--web", &own]);
    assert!(said.contains(&format!("wachat: in a browser: https://{own}/")), "{said:?}");
}

#[test]
fn bad_options_are_explained() {
    let run = |options: &[&str]| {
        let mut command = Command::new(WACHAT);
        command.args(["serve", "--data", "/nonexistent/data"]).args(options).env("WACHAT_CONFIG", NO_SETTINGS);
        run_to_end(&mut command)
    };
    for (options, says) in [
        (["--web", "here"], "0.0.0.0:8080"),
        (["--web-name", "a/b"], "chat.example.org"),
        (["--web-name", "example.org:80"], "chat.example.org"),
        (["--web-proxy", "10.0.0.0/33"], "10.0.0.0/8"),
        (["--web-name", "chat.example.org"], "give --web"),
        (["--web-proxy", "10.0.0.0/8"], "give --web"),
    ] {
        let (code, said) = run(&options);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let [send, recv] = choose_ports().map(|port| port.to_string());
    let (code, said) = run(&["--web", &address, "--send-port", &send, "--recv-port", &recv]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("--web"), "{said}");
}

#[test]
fn the_settings_file_has_names_and_proxies_too() {
    let directory = tempfile::TempDir::new().unwrap();
    let settings = directory.path().join("config.toml");
    let web = SocketAddr::from(([127, 0, 0, 1], choose_ports_in_a_row(1)));
    let text = format!("[serve]\nweb = \"{web}\"\nweb_name = \"one.example,two.example\"\nweb_proxy = \"127.0.0.1\"\n");
    std::fs::write(&settings, text).unwrap();
    let [send, recv] = choose_ports().map(|port| port.to_string());
    let mut command = Command::new(WACHAT);
    command.args(["serve", "--send-port", &send, "--recv-port", &recv, "--data"]).arg(directory.path().join("data"));
    let mut server = command.env("WACHAT_CONFIG", &settings).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ask = |fields: &[(&str, &str)]| {
        Web::over(TcpStream::connect(web).unwrap(), false).exchange(&request("GET /", fields)).status
    };
    let told = [
        ask(&[("Host", "one.example")]),
        ask(&[("Host", "two.example")]),
        ask(&[("Host", "three.example")]),
        ask(&[HOST, ("X-Forwarded-For", "no address")]),
    ];
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(told, [200, 200, 421, 400]);
}

/// A trace has the lines, and no password.
#[test]
fn lines_are_traced_without_frames() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("trace.csv");
    let (mut world, web) = world_with_web(&["--trace", &file.display().to_string()]);
    let (_, mut ana) = Web::log_in(web, "/send", &format!("REGISTER:ana:{PASSWORD}"));
    assert_eq!(ana.ask("PING"), "OK");
    ana.send([0x81, 0x00]);
    assert_eq!(ana.read_end(), (vec![], Some(1002)));
    world.stop();
    let trace = std::fs::read_to_string(&file).unwrap();
    assert!(trace.contains("REGISTER:ana:") && trace.contains("PING") && !trace.contains(PASSWORD), "{trace}");
    assert!(trace.contains("broken framing, code 1002"), "{trace}");
}
