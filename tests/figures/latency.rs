//! Latency of an OK for one sender: one write, one sync, and a round trip on the loopback interface.

use crate::support::World;
use crate::{milliseconds, quantile, timed};

const SENDS: usize = 2_000;

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn latency_of_an_ok() {
    let world = World::new(&["--no-limits"]);
    let mut ana = world.register("ana");
    let _bea = world.register("bea");
    let text = "x".repeat(100);
    let mut send = |id| {
        let (reply, time) = timed(|| ana.request(&format!("SEND;m-{id};bea;{text}")));
        assert!(reply.starts_with(&format!("OK;m-{id};RECEIVED;")), "{reply}");
        time
    };
    let mut times: Vec<_> = (0..SENDS).map(&mut send).collect();
    let middle = quantile(&mut times, 0.5);
    let late = quantile(&mut times, 0.99);
    println!(
        "latency of an OK, one sender, one in flight: median {:.2} ms, 99% within {:.2} ms",
        milliseconds(middle),
        milliseconds(late)
    );
}
