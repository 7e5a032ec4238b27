//! What stands where a program expects its standard streams: a Keep has none of its own.

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::Errno;
use crate::object::{Object, Stat};

/// As `/dev/null`: reading is at the end, what is written is forgotten. The application's streams go over
/// the channel; what the runtime itself would print must not reach the host.
#[derive(Debug)]
pub struct Null;

impl Object for Null {
    fn read(&self, _buffer: &mut [u8]) -> Result<usize, Errno> {
        Ok(0)
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        Ok(buffer.len())
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(Stat { mode: libc::S_IFCHR | 0o666, links: 1, ..Stat::default() })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
