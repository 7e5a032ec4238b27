//! The names in a directory.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use super::budget::Charge;
use super::inode::Inode;
use crate::errno::Errno;

/// The longest name in bytes.
pub const NAME_MAX: usize = 255;

/// What a directory takes besides its inode: the first nodes of both maps.
pub(super) const DIRECTORY_COST: u64 = 704;

/// What a name takes besides its bytes: its places in both maps and the allocator's header.
const NAME_COST: u64 = 192;

/// The offset of the first name; 0 and 1 are `.` and `..`.
pub(super) const FIRST_OFFSET: u64 = 2;

/// A directory's names, in the order in which they came and by name.
///
/// A name keeps its offset as long as it lives, and none is given twice: who reads the directory piece by
/// piece while names come and go meets each name that stays exactly once.
#[derive(Debug)]
pub(super) struct Directory {
    /// Where `..` leads; a weak one, as the parent holds the child. The root is its own parent.
    pub(super) parent: Weak<Inode>,
    /// The directory's name in its parent; empty for the root.
    pub(super) name: Arc<[u8]>,
    /// False from the moment that it is removed: no name can be made in it any more.
    pub(super) alive: bool,
    by_name: BTreeMap<Arc<[u8]>, u64>,
    by_offset: BTreeMap<u64, (Arc<[u8]>, Arc<Inode>)>,
    next_offset: u64,
}

impl Directory {
    /// An empty directory, `name` in `parent`.
    pub(super) const fn new(parent: Weak<Inode>, name: Arc<[u8]>) -> Self {
        Self {
            parent,
            name,
            alive: true,
            by_name: BTreeMap::new(),
            by_offset: BTreeMap::new(),
            next_offset: FIRST_OFFSET,
        }
    }

    /// What `name` stands for.
    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<Inode>> {
        let offset = self.by_name.get(name)?;
        self.by_offset.get(offset).map(|(_, inode)| inode.clone())
    }

    /// Whether there is no name but `.` and `..`.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds a name that is not there.
    ///
    /// # Errors
    /// `ENOENT`: the directory has been removed. `ENOSPC`.
    pub(super) fn insert(
        &mut self,
        name: Arc<[u8]>,
        inode: Arc<Inode>,
        charge: &mut Charge,
    ) -> Result<(), Errno> {
        if !self.alive {
            return Err(Errno::ENOENT);
        }
        charge.add(cost(&name))?;
        self.by_name.insert(name.clone(), self.next_offset);
        self.by_offset.insert(self.next_offset, (name, inode));
        self.next_offset += 1;
        Ok(())
    }

    /// Lets a name that is there stand for another inode; returns the old one.
    pub(super) fn replace(&mut self, name: &[u8], inode: Arc<Inode>) -> Option<Arc<Inode>> {
        let offset = self.by_name.get(name)?;
        self.by_offset.get_mut(offset).map(|(_, old)| core::mem::replace(old, inode))
    }

    /// Takes a name out; returns what it stood for.
    pub(super) fn remove(&mut self, name: &[u8], charge: &mut Charge) -> Option<Arc<Inode>> {
        let offset = self.by_name.remove(name)?;
        let (name, inode) = self.by_offset.remove(&offset)?;
        charge.sub(cost(&name));
        Some(inode)
    }

    /// The names at offsets from `from` up to, not with, `end`.
    pub(super) fn range(&self, from: u64, end: u64) -> impl Iterator<Item = (u64, &Arc<[u8]>, &Arc<Inode>)> {
        self.by_offset.range(from..end.max(from)).map(|(offset, (name, inode))| (*offset, name, inode))
    }

    /// The offset that the next new name gets.
    pub(super) const fn next_offset(&self) -> u64 {
        self.next_offset
    }
}

const fn cost(name: &[u8]) -> u64 {
    NAME_COST + name.len() as u64
}
