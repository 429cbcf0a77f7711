//! Networks that count as one address, for connections and for failed logins: a network of 64 bits in IPv6, an IPv4 address also where an IPv6 socket reports it.

use std::net::IpAddr;

use wachat::server::network;

fn counted(address: &str) -> String {
    network(address.parse::<IpAddr>().unwrap()).to_string()
}

#[test]
fn all_addresses_of_an_ipv6_network_count_as_one() {
    for (address, as_what) in [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::1", "::"),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ] {
        assert_eq!(counted(address), as_what, "{address}");
    }
}
