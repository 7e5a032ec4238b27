//! What long work looks like, on a terminal only.

use core::cell::OnceCell;
use core::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows that something takes its time, on a terminal only. It disappears when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn show(what: String) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// From so many messages on, sending directories takes long enough to be shown: a message is an entry, or
/// 256 KiB of a file.
const MUCH: u64 = 2000;

/// Shows how far the sending of directories into a Keep is, if there is much to send.
#[derive(Default)]
pub(crate) struct Delivery(OnceCell<ProgressBar>);

impl Delivery {
    /// So many messages of so many are sent. The bar disappears with the last.
    pub(crate) fn show(&self, sent: u64, total: u64) {
        if total < MUCH {
            return;
        }
        let bar = self.0.get_or_init(|| {
            let bar = ProgressBar::new(total).with_message("copying the directories into the Keep");
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}% ({eta} left)") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position(sent);
        if sent == total {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(bar) = self.0.get() {
            bar.finish_and_clear();
        }
    }
}
