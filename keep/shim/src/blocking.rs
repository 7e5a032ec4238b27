//! Calls that wait: what a blocking descriptor does about `EAGAIN`.

use crate::errno::Errno;
use crate::fd::Description;
use crate::object::{Object, events};
use crate::wait;

/// Repeats `attempt` until it gives something else than `EAGAIN`, and sleeps in between until one of
/// `wanted` comes true.
///
/// # Errors
/// Those of `attempt`; `EAGAIN` only from an object that cannot be waited for.
pub fn until_done<T>(
    object: &dyn Object,
    wanted: u32,
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let first = attempt();
    let (Err(Errno::EAGAIN), Some(waiters)) = (&first, object.waiters()) else { return first };
    let _membership = waiters.join(wanted);
    loop {
        match attempt() {
            Err(Errno::EAGAIN) => wait::park(object.interest(wanted), None),
            result => return result,
        }
    }
}

/// `attempt`, once or until done as `O_NONBLOCK` says.
///
/// # Errors
/// Those of `attempt`.
pub fn perform<T>(
    description: &Description,
    wanted: u32,
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Errno> {
    if description.nonblocking() { attempt() } else { until_done(&**description.object(), wanted, attempt) }
}

/// `read(2)`.
///
/// # Errors
/// As there.
pub fn read(description: &Description, buffer: &mut [u8]) -> Result<usize, Errno> {
    perform(description, events::IN, || description.object().read(buffer))
}

/// `write(2)`: all of `data` unless the descriptor is non-blocking or an error comes in between.
///
/// # Errors
/// As there, if nothing was written.
pub fn write(description: &Description, data: &[u8]) -> Result<usize, Errno> {
    write_with(description, data, |rest| description.object().write(rest))
}

/// [`write()`] with another way of writing.
///
/// # Errors
/// Those of `attempt`, if nothing was written.
pub fn write_with(
    description: &Description,
    data: &[u8],
    mut attempt: impl FnMut(&[u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut written = perform(description, events::OUT, || attempt(data))?;
    while written > 0 && written < data.len() && !description.nonblocking() {
        let rest = data.get(written..).unwrap_or_default();
        match perform(description, events::OUT, || attempt(rest)) {
            Ok(more) if more > 0 => written += more,
            _ => break,
        }
    }
    Ok(written)
}
