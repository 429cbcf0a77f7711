//! Networks that count as one address, for connections and for failed logins: a network of 64 bits in IPv6, an IPv4 address also where an IPv6 socket reports it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use wachat::model::{Banned, Network, ShortText, Timestamp, UserName};
use wachat::server::network;
use wachat::state_machine::{Command, ConnectionId, Now, Output, Policy, StateMachine, StoredState};

use crate::support::random::Random;

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

/// The first bits of an address, as text. An IPv4 address has 32, in whatever form it comes.
fn bits(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("4:{:032b}", address.to_bits()),
        IpAddr::V6(address) => format!("6:{:0128b}", address.to_bits()),
    }
}

/// Some addresses near each other: they differ in any of their bits.
fn near(address: IpAddr, random: &mut Random) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() ^ (1 << random.below(32))).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() ^ (1 << random.below(128))).into(),
    }
}

#[test]
fn a_network_has_the_addresses_that_begin_with_its_bits() {
    let mut random = Random::new(1);
    let bases =
        ["192.0.2.7", "127.0.0.1", "2001:db8:1:2:3:4:5:6", "::1", "::ffff:192.0.2.7"].map(|text| text.parse().unwrap());
    for _ in 0..20_000 {
        let base: IpAddr = bases[random.below(5) as usize];
        let other = if random.chance(20) { bases[random.below(5) as usize] } else { near(base, &mut random) };
        let length = if base.to_canonical().is_ipv4() { 32 } else { 128 };
        let prefix = random.below(length + 1) as usize;
        let network = Network::parse(&format!("{}/{prefix}", base.to_canonical())).expect("a network");
        let is_in = bits(other).starts_with(&bits(base)[..2 + prefix]);
        assert_eq!(network.contains(other), is_in, "{other} in {network}, made of {base}/{prefix}");
        assert_eq!(Network::parse(&network.to_string()), Some(network), "{network} is read as it is written");
        assert!(network.contains(network.first_address()) && network == Network::around(base, prefix as u8));
    }
}

/// Bans beside a list of them: each has its own end, and only the administrator changes it.
#[test]
fn each_ban_lasts_until_its_own_end() {
    let subjects = ["@ana", "@eva", "127.0.0.1", "127.0.0.0/8", "127.0.0.0/16", "2001:db8::/64", "2001:db8::/32"];
    let subjects = subjects.map(|text| Banned::parse(text).expect("a subject"));
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut machine = StateMachine::new(StoredState::new("store".into()), Policy::default());
        let mut at = Timestamp::from_millis(1_800_000_000_000);
        let mut handle = |at, command| {
            let now = Now { at, ..Now::default() };
            let mut out = Output::default();
            machine.handle(ConnectionId(1), command, now, &mut out).expect("no defect");
            machine.stored.bans.active(at).map(|(banned, ban)| (banned.clone(), ban.until)).collect::<BTreeMap<_, _>>()
        };
        for user in ["ana", "eva"] {
            handle(at, Command::Register { name: UserName::new(user).unwrap(), password_hash: "x".into() });
        }
        let mut bans: BTreeMap<Banned, Option<Timestamp>> = BTreeMap::new();
        for step in 0..120 {
            at = at.later(Duration::from_secs(random.below(40)));
            let banned = subjects[random.below(7) as usize].clone();
            let command = if random.chance(75) {
                let until = random.chance(80).then(|| at.later(Duration::from_secs(1 + random.below(300))));
                bans.insert(banned.clone(), until);
                Command::Ban { banned, until, reason: ShortText::new("spam").expect("a text") }
            } else {
                bans.remove(&banned);
                Command::Unban { banned }
            };
            let told = handle(at, command);
            bans.retain(|_, until| until.is_none_or(|until| until > at));
            assert_eq!(told, bans, "seed {seed}, step {step}");
        }
    }
}
