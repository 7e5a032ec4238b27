//! The file system: one tree in the Keep's memory, with Linux's semantics.
//!
//! An [`Inode`] is a file, a directory or a symbolic link. Names lead to it by [`At`], a path and where it
//! starts; [`FileSystem`] has a function for each system call on paths. [`OpenFile`] is what a descriptor
//! stands for. There is one user, who owns everything and is not root: the owner's permission bits count.
//!
//! Two kinds of locks: the file system's, on names, held while paths are walked or changed, and one in each
//! inode. Nobody holds two inodes' locks at a time, or waits for the lock on names with an inode's in hand.
//!
//! What is stored, inodes and names too, is charged to a [`Budget`]; beyond it is `ENOSPC`.

mod attributes;
mod budget;
mod content;
mod directory;
mod inode;
mod names;
mod open;
mod open_file;
mod walk;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

pub use attributes::{BLOCK, Space};
pub use budget::Budget;
pub use content::MAX_FILE_SIZE;
pub use directory::NAME_MAX;
pub use inode::{Access, Inode, Kind, Time};
pub use open_file::{Entry, OpenFile, Whence};
pub use walk::{At, PATH_MAX};

use crate::sync::Lock;

/// The permission bits that new files and directories do not get.
pub const UMASK: u32 = 0o022;

/// The user and the group that own everything.
pub const OWNER: u32 = 1000;

/// What the Keep's file system may take before [`set_capacity`]: half of the least memory of a Keep.
const DEFAULT_CAPACITY: u64 = holdfast_gate::boot::MIN_MEMORY / 2;

static KEEP: Lock<Option<&'static FileSystem>> = Lock::new(None);

/// The Keep's file system.
pub fn keep() -> &'static FileSystem {
    KEEP.lock().get_or_insert_with(|| Box::leak(Box::new(FileSystem::new(DEFAULT_CAPACITY))))
}

/// Lets the Keep's file system take `bytes`.
pub fn set_capacity(bytes: u64) {
    keep().budget.set_limit(bytes);
}

/// A tree of files.
#[derive(Debug)]
pub struct FileSystem {
    root: Arc<Inode>,
    budget: Arc<Budget>,
    next_number: AtomicU64,
    names: Lock<()>,
}

impl FileSystem {
    /// An empty root directory that may come to take `capacity` bytes.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        let budget = Arc::new(Budget::new(capacity));
        let root = Inode::root(1, 0o755, &budget);
        Self { root, budget, next_number: AtomicU64::new(2), names: Lock::new(()) }
    }

    /// The root directory.
    #[must_use]
    pub const fn root(&self) -> &Arc<Inode> {
        &self.root
    }

    /// How much it takes and may take.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A number for a new inode.
    fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}
