//! The file system's own rules, and those of Linux's that `fs_differential` does not reach.
#![cfg(not(holdfast_keep))]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_shim::errno::Errno;
use holdfast_shim::fs::{At, FileSystem, MAX_FILE_SIZE, OpenFile, PATH_MAX, Time, Whence};
use holdfast_shim::object::Object;

const ROOM: u64 = 1 << 30;

fn at<'a>(fs: &'a FileSystem, path: &'a str) -> At<'a> {
    At { base: fs.root(), path: path.as_bytes() }
}

fn create(fs: &FileSystem, path: &str) -> Result<Arc<OpenFile>, Errno> {
    fs.open(at(fs, path), libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o644)
}

fn exists(fs: &FileSystem, path: &str) -> bool {
    fs.find(at(fs, path), false).is_ok()
}

fn names(file: &OpenFile) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let entries = file.entries(7).unwrap();
        if entries.is_empty() {
            return names;
        }
        names.extend(entries.iter().map(|entry| String::from_utf8(entry.name.to_vec()).unwrap()));
    }
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let fs = FileSystem::new(ROOM);
    create(&fs, "link0").unwrap();
    for number in 1..=41 {
        fs.create_symlink(format!("link{}", number - 1).as_bytes(), at(&fs, &format!("link{number}")))
            .unwrap();
    }
    assert!(fs.find(at(&fs, "link40"), true).is_ok());
    assert_eq!(fs.find(at(&fs, "link41"), true).err(), Some(Errno::ELOOP));
}

#[test]
fn links_lead_up_and_from_the_root() {
    let fs = FileSystem::new(ROOM);
    fs.create_directory(at(&fs, "/a"), 0o755).unwrap();
    fs.create_directory(at(&fs, "/a/b"), 0o755).unwrap();
    create(&fs, "/a/file").unwrap();
    fs.create_symlink(b"../file", at(&fs, "/a/b/up")).unwrap();
    fs.create_symlink(b"/a/b", at(&fs, "/a/b/absolute")).unwrap();
    fs.create_symlink(b"../../../../a", at(&fs, "/a/b/above")).unwrap();
    let real = |path| fs.real_path(at(&fs, path)).map(|path| String::from_utf8(path).unwrap());
    assert_eq!(real("/a/b/up").as_deref(), Ok("/a/file"));
    assert_eq!(real("/a/b/absolute/absolute/../b/.").as_deref(), Ok("/a/b"));
    assert_eq!(real("/a/b/above/file").as_deref(), Ok("/a/file"));
    assert_eq!(real("/../..").as_deref(), Ok("/"));
    assert_eq!(real("/a/file/.."), Err(Errno::ENOTDIR));
}

#[test]
fn the_root_stays() {
    let fs = FileSystem::new(ROOM);
    fs.create_directory(at(&fs, "a"), 0o755).unwrap();
    assert_eq!(fs.remove_directory(at(&fs, "/")), Err(Errno::EBUSY));
    assert_eq!(fs.unlink(at(&fs, "/")), Err(Errno::EISDIR));
    assert_eq!(fs.rename(at(&fs, "/"), at(&fs, "a")), Err(Errno::EBUSY));
    assert_eq!(fs.rename(at(&fs, "a"), at(&fs, "/")), Err(Errno::EBUSY));
    assert_eq!(fs.create_directory(at(&fs, "/"), 0o755), Err(Errno::EEXIST));
}

#[test]
fn paths_have_a_longest() {
    let fs = FileSystem::new(ROOM);
    let path = "/".repeat(PATH_MAX - 1);
    assert!(fs.find(at(&fs, &path), true).is_ok());
    assert_eq!(fs.find(at(&fs, &(path + "/")), true).err(), Some(Errno::ENAMETOOLONG));
}

#[test]
fn what_is_open_outlives_its_name() {
    let fs = FileSystem::new(ROOM);
    let empty = fs.budget().used();
    let file = create(&fs, "file").unwrap();
    file.write(b"still here").unwrap();
    fs.unlink(at(&fs, "file")).unwrap();
    assert_eq!(file.stat().unwrap().links, 0);
    let mut buffer = [0; 10];
    assert_eq!(file.read_at(0, &mut buffer), Ok(10));
    assert_eq!(&buffer, b"still here");
    assert!(fs.budget().used() > empty);
    drop(file);
    assert_eq!(fs.budget().used(), empty);
}

#[test]
fn a_removed_directory_takes_no_names() {
    let fs = FileSystem::new(ROOM);
    fs.create_directory(at(&fs, "a"), 0o755).unwrap();
    let directory = fs.open(at(&fs, "a"), libc::O_RDONLY, 0).unwrap();
    fs.remove_directory(at(&fs, "a")).unwrap();
    let inside = At { base: directory.inode(), path: b"file" };
    assert_eq!(fs.open(inside, libc::O_CREAT | libc::O_RDWR, 0o644).err(), Some(Errno::ENOENT));
    assert_eq!(fs.create_directory(inside, 0o755), Err(Errno::ENOENT));
    assert!(names(&directory).is_empty());
    let up = fs.find(At { base: directory.inode(), path: b".." }, true).unwrap();
    assert!(Arc::ptr_eq(&up, fs.root()));
}

#[test]
fn a_full_file_system_says_so_and_empties_again() {
    let fs = FileSystem::new(1 << 20);
    let empty = fs.budget().used();
    let file = create(&fs, "file").unwrap();
    let data = vec![7; 4 << 20];
    let written = file.write(&data).unwrap();
    assert!((900 << 10..1 << 20).contains(&written), "{written}");
    assert_eq!(file.write(&data), Err(Errno::ENOSPC));
    assert!(fs.budget().used() <= fs.budget().limit());
    assert_eq!(file.stat().unwrap().size, written as u64);
    // A file can be replaced even then, and removed.
    file.resize(0).unwrap();
    assert_eq!(file.write_at(0, b"x"), Ok(1));
    drop(file);
    fs.unlink(at(&fs, "file")).unwrap();

    let count = (0..).find(|number| create(&fs, &format!("{number}")).err() == Some(Errno::ENOSPC)).unwrap();
    assert!((100..10_000).contains(&count), "{count}");
    assert_eq!(fs.create_symlink(&[b'x'; 4000], at(&fs, "link")), Err(Errno::ENOSPC));
    for number in 0..count {
        fs.unlink(at(&fs, &format!("{number}"))).unwrap();
    }
    assert_eq!(fs.budget().used(), empty);
}

#[test]
fn a_sparse_file_takes_no_room_until_it_is_written() {
    let fs = FileSystem::new(1 << 20);
    let file = create(&fs, "file").unwrap();
    assert_eq!(file.resize(MAX_FILE_SIZE + 1), Err(Errno::EFBIG));
    file.resize(MAX_FILE_SIZE).unwrap();
    assert_eq!(file.stat().unwrap().blocks, 0);
    assert_eq!(file.write_at(MAX_FILE_SIZE, b"x"), Err(Errno::EFBIG));
    assert_eq!(file.write_at(MAX_FILE_SIZE - 1, b"xy"), Ok(1));
    assert_eq!(file.write_at(1 << 40, b"middle"), Ok(6));
    let mut buffer = [1; 8];
    assert_eq!(file.read_at((1 << 40) - 1, &mut buffer), Ok(8));
    assert_eq!(&buffer, b"\0middle\0");

    // What is stored starts at the chunk's start.
    assert_eq!(file.seek(0, Whence::Data), Ok(1 << 40));
    assert_eq!(file.seek(1 << 40, Whence::Hole), Ok((1 << 40) + 6));
    assert_eq!(file.seek(0, Whence::Hole), Ok(0));
    assert_eq!(file.seek(MAX_FILE_SIZE as i64, Whence::Data), Err(Errno::ENXIO));
    assert_eq!(file.seek(-1, Whence::Hole), Err(Errno::ENXIO));

    // What was cut off does not come back.
    file.resize((1 << 40) + 3).unwrap();
    file.resize(1 << 41).unwrap();
    assert_eq!(file.read_at(1 << 40, &mut buffer), Ok(8));
    assert_eq!(&buffer, b"mid\0\0\0\0\0");
}

#[test]
fn reading_marks_a_file_once_and_writing_always() {
    let fs = FileSystem::new(ROOM);
    let file = create(&fs, "file").unwrap();
    let at_second = |second: i64| Time::from_timespec(second, 0).unwrap();
    file.inode().set_times(at_second(1), at_second(2));
    let before = file.stat().unwrap();
    assert_eq!((before.accessed, before.modified), (1_000_000_000, 2_000_000_000));

    file.read(&mut [0; 1]).unwrap();
    let read = file.stat().unwrap();
    assert!(read.accessed > read.modified);
    assert_eq!(read.modified, before.modified);

    let later = Time::At(i64::MAX);
    file.inode().set_times(later, Time::Keep);
    file.read(&mut [0; 1]).unwrap();
    assert_eq!(file.stat().unwrap().accessed, i64::MAX);

    file.write(b"").unwrap();
    assert_eq!(file.stat().unwrap().modified, before.modified);
    file.write(b"x").unwrap();
    let written = file.stat().unwrap();
    assert!(written.modified > before.modified && written.changed == written.modified);
}

#[test]
fn a_new_name_marks_its_directory() {
    let fs = FileSystem::new(ROOM);
    fs.root().set_times(Time::Keep, Time::At(0));
    create(&fs, "file").unwrap();
    assert!(fs.root().stat().modified > 0);
    fs.root().set_times(Time::Keep, Time::At(0));
    fs.unlink(at(&fs, "file")).unwrap();
    assert!(fs.root().stat().modified > 0);
}

#[test]
fn times_come_from_timespecs() {
    assert_eq!(Time::from_timespec(-1, 999_999_999), Ok(Time::At(-1)));
    assert_eq!(Time::from_timespec(i64::MAX, 1), Ok(Time::At(i64::MAX)));
    assert_eq!(Time::from_timespec(i64::MIN, 0), Ok(Time::At(i64::MIN)));
    assert_eq!(Time::from_timespec(5, libc::UTIME_NOW), Ok(Time::Now));
    assert_eq!(Time::from_timespec(5, libc::UTIME_OMIT), Ok(Time::Keep));
    assert_eq!(Time::from_timespec(0, 1_000_000_000), Err(Errno::EINVAL));
    assert_eq!(Time::from_timespec(0, -1), Err(Errno::EINVAL));
}

#[test]
fn a_listing_is_in_order_of_creation_and_survives_removal() {
    let fs = FileSystem::new(ROOM);
    let expected: Vec<String> = (0..50).rev().map(|number| format!("{number}")).collect();
    for name in &expected {
        create(&fs, name).unwrap();
    }
    let directory = fs.open(at(&fs, "/"), libc::O_RDONLY, 0).unwrap();
    let mut seen = Vec::new();
    loop {
        let entries = directory.entries(3).unwrap();
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let name = String::from_utf8(entry.name.to_vec()).unwrap();
            if name != "." && name != ".." {
                fs.unlink(at(&fs, &name)).unwrap();
            }
            seen.push(name);
        }
    }
    assert_eq!(seen[..2], [".", ".."]);
    assert_eq!(seen[2..], expected);
    assert!(!exists(&fs, "0"));
}

#[test]
fn a_listing_ends_though_its_names_change() {
    let fs = FileSystem::new(ROOM);
    for number in 0..20 {
        create(&fs, &format!("{number}")).unwrap();
    }
    let directory = fs.open(at(&fs, "/"), libc::O_RDONLY, 0).unwrap();
    directory.entries(2).unwrap();
    for turn in 0.. {
        assert!(turn < 100, "the listing does not end");
        let entries = directory.entries(1).unwrap();
        let Some(entry) = entries.first() else { break };
        let name = String::from_utf8(entry.name.to_vec()).unwrap();
        fs.rename(at(&fs, &name), at(&fs, &(name.clone() + "x"))).unwrap();
    }
    directory.seek(0, Whence::Start).unwrap();
    let renamed = names(&directory);
    assert_eq!(renamed.len(), 22);
    assert!(renamed[2..].iter().all(|name| name.ends_with('x')));
    // An entry tells where to go on.
    directory.seek(0, Whence::Start).unwrap();
    let third = directory.entries(3).unwrap()[2].next;
    directory.seek(third as i64, Whence::Start).unwrap();
    assert_eq!(names(&directory), renamed[3..]);
}

#[test]
fn a_hundred_thousand_names_are_no_burden() {
    let fs = FileSystem::new(ROOM);
    let start = Instant::now();
    for number in 0..100_000 {
        create(&fs, &format!("file{number}")).unwrap();
    }
    let directory = fs.open(at(&fs, "/"), libc::O_RDONLY, 0).unwrap();
    let seen: BTreeSet<String> = names(&directory).into_iter().collect();
    assert_eq!(seen.len(), 100_002);
    for number in 0..100_000 {
        fs.unlink(at(&fs, &format!("file{number}"))).unwrap();
    }
    // A tenth of this on the slowest machine; a search through all names would take minutes.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn threads_leave_a_whole_tree() {
    let fs = FileSystem::new(ROOM);
    let empty = fs.budget().used();
    for directory in ["a", "b", "a/c"] {
        fs.create_directory(at(&fs, directory), 0o755).unwrap();
    }
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let fs = &fs;
            scope.spawn(move || {
                let places = ["a/x", "b/x", "a/c/x", "x", "a/c", "b/c", "b/d", "a/d"];
                for turn in 0..3000_usize {
                    let from = places[(turn * 7 + thread) % places.len()];
                    let to = places[(turn * 5 + thread * 3) % places.len()];
                    // Whether each one finds its names is left to chance; that none harms the tree is not.
                    _ = create(fs, from).map(|file| file.write(&[0; 100]));
                    _ = fs.rename(at(fs, from), at(fs, to));
                    _ = fs.create_directory(at(fs, to), 0o755);
                    _ = fs.link(at(fs, to), at(fs, from), false);
                    _ = fs.real_path(at(fs, from));
                    _ = fs.unlink(at(fs, from));
                    _ = fs.remove_directory(at(fs, to));
                }
            });
        }
    });
    remove_all(&fs, "");
    assert_eq!(fs.budget().used(), empty);
    assert_eq!(fs.root().stat().links, 2);
}

fn remove_all(fs: &FileSystem, path: &str) {
    let directory = fs.open(at(fs, &format!("/{path}")), libc::O_RDONLY | libc::O_DIRECTORY, 0).unwrap();
    for name in names(&directory).into_iter().filter(|name| name != "." && name != "..") {
        let child = format!("{path}/{name}");
        if fs.unlink(at(fs, &child)) == Err(Errno::EISDIR) {
            remove_all(fs, &child);
            fs.remove_directory(at(fs, &child)).unwrap();
        }
    }
}

#[test]
fn space_is_told_in_blocks() {
    let fs = FileSystem::new(1 << 20);
    let before = fs.space();
    assert_eq!(before.blocks, 256);
    let file = create(&fs, "file").unwrap();
    file.write(&[1; 100_000]).unwrap();
    let after = fs.space();
    assert!((24..40).contains(&(before.free - after.free)), "{before:?} {after:?}");
}

#[test]
fn the_number_of_links_has_an_end() {
    let fs = FileSystem::new(ROOM);
    create(&fs, "file").unwrap();
    let refused = (1..).find_map(|number| {
        fs.link(at(&fs, "file"), at(&fs, &format!("{number}")), false).err().map(|errno| (number, errno))
    });
    assert_eq!(refused, Some((65_000, Errno::EMLINK)));
}

#[test]
fn a_moved_directory_knows_its_place() {
    let fs = FileSystem::new(ROOM);
    for directory in ["a", "b", "a/c"] {
        fs.create_directory(at(&fs, directory), 0o755).unwrap();
    }
    fs.rename(at(&fs, "a/c"), at(&fs, "b/d")).unwrap();
    assert_eq!(fs.real_path(at(&fs, "b/d")).unwrap(), b"/b/d");
    let links = |path| fs.find(at(&fs, path), true).unwrap().stat().links;
    assert_eq!((links("a"), links("b"), links("b/d")), (2, 3, 2));
    let (up, b) = (fs.find(at(&fs, "b/d/.."), true).unwrap(), fs.find(at(&fs, "b"), true).unwrap());
    assert!(Arc::ptr_eq(&up, &b));

    assert_eq!(fs.rename(at(&fs, "b"), at(&fs, "b/d/e")), Err(Errno::EINVAL));
    assert_eq!(fs.rename(at(&fs, "b"), at(&fs, "b/d")), Err(Errno::EINVAL));
    assert_eq!(fs.rename(at(&fs, "b/d"), at(&fs, "b")), Err(Errno::ENOTEMPTY));
    fs.rename(at(&fs, "b"), at(&fs, "a")).unwrap();
    assert_eq!(fs.real_path(at(&fs, "a/d")).unwrap(), b"/a/d");
    assert_eq!(links("/"), 3);
}
