//! The server is upgraded under an open page: the page goes on, and is of one build at any time.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use super::page::Page;
use crate::support::wait_until;
use crate::support::web::{PATIENT, Web, request, world_with_web};
use crate::support::world::choose_ports_in_a_row;

/// The digest of the other build. What the server has under its own lies under this one.
const OTHER: &str = "0123456789abcdef";
/// A digest that no build has.
const NONE: &str = "ffffffffffffffff";

/// The digest of the build that a page is of.
const BUILD: &str = "document.querySelector('script').src.split('/')[3]";

/// Serves at `address` what a server of another build would: all of `server`, under another digest.
fn serve_other_build(address: SocketAddr, server: SocketAddr, digest: &str) {
    serve(address, server, digest, |_| true);
}

/// Passes what comes to `address` on to `server`. Where `is_other` says so of a request's path, the answer is that of another
/// build. The threads end with the test's process.
fn serve(
    address: SocketAddr,
    server: SocketAddr,
    digest: &str,
    is_other: impl Fn(&str) -> bool + Send + Sync + 'static,
) {
    let listener = TcpListener::bind(address).expect("the port of the server that has ended");
    let digest = digest.to_owned();
    let is_other = Arc::new(is_other);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (digest, is_other) = (digest.clone(), Arc::clone(&is_other));
            std::thread::spawn(move || pass_on(client, server, &digest, &*is_other));
        }
    });
}

/// Passes one request on; what follows the head of a WebSocket, as it is.
fn pass_on(mut client: TcpStream, server: SocketAddr, digest: &str, is_other: &dyn Fn(&str) -> bool) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).ok()?.replace("keep-alive", "close");
    let mut upstream = TcpStream::connect(server).ok()?;
    if head.to_lowercase().contains("upgrade: websocket") {
        upstream.write_all(head.as_bytes()).ok()?;
        return relay(client, upstream);
    }
    let is_other = is_other(head.split(' ').nth(1)?);
    let head = if is_other { head.replace(digest, NONE).replace(OTHER, digest) } else { head };
    upstream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let answer = if is_other { answer.replace(digest, OTHER) } else { answer };
    client.write_all(answer.as_bytes()).ok()
}

fn relay(client: TcpStream, server: TcpStream) -> Option<()> {
    let back = (server.try_clone().ok()?, client.try_clone().ok()?);
    let answers = std::thread::spawn(move || copy(back.0, back.1));
    copy(client, server);
    answers.join().ok()
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Asserts that all files that a page has asked for since are of one build, and that it got them.
#[track_caller]
fn assert_is_of(page: &Page, build: &str, since: usize) {
    assert_eq!(page.evaluate(BUILD), build);
    let requests = page.requests();
    let own = |url: &str| url.split('/').nth(3).filter(|part| part.len() == build.len()).map(str::to_owned);
    let builds: Vec<_> = requests[since..].iter().filter_map(|request| own(&request.url)).collect();
    assert!(builds.len() > 20 && builds.iter().all(|found| found == build), "{builds:?}");
    assert_eq!(page.failed_requests(), Vec::<String>::new());
}

/// Waits until the service worker that is active has a build, and no other is kept.
#[track_caller]
fn wait_for_worker_of(page: &Page, build: &str) {
    page.wait_for(&format!(
        "Promise.all([caches.keys(), navigator.serviceWorker.ready])
            .then(([names, worker]) => names.join() === 'wachat {build}' && !worker.installing && worker.active.state === 'activated')"
    ));
}

#[test]
fn a_page_goes_on_while_the_server_is_upgraded_and_never_mixes_two_builds() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    luis.send_message("ana", "before");
    ana.wait_for_message("before", None);
    let build = ana.evaluate(BUILD).as_str().expect("a digest").to_owned();
    assert_is_of(&ana, &build, 0);
    wait_for_worker_of(&ana, &build);
    world.kill();
    ana.write("meanwhile");
    ana.wait_for_message("meanwhile", Some("queued"));
    let inner = SocketAddr::from(([127, 0, 0, 1], choose_ports_in_a_row(1)));
    world.start_with(&[&PATIENT[..], &["--web", &inner.to_string()]].concat());
    serve_other_build(web, inner, &build);
    // The old page goes on at the new server.
    ana.wait_for_message("meanwhile", Some("received"));
    let mut luis = world.login("luis");
    luis.send_message("ana", "to-the-old-page");
    ana.wait_for_message("to-the-old-page", None);
    assert_is_of(&ana, &build, 0);
    // A page that is opened is of the new build, and both use one database.
    let newer = Messenger::of_user_who_stayed(&browser, web);
    ana.wait_for_text("button", "Use it here");
    newer.choose_chat("luis");
    newer.write("from-the-new-page");
    newer.wait_for_message("from-the-new-page", Some("received"));
    assert_is_of(&newer, OTHER, 0);
    ana.bring_to_front();
    ana.click_text("button", "Use it here");
    ana.wait_for_message("from-the-new-page", None);
    newer.close();
    let before = ana.requests().len();
    ana.reload();
    ana.wait_for_message("from-the-new-page", None);
    assert_is_of(&ana, OTHER, before);
    // Without a server the new build opens, and all of it.
    wait_for_worker_of(&ana, OTHER);
    world.kill();
    ana.wait_for_element(".banner");
    let before = ana.requests().len();
    ana.reload();
    let expected = ["before", "meanwhile", "to-the-old-page", "from-the-new-page"];
    wait_until("the messages", || ana.messages() == expected);
    assert_is_of(&ana, OTHER, before);
    world.start();
    let mut luis = world.login("luis");
    luis.send_message("ana", "after");
    ana.wait_for_message("after", None);
    assert_eq!(luis.list("HISTORY;ana;10").len(), 5);
}

/// Opens a page that the server had sent before it was upgraded, and has sent as often as `pages` says. Of its modules those that
/// are named came in time.
fn open_page_of_other_build(browser: &Browser, web: SocketAddr, pages: usize, modules: &'static [&str]) -> Page {
    let address = SocketAddr::from(([127, 0, 0, 1], choose_ports_in_a_row(1)));
    let answer = Web::connect(web).exchange(&request("GET /", &[("Host", "localhost")]));
    let digest = answer.field("ETag").expect("a tag").trim_matches('"').to_owned();
    let sent = AtomicUsize::new(0);
    serve(address, web, &digest, move |path| match path {
        "/" => sent.fetch_add(1, Ordering::SeqCst) < pages,
        path => modules.iter().any(|module| path == format!("/{OTHER}/{module}")),
    });
    browser.open(&url(address))
}

/// Returns how often a page has asked for itself.
fn count_of_pages(page: &Page) -> usize {
    page.requests().iter().filter(|request| request.url.ends_with('/')).count()
}

#[test]
fn a_page_whose_modules_are_gone_is_loaded_once_more() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    for modules in [&[][..], &["start.js", "view.js"]] {
        let page = open_page_of_other_build(&browser, web, 1, modules);
        page.wait_for_element("#user");
        assert_eq!(count_of_pages(&page), 2, "{modules:?}");
        assert_ne!(page.evaluate(BUILD), OTHER);
        page.wait_for("sessionStorage.length === 0");
    }
    // Where that does not help it is not tried without end.
    for modules in [&[][..], &["start.js", "view.js"]] {
        let page = open_page_of_other_build(&browser, web, usize::MAX, modules);
        wait_until("the second page", || count_of_pages(&page) == 2);
        page.wait_for(
            "performance.getEntriesByType('navigation')[0].type === 'reload' && document.readyState === 'complete'",
        );
        page.evaluate("fetch('/').then((answer) => answer.text())");
        assert_eq!(count_of_pages(&page), 3, "{modules:?}");
    }
}
