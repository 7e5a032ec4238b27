//! Kills a writer at any moment, and lets two write at once.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holdfast_refdb::{Change, Database, Platform, Tee};
use support::{anchor, bundle, keys, signed};

const FILE: &str = "REFDB_TEST_FILE";
const CHANGES: &str = "REFDB_TEST_CHANGES";

/// What the tests start as a process.
struct Program {
    /// The test that is its code.
    name: &'static str,
    /// How often it does what it does.
    changes: u32,
}

fn file() -> Database {
    Database::open(Path::new(&std::env::var_os(FILE).unwrap())).unwrap()
}

/// Says that something is done; whether someone still listens.
fn acknowledge(number: i64) -> bool {
    writeln!(std::io::stderr(), "ack {number}").is_ok()
}

/// Not a test by itself: makes single changes, each acknowledged by its sequence number.
#[test]
#[ignore = "the other tests start it"]
fn writer() {
    let mut db = file();
    let changes: u32 = std::env::var(CHANGES).unwrap().parse().unwrap();
    for count in 0..changes {
        let mut identity = [std::process::id().to_be_bytes(), count.to_be_bytes()].concat();
        identity.resize(Tee::Snp.identity_length(), 0);
        let platform = Platform { tee: Tee::Snp, identity, name: "test".into() };
        let entry = db.change(&Change::PutPlatform(platform), 0).unwrap();
        if !acknowledge(entry.sequence) {
            return;
        }
    }
}

/// Not a test by itself: imports bundles, each of several values that carry its version, and each acknowledged by
/// that.
#[test]
#[ignore = "the other tests start it"]
fn importer() {
    let mut db = file();
    let changes: u64 = std::env::var(CHANGES).unwrap().parse().unwrap();
    let newest = db.bundles().unwrap().first().map_or(0, |seen| seen.version);
    let [.., key] = keys();
    for version in newest + 1..=newest + changes {
        let mut bundle = bundle(version);
        bundle.values.pop();
        for value in &mut bundle.values {
            value.security_version = u32::try_from(version).unwrap();
        }
        db.import(&signed(&bundle, &key), 150).unwrap();
        if !acknowledge(i64::try_from(version).unwrap()) {
            return;
        }
    }
}

impl Program {
    fn start(&self, path: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", self.name, "--ignored", "--nocapture"])
            .env(FILE, path)
            .env(CHANGES, self.changes.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The numbers that a child acknowledges, as they come.
fn acknowledged(child: &mut Child) -> impl Iterator<Item = i64> + use<> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.filter_map(|line| line.unwrap().strip_prefix("ack ")?.parse().ok())
}

fn init(path: &Path) {
    let [.., key] = keys();
    Database::init(path).unwrap().change(&Change::AddAnchor(anchor(&key)), 0).unwrap();
}

#[test]
fn a_kill_loses_no_acknowledged_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let journal = folder.path().join("db-journal");
    init(&path);
    let programs = ["writer", "importer"].map(|name| Program { name, changes: u32::MAX });
    let (mut state, mut interrupted) = (1_u64, 0);
    for round in 0..1000 {
        let program = &programs[round % 2];
        let mut child = program.start(&path);
        let mut acknowledgements = acknowledged(&mut child);
        // From here on it writes without rest: the kill falls into a change, not into the start of a process.
        let first = acknowledgements.next().unwrap();
        // An xorshift: the moments differ, and are the same in each run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        std::thread::sleep(Duration::from_micros(state % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = acknowledgements.last().unwrap_or(first);
        // SQLite's journal is there as long as a change is under way.
        interrupted += usize::from(journal.exists());
        let db = Database::open(&path).unwrap();
        if program.name == "writer" {
            let found = db.log(last - 1, 1).unwrap();
            assert!(
                found.first().is_some_and(|entry| entry.sequence == last),
                "round {round}: {last} is lost"
            );
        } else {
            let version = db.bundles().unwrap()[0].version;
            assert!(i64::try_from(version).unwrap() >= last, "round {round}: bundle {last} is lost");
            let whole = db.values().unwrap().iter().all(|value| u64::from(value.security_version) == version);
            assert!(whole, "round {round}: half a bundle");
        }
    }
    assert!(interrupted > 100, "only {interrupted} kills fell into a change");
    let mut db = Database::open(&path).unwrap();
    assert_eq!(db.values().unwrap().len(), 3);
    assert!(db.check().unwrap().entries > 1000);
}

#[test]
fn two_processes_write() {
    const EACH: u32 = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    init(&path);
    // Neither rests; each must come to its end, however long the machine takes.
    let program = Program { name: "writer", changes: EACH };
    let children = [program.start(&path), program.start(&path)];
    let mut sequences: Vec<i64> = Vec::new();
    for mut child in children {
        sequences.extend(acknowledged(&mut child));
        assert!(child.wait().unwrap().success(), "a writer was refused");
    }
    sequences.sort_unstable();
    // The first entry is the anchor.
    let last = i64::from(2 * EACH) + 1;
    assert_eq!(sequences, (2..=last).collect::<Vec<_>>());
    assert_eq!(Database::open(&path).unwrap().check().unwrap().entries, last);
}
