//! The proxy before the page of a cluster, where haproxy is installed: browsers reach the server whose health is good.

use std::net::{Ipv4Addr, SocketAddr};

use crate::support::haproxy::{self, Haproxy};
use crate::support::wait_until;
use crate::support::web::world_with_web;
use crate::support::world::choose_ports_in_a_row;

#[test]
fn the_proxy_sends_browsers_to_the_server_whose_health_is_good() {
    if !haproxy::is_installed() {
        return;
    }
    let free = choose_ports_in_a_row(4);
    let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, free)).to_string();
    // Nothing asks this one for its health, as if it were bad; it answers under another name.
    let (_other, other) = world_with_web(&["--web-name", "other.example"]);
    let options = ["--web-name", "class.example", "--web-proxy", "127.0.0.1", "--metrics", &metrics];
    let (mut world, web) = world_with_web(&options);
    let proxy = Haproxy::start([[other.port(), free + 1], [web.port(), free], [free + 2, free + 3]]);
    // With three servers in turn, six good answers in a row are of one.
    let is_good = || (0..6).all(|_| proxy.status("class.example") == 200);
    wait_until("the page of the good server alone", is_good);
    world.kill();
    wait_until("no good server", || proxy.status("class.example") == 503);
    world.start();
    wait_until("the page of the good server again", is_good);
}
