//! Kills a writer at any moment, and lets two write at once.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holdfast_refdb::{Change, Database, TrustAnchor};

const FILE: &str = "REFDB_TEST_FILE";

/// Not a test by itself: what the others start as a process. Acknowledges each change by its sequence number.
#[test]
#[ignore = "the other tests start it"]
fn writer() {
    let path = std::env::var_os(FILE).unwrap();
    let mut db = Database::open(Path::new(&path)).unwrap();
    for count in 0..u32::MAX {
        let kid = [std::process::id().to_be_bytes(), count.to_be_bytes()].concat();
        let entry = db.change(&Change::PutAnchor(TrustAnchor { kid, public_key: vec![0; 64] }), 0).unwrap();
        if writeln!(std::io::stderr(), "ack {}", entry.sequence).is_err() {
            return;
        }
        // SQLite's lock is not fair: a writer that never rests starves the other.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--ignored", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child; the sequence numbers that it acknowledged.
fn kill(mut child: Child) -> Vec<usize> {
    child.kill().unwrap();
    child.wait().unwrap();
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
        let child = start(&path);
        // An xorshift: the moments differ, and are the same in each run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        std::thread::sleep(Duration::from_micros(state % 20_000));
        acknowledged = kill(child).last().copied().unwrap_or(acknowledged);
        let db = Database::open(&path).unwrap();
        assert!(db.log().unwrap().len() >= acknowledged, "round {round}");
    }
    assert!(acknowledged > 0, "no writer ever came to write");
    Database::open(&path).unwrap().check().unwrap();
}

#[test]
fn two_processes_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(Database::init(&path).unwrap());
    let children = [start(&path), start(&path)];
    std::thread::sleep(Duration::from_secs(2));
    let [one, two] = children.map(kill);
    assert!(!one.is_empty() && !two.is_empty(), "both must get their turn: {} and {}", one.len(), two.len());
    assert!(one.iter().all(|sequence| !two.contains(sequence)));
    assert!(Database::open(&path).unwrap().check().unwrap().entries >= one.len() + two.len());
}
