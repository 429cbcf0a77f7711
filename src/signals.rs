//! Signals, received by an ordinary thread.

use std::io;

use crossbeam_channel::{Receiver, bounded};
use signal_hook::iterator::Signals;

/// Returns a channel that receives a message when one of these signals arrives. A second signal ends the process
/// at once, as it would without this. The error is a sentence.
pub fn receive(signals: &[i32]) -> Result<Receiver<()>, String> {
    start(signals).map_err(|error| format!("cannot wait for signals: {error}"))
}

fn start(signals: &[i32]) -> io::Result<Receiver<()>> {
    let mut signals = Signals::new(signals)?;
    let (sender, receiver) = bounded(1);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            let _ = sender.try_send(());
        }
    })?;
    Ok(receiver)
}

/// Calls `handle` with each of these signals that arrives, on a thread of its own.
pub fn watch(signals: &[i32], handle: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(handle)).map(drop)
}
