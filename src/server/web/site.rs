//! The site: who may connect to it, and what lies under which path.

use std::net::{IpAddr, SocketAddr};

use twox_hash::XxHash3_64;

use super::answer::{Answer, HTML, Status};
use super::authority::{Authority, Host};
use super::head::Head;
use crate::model::Network;
use crate::protocol::Port;
use crate::server::config::Web;
use crate::server::host_name::HostName;

const PAGE: &str = include_str!("page.html");

pub(super) struct Site {
    names: Vec<HostName>,
    proxies: Vec<Network>,
    /// Digest of the page: a client that has it is not sent it again.
    page_tag: String,
}

impl Site {
    pub fn new(web: &Web) -> Self {
        let names = HostName::of_this_machine().into_iter().chain(web.names.iter().cloned()).collect();
        let page_tag = format!("\"{:016x}\"", XxHash3_64::oneshot(PAGE.as_bytes()));
        Self { names, proxies: web.proxies.clone(), page_tag }
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
        match head.path.as_str() {
            "/" => self.answer_page(head),
            path if port_at(path).is_some() => {
                let text = "here a WebSocket carries the lines of the protocol: ask for the upgrade";
                Answer::text(Status::UpgradeRequired, text).with("Upgrade", "websocket")
            }
            _ => Answer::text(Status::NotFound, "there is nothing here"),
        }
    }

    fn answer_page(&self, head: &Head) -> Answer {
        let known = head.if_none_match.iter().flat_map(|tags| tags.split(','));
        let is_known =
            known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == self.page_tag || tag == "*");
        let status = if is_known { Status::NotModified } else { Status::Ok };
        Answer::new(status, HTML, PAGE).with("ETag", &self.page_tag).with("Cache-Control", "no-cache")
    }
}

/// Returns the port whose lines a WebSocket at this path carries.
pub(super) fn port_at(path: &str) -> Option<Port> {
    Port::BOTH.into_iter().find(|port| path.strip_prefix('/') == Some(port.label()))
}
