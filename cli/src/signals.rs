use holdfast_client::session::{Stop, Stopper};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Turns Ctrl-C, SIGTERM and SIGHUP into an orderly end of the session.
pub(crate) fn watch(stopper: &Stopper) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let stopper = stopper.clone();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            stopper.stop(if signal == SIGINT { Stop::Interrupted } else { Stop::Terminated });
        }
    })?;
    Ok(())
}
