//! What the file system charges covers what it takes from the heap: otherwise a program that fills it
//! would exhaust the Keep's memory before it met `ENOSPC`.
#![cfg(not(holdfast_keep))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_shim::fs::{At, FileSystem};
use holdfast_shim::object::Object;

/// What an allocator of the size of dlmalloc adds to a block: its header, and rounding.
const OVERHEAD: u64 = 24;

static TAKEN: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: each call is passed on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size() as u64 + OVERHEAD, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size() as u64 + OVERHEAD, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// Bytes taken from the heap, and bytes charged, by `work`.
fn cost(work: impl FnOnce(&FileSystem)) -> (u64, u64) {
    let fs = FileSystem::new(1 << 30);
    let (taken, charged) = (TAKEN.load(Ordering::Relaxed), fs.budget().used());
    work(&fs);
    (TAKEN.load(Ordering::Relaxed) - taken, fs.budget().used() - charged)
}

fn at<'a>(fs: &'a FileSystem, path: &'a str) -> At<'a> {
    At { base: fs.root(), path: path.as_bytes() }
}

/// One test, as others at its side would be counted too.
#[test]
fn what_is_taken_is_charged() {
    let create = libc::O_CREAT | libc::O_RDWR;
    let costs = [
        (
            "empty files",
            cost(|fs| {
                for number in 0..10_000 {
                    fs.open(at(fs, &format!("{number}")), create, 0o644).unwrap();
                }
            }),
        ),
        (
            "directories in reverse order",
            cost(|fs| {
                for number in (0..10_000).rev() {
                    fs.create_directory(at(fs, &format!("{number:05}")), 0o755).unwrap();
                }
            }),
        ),
        (
            "one name in each directory",
            cost(|fs| {
                for number in 0..2000 {
                    fs.create_directory(at(fs, &format!("{number}")), 0o755).unwrap();
                    fs.open(at(fs, &format!("{number}/x")), create, 0o644).unwrap();
                }
            }),
        ),
        (
            "hard links with long names",
            cost(|fs| {
                fs.open(at(fs, "x"), create, 0o644).unwrap();
                for number in 0..10_000 {
                    fs.link(at(fs, "x"), at(fs, &format!("{number:0200}")), false).unwrap();
                }
            }),
        ),
        (
            "symbolic links",
            cost(|fs| {
                for number in 0..1000 {
                    fs.create_symlink(&[b'x'; 1000], at(fs, &format!("{number}"))).unwrap();
                }
            }),
        ),
        (
            "small files",
            cost(|fs| {
                for number in 0..1000 {
                    fs.open(at(fs, &format!("{number}")), create, 0o644).unwrap().write(&[1; 100]).unwrap();
                }
            }),
        ),
        (
            "a big file",
            cost(|fs| {
                let file = fs.open(at(fs, "x"), create, 0o644).unwrap();
                for _ in 0..1000 {
                    file.write(&[1; 10_000]).unwrap();
                }
            }),
        ),
        (
            "a file of one byte every megabyte",
            cost(|fs| {
                let file = fs.open(at(fs, "x"), create, 0o644).unwrap();
                for number in 0..1000 {
                    file.write_at(number << 20, b"x").unwrap();
                }
            }),
        ),
    ];
    for (what, (taken, charged)) in costs {
        assert!(taken <= charged, "{what}: {taken} bytes taken, {charged} charged");
        assert!(charged < 4 * taken, "{what}: {taken} bytes taken, but {charged} charged");
    }
}
