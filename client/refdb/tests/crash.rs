//! Kills a writer at any moment, and lets two write at once.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holdfast_refdb::{Change, Database, Platform, Tee};

const FILE: &str = "REFDB_TEST_FILE";
const CHANGES: &str = "REFDB_TEST_CHANGES";

/// Not a test by itself: what the others start as a process. Acknowledges each change by its sequence number.
#[test]
#[ignore = "the other tests start it"]
fn writer() {
    let path = std::env::var_os(FILE).unwrap();
    let mut db = Database::open(Path::new(&path)).unwrap();
    let changes: u32 = std::env::var(CHANGES).unwrap().parse().unwrap();
    for count in 0..changes {
        let mut identity = [std::process::id().to_be_bytes(), count.to_be_bytes()].concat();
        identity.resize(Tee::Snp.identity_length(), 0);
        let platform = Platform { tee: Tee::Snp, identity, name: "test".into() };
        let entry = db.change(&Change::PutPlatform(platform), 0).unwrap();
        if writeln!(std::io::stderr(), "ack {}", entry.sequence).is_err() {
            return;
        }
    }
}

fn start(path: &Path, changes: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--ignored", "--nocapture"])
        .env(FILE, path)
        .env(CHANGES, changes.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child; the sequence numbers that it acknowledged.
fn kill(mut child: Child) -> Vec<i64> {
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged(&mut child)
}

fn acknowledged(child: &mut Child) -> Vec<i64> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.filter_map(|line| line.unwrap().strip_prefix("ack ")?.parse().ok()).collect()
}

#[test]
fn a_kill_loses_no_acknowledged_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(Database::init(&path).unwrap());
    let (mut acknowledged, mut state) = (0, 1_u64);
    for round in 0..1000 {
        let child = start(&path, u32::MAX);
        // An xorshift: the moments differ, and are the same in each run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        std::thread::sleep(Duration::from_micros(state % 20_000));
        acknowledged = kill(child).last().copied().unwrap_or(acknowledged);
        let db = Database::open(&path).unwrap();
        let found = db.log(acknowledged - 1, 1).unwrap().first().map(|entry| entry.sequence);
        assert!(acknowledged == 0 || found == Some(acknowledged), "round {round}: {acknowledged} is lost");
    }
    assert!(acknowledged > 0, "no writer ever came to write");
    Database::open(&path).unwrap().check().unwrap();
}

#[test]
fn two_processes_write() {
    const EACH: u32 = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(Database::init(&path).unwrap());
    // Neither rests; each must come to its end, however long the machine takes.
    let children = [start(&path, EACH), start(&path, EACH)];
    let mut sequences: Vec<i64> = Vec::new();
    for mut child in children {
        sequences.extend(acknowledged(&mut child));
        assert!(child.wait().unwrap().success(), "a writer was refused");
    }
    sequences.sort_unstable();
    let all = i64::from(2 * EACH);
    assert_eq!(sequences, (1..=all).collect::<Vec<_>>());
    assert_eq!(Database::open(&path).unwrap().check().unwrap().entries, all);
}
