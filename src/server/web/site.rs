//! The site: who may connect to it, and what lies under which path.

use std::net::{IpAddr, SocketAddr};

use super::answer::{Answer, Status};
use super::authority::{Authority, Host};
use super::head::Head;
use super::page::{File, Page};
use crate::model::Network;
use crate::protocol::Port;
use crate::server::config::Web;
use crate::server::host_name::HostName;

/// The files at paths of their own, which stay while the builds change.
const FIXED: [(&str, &str); 2] = [("/", "index.html"), ("/sw.js", "sw.js")];

pub(super) struct Site {
    names: Vec<HostName>,
    proxies: Vec<Network>,
    page: Page,
}

impl Site {
    pub fn new(web: &Web) -> Self {
        let names = HostName::of_this_machine().into_iter().chain(web.names.iter().cloned()).collect();
        Self { names, proxies: web.proxies.clone(), page: Page::new() }
    }

    /// Checks that a request is for this server, and comes from a page of it or from a program. A page of another site could
    /// else use a name of its own for this address, or connect to a server that only its reader can reach.
    pub fn check(&self, head: &Head) -> Result<(), Answer> {
        let authority = Authority::parse(&head.host).ok_or_else(|| Answer::bad("Host is a name or an address"))?;
        let is_known = match &authority.host {
            Host::Address(_) => true,
            Host::Name(name) => self.names.contains(name),
        };
        if !is_known {
            let text = format!("this server does not know the name {}; serve --web-name makes it known", head.host);
            return Err(Answer::text(Status::Misdirected, &text));
        }
        match &head.origin {
            Some(origin) if !authority.is_of_origin(origin) => {
                Err(Answer::text(Status::Forbidden, "a page of another site may not connect"))
            }
            _ => Ok(()),
        }
    }

    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// Returns the address that a request counts for: that of the client, also where the request comes from a proxy.
    pub fn client_address(&self, peer: IpAddr, head: &Head) -> Result<IpAddr, Answer> {
        let forwarded_for = head.forwarded_for.as_ref().filter(|_| self.is_proxy(peer));
        forwarded_for.map_or(Ok(peer), |text| {
            let address = text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
            address.ok_or_else(|| Answer::bad("X-Forwarded-For ends with an address"))
        })
    }

    /// Returns the answer to GET, or to HEAD.
    pub fn answer(&self, head: &Head) -> Answer {
        let path = head.path.as_str();
        if port_at(path).is_some() {
            let text = "here a WebSocket carries the lines of the protocol: ask for the upgrade";
            return Answer::text(Status::UpgradeRequired, text).with("Upgrade", "websocket");
        }
        let fixed = FIXED.iter().find(|(fixed, _)| *fixed == path);
        match (fixed.and_then(|(_, name)| self.page.file(name)), self.page.file_of_build(path)) {
            (Some(file), _) => self.answer_with_tag(head, file),
            (None, Some(file)) => answer_for_ever(file),
            (None, None) => self.answer_without_file(path),
        }
    }

    fn answer_without_file(&self, path: &str) -> Answer {
        match self.page.module_of_other_build(path) {
            Some(file) => answer_file(Status::Ok, file).without_policies().with("Cache-Control", "no-store"),
            None => Answer::text(Status::NotFound, "there is nothing here"),
        }
    }

    /// Returns the answer with a file that the next build may change: a client that has it is not sent it again.
    fn answer_with_tag(&self, head: &Head, file: &File) -> Answer {
        let own = format!("\"{}\"", self.page.digest());
        let known = head.if_none_match.iter().flat_map(|tags| tags.split(','));
        let is_known = known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == own || tag == "*");
        let status = if is_known { Status::NotModified } else { Status::Ok };
        answer_file(status, file).with("ETag", &own).with("Cache-Control", "no-cache")
    }
}

fn answer_file(status: Status, file: &File) -> Answer {
    Answer::new(status, file.content_type, file.text.clone())
}

/// Returns the answer with a file whose path has the digest of its build.
fn answer_for_ever(file: &File) -> Answer {
    answer_file(Status::Ok, file).without_policies().with("Cache-Control", "max-age=31536000, immutable")
}

/// Returns the port whose lines a WebSocket at this path carries.
pub(super) fn port_at(path: &str) -> Option<Port> {
    Port::BOTH.into_iter().find(|port| path.strip_prefix('/') == Some(port.label()))
}
