//! Metrics and `wachat status` of a server in a cluster.

use std::net::SocketAddr;

use crate::support::cluster::servers::Servers;
use crate::support::metrics::Page;
use crate::support::wait_until;

fn figures(servers: &Servers, index: usize) -> serde_json::Value {
    serde_json::from_str(&servers.administer(index, &["status", "--json"])).expect("JSON")
}

#[test]
fn metrics_and_figures_of_a_server_say_who_leads_and_how_far_it_is() {
    let options = ["--metrics", "127.0.0.1:{metrics}"];
    let Some(mut servers) = Servers::start_with(2, &[], &options) else { return };
    let metrics =
        |servers: &Servers, index: usize| Page::read(SocketAddr::from(([127, 0, 0, 1], servers.web_ports(index)[1])));
    let leader = servers.leader();
    let other = 1 - leader;
    let mut ana = servers.login("ana");
    for number in 1..=5 {
        assert!(ana.request(&format!("SEND;m-{number};luis;hola")).starts_with("OK;"));
    }
    servers.wait_until_level();
    let last = servers.status().last as f64;
    let [page, standing_by] = [leader, other].map(|index| metrics(&servers, index));
    assert_eq!(page.value("wachat_cluster_leads"), 1.0);
    assert_eq!(standing_by.value("wachat_cluster_leads"), 0.0);
    assert!(page.value("wachat_cluster_append_seconds_count") >= 5.0);
    assert_eq!(standing_by.value("wachat_cluster_append_seconds_count"), 0.0);
    for page in [&page, &standing_by] {
        assert_eq!(page.value("wachat_cluster_entry"), last);
        assert_eq!(page.value("wachat_messages_received_total"), 5.0);
    }
    let epoch = page.value("wachat_cluster_epoch");
    assert_eq!(standing_by.value("wachat_cluster_epoch"), epoch);

    let [at_leader, at_other] = [leader, other].map(|index| figures(&servers, index));
    assert_eq!((&at_leader["cluster_role"], &at_other["cluster_role"]), (&"leads".into(), &"stands by".into()));
    let address = format!("127.0.0.1:{}", servers.addresses(leader)[0].port());
    assert_eq!((&at_leader["cluster_leader"], &at_other["cluster_leader"]), (&(*address).into(), &(*address).into()));
    assert_eq!(at_other["cluster_entry"].as_f64(), Some(last));

    servers.kill(leader);
    wait_until("another leader", || metrics(&servers, other).value("wachat_cluster_leads") > 0.0);
    let page = metrics(&servers, other);
    assert!(page.value("wachat_cluster_epoch") > epoch, "{}", page.text);
    // A counter does not go back when a server begins to lead.
    assert_eq!(page.value("wachat_messages_received_total"), 5.0);
}
