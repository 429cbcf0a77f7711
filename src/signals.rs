//! Signals, taken by an ordinary thread.

use std::io;

use crossbeam_channel::{Receiver, bounded};
use signal_hook::iterator::Signals;

/// A channel that says when one of these signals came. A second one ends the process at once, as it
/// would without this.
pub fn told(signals: &[i32]) -> io::Result<Receiver<()>> {
    let mut signals = Signals::new(signals)?;
    let (tell, told) = bounded(1);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            let _ = tell.try_send(());
        }
    })?;
    Ok(told)
}
