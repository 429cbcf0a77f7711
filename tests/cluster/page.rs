//! A page that is open in the browser, behind the proxy, while the leader goes. Skipped where there is no haproxy, no Chromium
//! or no etcd.

use crate::support::cluster::servers::Servers;
use crate::support::haproxy::{self, Haproxy};
use crate::support::{PASSWORD, wait_until};
use crate::web::browser::{Browser, chromium, profile};
use crate::web::messenger::Messenger;
use crate::web::page::Page;

/// The certificate of the proxy is a self-made one.
const TRUST_ANY: &str = "--ignore-certificate-errors";

/// Expression that is true if the page of wachat was loaded, and not an answer of the proxy, which has found no server.
const IS_LOADED: &str = "document.querySelector('script') !== null";

/// Expression that is true if the form waits for a password: after it was shown, or after a login that has failed.
const WANTS_PASSWORD: &str =
    "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() =>
    document.querySelector('#password')?.checkVisibility() && !document.querySelector('#sign-in').disabled &&
    (!globalThis.hasTried || document.querySelector('.card .error').textContent !== ''))";

/// Starts three servers with pages.
fn start_servers() -> Option<Servers> {
    let options = ["--web", "127.0.0.1:{web}", "--metrics", "127.0.0.1:{metrics}", "--web-proxy", "127.0.0.1"];
    Servers::start_with(3, &[], &options)
}

/// Loads the page. On a busy machine a term may end meanwhile.
fn load(page: &Page, url: &str) {
    wait_until("the page of the leader", || {
        page.go_to(url);
        page.evaluate(IS_LOADED) == true
    });
}

/// Logs ana in, who stays logged in. A login that meets the end of a term is tried again.
fn log_in(page: Page) -> Messenger {
    page.fill("#user", "ana");
    page.click("#stay");
    wait_until("ana to be logged in", || {
        if page.evaluate(WANTS_PASSWORD) == true {
            page.fill("#password", PASSWORD);
            page.evaluate("globalThis.hasTried = true");
            page.press("Enter", 0);
        }
        !page.texts(".side").is_empty()
    });
    Messenger::of_open_page(page)
}

/// Returns the texts of the conversation as the servers have them, sorted.
fn read_texts(servers: &mut Servers) -> Vec<String> {
    let rows = servers.login("luis").list("HISTORY;ana");
    let mut texts: Vec<_> = rows.iter().map(|row| row.rsplit(';').next().unwrap_or_default().to_owned()).collect();
    texts.sort();
    texts
}

#[test]
fn an_open_page_goes_on_by_itself_at_the_next_leader() {
    let Some(program) = chromium() else { return };
    if !haproxy::is_installed() {
        return;
    }
    let Some(mut servers) = start_servers() else { return };
    let proxy = Haproxy::start([0, 1, 2].map(|index| servers.web_ports(index)));
    let url = format!("https://{}/", proxy.address);
    let profile = profile();
    let browser = Browser::start_with(&program, profile.path(), &[TRUST_ANY]);
    let page = browser.open_blank();
    load(&page, &url);
    let ana = log_in(page);
    ana.open_chat("luis");
    ana.write("before");
    ana.wait_for_message("before", Some("received"));
    ana.evaluate("globalThis.isTheSamePage = true");
    let old = servers.leader();
    // Until the message is typed nobody can lead, however slow this machine is.
    let others: Vec<_> = (0..servers.len()).filter(|index| *index != old).collect();
    others.iter().for_each(|other| servers.stop(*other));
    servers.kill(old);
    // The input has the focus since the last message.
    ana.insert("meanwhile");
    ana.press("Enter", 0);
    ana.wait_for_message("meanwhile", Some("queued"));
    others.iter().for_each(|other| servers.resume(*other));
    let said = servers.ask("luis", "SEND;m-1;ana;answer");
    assert!(said.starts_with("OK;m-1;"), "{said}");
    ana.wait_for_message("answer", None);
    ana.wait_for_message("meanwhile", Some("received"));
    assert_eq!(ana.evaluate("globalThis.isTheSamePage"), true);
    let expected = ["answer", "before", "meanwhile"];
    assert_eq!(read_texts(&mut servers), expected);
    let mut shown = ana.messages();
    shown.sort();
    assert_eq!(shown, expected);
    // The next page logs in with the key of the device, which all servers know: nobody is asked for a password.
    load(&ana, &url);
    ana.choose_chat("luis");
    ana.write("later");
    ana.wait_for_message("later", Some("received"));
    assert_eq!(read_texts(&mut servers), ["answer", "before", "later", "meanwhile"]);
    // A session that ends with its server is noted by that server alone: the others have ended then.
    ana.log_out();
    servers.restart(old);
    servers.assert_same();
}
