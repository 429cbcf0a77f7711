//! Connections that send a byte a second, never read, half-close or vanish; under TLS also in the middle of the
//! handshake.

use std::time::Duration;

use super::crowd::{self, Behaviour, Crowd, IN_THE_CLEAR, UNDER_TLS};
use super::scene::Scene;
use crate::support::{wait_for, wait_until};

/// Processor time of the server, as a share of one core, that a thousand connections of the crowd may take: each of them
/// does one thing a second, and half of the kinds log in anew for it.
const SHARE: f64 = 0.8;

#[test]
fn a_thousand_hostile_connections() {
    disturb(&["--no-lobby"], 1_000, IN_THE_CLEAR, Duration::from_secs(2));
}

#[test]
fn hostile_connections_under_tls() {
    disturb(&["--no-lobby", "--tls"], 350, UNDER_TLS, Duration::from_secs(2));
}

#[test]
#[ignore = "takes minutes"]
fn four_thousand_hostile_connections_for_a_minute() {
    disturb(&["--no-lobby"], 4_000, IN_THE_CLEAR, Duration::from_secs(60));
    disturb(&["--no-lobby", "--tls"], 2_000, UNDER_TLS, Duration::from_secs(60));
}

fn disturb(options: &[&str], size: usize, manners: &'static [Behaviour], time: Duration) {
    let mut scene = Scene::new(options, crowd::users(size));
    let is_tls = options.contains(&"--tls");
    let crowd = Crowd::start(&scene.world, size, manners, is_tls);
    wait_until("the crowd", || crowd.is_there());
    scene.assert_undisturbed(&format!("beside {size} hostile connections"));
    let process = scene.process();
    // Most are cut off or vanish after a while, and come again at their next turn.
    let open = wait_for("a third of them to be open", || {
        let page = scene.page();
        let open = page.value("wachat_connections{port=\"send\"}") + page.value("wachat_connections{port=\"recv\"}");
        Some(open).filter(|open| *open >= size as f64 / 3.0)
    });
    let before = process.cpu_time();
    std::thread::sleep(time);
    let share = (process.cpu_time() - before).as_secs_f64() / time.as_secs_f64();
    println!("{open} hostile connections are open, and take {share:.2} of a core; {} KiB", process.resident());
    assert!(is_tls || share < SHARE * size as f64 / 1_000.0, "{size} connections take {share:.2} of a core");
    scene.assert_undisturbed(&format!("beside {size} hostile connections, later"));
    crowd.leave();
    scene.finish();
}
