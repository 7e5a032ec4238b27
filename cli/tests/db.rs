//! `holdfast db`, and `holdfast verify --db`, by the real command.

use std::path::Path;
use std::process::{Command, Output};

use holdfast_evidence::snp::Generation;
use holdfast_sim::Seed;
use holdfast_sim::amd::{self, Amd, Key};
use holdfast_verify::policy::TEMPLATE;
use p384::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The time of the simulated evidence: 2026-11-24.
const NOW: u64 = 1_795_478_400;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A folder, where the user's data is too.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).expect("a file");
    }

    /// A pair of keys, as files `NAME.key` and `NAME.pem`.
    fn keys(&self, name: &str, scalar: u8) {
        let key = p384::SecretKey::from_slice(&[scalar; 48]).expect("a scalar");
        let private = key.to_pkcs8_pem(LineEnding::LF).expect("PEM");
        self.write(&format!("{name}.key"), private.as_bytes());
        self.write(&format!("{name}.pem"), key.public_key().to_public_key_pem(LineEnding::LF).expect("PEM"));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.current_dir(self.path()).env("XDG_DATA_HOME", self.path().join("data")).args(arguments);
        command.output().expect("the command")
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).expect("JSON")
    }

    /// It ends with that status, and says so.
    #[track_caller]
    fn fails(&self, arguments: &[&str], status: i32, says: &str) {
        let output = self.run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }

    fn export(&self, db: &str, key: &str, number: &str) {
        self.export_until(db, key, number, "2100-01-01T00:00:00Z");
    }

    fn export_until(&self, db: &str, key: &str, number: &str, until: &str) {
        let key = format!("{key}.key");
        let signer = ["--id", "example/image", "--signer", "Example Ltd", "--key", &key, "--number", number];
        let times = ["--not-before", "100", "--not-after", until, "--output", "bundle.corim"];
        self.done(&[&["db", "--db", db, "export"], &signer[..], &times[..]].concat());
    }
}

#[test]
fn the_users_own_database_is_made_on_purpose() {
    let place = Place::new();
    place.fails(&["db", "list"], 66, "holdfast db init");
    let made = place.done(&["db", "init"]);
    assert!(made.trim_end().ends_with("data/holdfast/measurements.db"), "{made}");
    assert_eq!(place.done(&["db", "list"]), "");
    assert_eq!(place.done(&["db", "init"]), made, "once more changes nothing");
    place.write("other.db", "something else");
    place.fails(&["db", "--db", "other.db", "list"], 66, "not a Holdfast measurement database");
    place.fails(&["db", "init", "--db", "other.db"], 66, "not a Holdfast measurement database");
}

#[test]
fn a_value_lives() {
    let place = Place::new();
    place.done(&["db", "init"]);
    let empty = place.done(&["db", "check"]);
    let name = format!("measurement:{}", hex(&[7; 48]));
    let add = ["db", "add", "value", &name, "--image-version", "1.0", "--security-version", "3"];
    let add = [&add[..], &["--not-before", "100", "--not-after", "2100-01-01T00:00:00Z"]].concat();
    assert!(place.done(&add).starts_with("1 "));
    let listed = place.done(&["db", "list"]);
    let expected = "trusted, image 1.0, security version 3, valid 1970-01-01T00:01:40Z to 2100-01-01T00:00:00Z, vouched for by the owner";
    assert!(listed.contains(&name) && listed.contains(expected), "{listed}");
    place.done(&["db", "deprecate", &name]);
    assert!(place.done(&["db", "list", "values"]).contains("deprecated, "));
    place.done(&["db", "trust", &name.to_uppercase().replace("MEASUREMENT", "measurement")]);
    let checked = place.done(&["db", "check"]);
    place.done(&["db", "revoke", &name]);
    place.fails(&["db", "trust", &name], 64, "a revocation is final");
    place.fails(&add, 64, "a revocation is final");
    place.fails(&["db", "show", &format!("mrtd:{}", hex(&[7; 48]))], 64, "no such reference value");
    place.fails(&["db", "show", "mrtd:xyz"], 64, "in hex");
    place.fails(
        &[
            "db",
            "add",
            "value",
            "mrtd:00",
            "--image-version",
            "1",
            "--security-version",
            "1",
            "--not-after",
            "9999999999",
        ],
        64,
        "48 bytes",
    );
    let shown = place.json(&["db", "show", &name]);
    assert_eq!(shown["value"]["status"], "revoked");
    let changes: Vec<_> =
        shown["log"].as_array().expect("a log").iter().map(|entry| &entry["change"]["change"]).collect();
    assert_eq!(changes, ["put-value", "set-status", "set-status", "set-status"]);
    assert_eq!(place.json(&["db", "log", "--after", "1", "--limit", "2"]).as_array().map(Vec::len), Some(2));
    assert_eq!(place.done(&["db", "log"]).lines().count(), 4);
    // The log goes on from what was there; a new one in its place does not.
    place.done(&["db", "check", "--entry", empty.trim_end()]);
    place.done(&["db", "check", "--entry", checked.trim_end()]);
    std::fs::remove_file(place.path().join("data/holdfast/measurements.db")).expect("removed");
    place.done(&["db", "init"]);
    place.fails(&["db", "check", "--entry", checked.trim_end()], 66, "replaced or cut");
}

#[test]
fn machines_come_and_go() {
    let place = Place::new();
    place.done(&["db", "init"]);
    let name = format!("snp:{}", hex(&[5; 64]));
    place.done(&["db", "add", "platform", &name, "--name", "rack 1"]);
    assert_eq!(place.done(&["db", "list", "platforms"]), format!("{name}\n  rack 1\n"));
    place.done(&["db", "remove", "platform", &name]);
    place.fails(&["db", "remove", "platform", &name], 64, "no such platform");
    assert_eq!(place.done(&["db", "list", "platforms"]), "");
}

#[test]
fn a_bundle_travels() {
    let place = Place::new();
    place.keys("vendor", 7);
    place.keys("thief", 8);
    for db in ["from.db", "to.db"] {
        place.done(&["db", "--db", db, "init"]);
    }
    let name = format!("mrtd:{}", hex(&[9; 48]));
    let times = ["--not-before", "100", "--not-after", "2100-01-01T00:00:00Z"];
    let add =
        ["db", "--db", "from.db", "add", "value", &name, "--image-version", "2", "--security-version", "4"];
    place.done(&[&add[..], &times[..]].concat());
    place.export("from.db", "vendor", "5");
    let import = ["db", "--db", "to.db", "import", "bundle.corim"];
    place.fails(&import, 77, "its signer is unknown");
    place.fails(&["db", "--db", "to.db", "add", "anchor", "vendor.pem"], 64, "--signer");
    place.fails(
        &["db", "--db", "to.db", "add", "anchor", "vendor.key", "--signer", "Example Ltd"],
        66,
        "no key",
    );
    place.done(&["db", "--db", "to.db", "add", "anchor", "vendor.pem", "--signer", "Example Ltd"]);
    let imported = place.json(&import);
    assert_eq!((&imported["written"], &imported["repeated"]), (&Value::from(1), &Value::from(false)));
    let listed = place.json(&["db", "--db", "to.db", "list"]);
    assert_eq!(listed["values"][0]["vouched_by"], "Example Ltd");
    assert_eq!(listed["values"][0]["value"], hex(&[9; 48]));
    assert_eq!(listed["bundles"][0]["version"], 5);
    assert!(place.done(&import).contains("imported before"));
    // Older, expired, altered, unsigned, somebody else's.
    place.export("from.db", "vendor", "4");
    place.fails(&import, 77, "version 5 of the same signer and id was seen");
    place.export_until("from.db", "vendor", "6", "200");
    place.fails(&import, 77, "it was valid until");
    place.export("from.db", "vendor", "6");
    let good = std::fs::read(place.path().join("bundle.corim")).expect("the bundle");
    let mut altered = good.clone();
    *altered.last_mut().expect("a byte") ^= 1;
    place.write("bundle.corim", &altered);
    place.fails(&import, 77, "its signature is wrong");
    place.write("bundle.corim", &good[..good.len() - 1]);
    place.fails(&import, 67, "its envelope is malformed");
    place.write("bundle.corim", "{}");
    place.fails(&import, 77, "it is not signed");
    place.export("from.db", "thief", "7");
    place.fails(&import, 77, "its signer is unknown");
    // The key goes; what it vouched for stays, and can be revoked.
    let kid = listed["anchors"][0]["kid"].as_str().expect("a kid").to_owned();
    place.done(&["db", "--db", "to.db", "remove", "anchor", &kid]);
    place.write("bundle.corim", &good);
    place.fails(&import, 77, "its signer is unknown");
    place.done(&["db", "--db", "to.db", "revoke", &name]);
    place.done(&["db", "--db", "to.db", "check"]);
}

#[test]
fn the_embedded_bundle_is_a_development_one() {
    let place = Place::new();
    place.done(&["db", "init"]);
    let import = ["db", "import", "--embedded"];
    place.fails(&import, 77, "holdfast-development-insecure");
    let trusted = place.run(&["db", "add", "anchor", "--development"]);
    assert_eq!(trusted.status.code(), Some(0));
    assert!(text(&trusted.stderr).contains("everybody can sign"), "{}", text(&trusted.stderr));
    assert!(place.done(&["db", "list", "anchors"]).contains("(development, insecure)"));
    let imported = place.run(&import);
    assert_eq!(imported.status.code(), Some(0), "{}", text(&imported.stderr));
    assert!(text(&imported.stderr).contains("SIMULATED launches"), "{}", text(&imported.stderr));
    assert!(place.done(&import).contains("imported before"));
    // One for each number of vCPUs, where that is measured.
    let listed: Value = serde_json::from_str(&place.done(&["db", "list", "values", "--json"])).expect("JSON");
    let values = listed["values"].as_array().expect("values");
    let of = |kind: &str| values.iter().filter(|value| value["kind"] == kind).count();
    assert_eq!(["measurement", "mrtd", "mrenclave"].map(of), [64, 1, 1]);
    assert!(values.iter().all(|value| value["image_version"].to_string().contains("SIMULATED")), "{listed}");
    // They are what `measure` says of the same image, and what simulated evidence of it is compared with.
    let measure = ["measure", "--tee", "snp", "--vcpus", "3", "--json", "--simulated"];
    let measured: Value = serde_json::from_str(&place.done(&measure)).expect("JSON");
    let value = measured["value"].as_str().expect("a value");
    assert!(place.done(&["db", "show", &format!("measurement:{value}")]).contains("3 vCPUs"));
    let bytes = (0..48).map(|at| u8::from_str_radix(&value[2 * at..2 * at + 2], 16).expect("hex"));
    let report = Report::simulated(&place, bytes.collect::<Vec<_>>().try_into().expect("48 bytes"));
    report.policy(&place, "[]");
    place.done(&["db", "add", "platform", &report.machine, "--name", "simulated"]);
    let at = NOW.to_string();
    let verify = [&VERIFY[..], &["--at", &at, "--db", "default"]].concat();
    assert!(place.done(&verify).contains("SIMULATED"));
    place.done(&["db", "deprecate", &format!("measurement:{value}")]);
    place.fails(&verify, 77, "denied at step measurement");
}

/// How [`Report`] is verified.
const VERIFY: [&str; 6] = ["verify", "report.bin", "--policy", "policy.toml", "--collateral", "certificates"];

/// A simulated SNP report of [`NOW`] in a place, with its certificates.
struct Report {
    /// SHA-256 of the simulated root.
    root: String,
    /// The platform's name in the database.
    machine: String,
}

impl Report {
    fn simulated(place: &Place, measurement: [u8; 48]) -> Self {
        let vendor = Amd::new(Generation::Genoa, Seed([7; 32]));
        let claims = amd::Claims { version: 5, key: Key::Vcek, report_data: [1; 64], measurement };
        let evidence = vendor.issue(&claims, NOW, None);
        place.write("report.bin", &evidence.report);
        std::fs::create_dir(place.path().join("certificates")).expect("a folder");
        place.write("certificates/vcek.der", &evidence.vek);
        place.write("certificates/ask.der", &evidence.intermediate);
        place.write("certificates/ark.der", &evidence.root);
        place.write("certificates/crl.der", &evidence.crl);
        let machine = format!("snp:{}", hex(&vendor.chip_id()));
        Self { root: hex(&Sha256::digest(&evidence.root)), machine }
    }

    /// A policy that takes it, but for the list of measurements.
    fn policy(&self, place: &Place, measurements: &str) {
        let data = hex(&[1; 64]);
        let policy = TEMPLATE
            .replacen("report_data = []", &format!("report_data = [\"{data}\"]"), 1)
            .replacen("measurements = []", &format!("measurements = {measurements}"), 1);
        place.write("policy.toml", format!("{policy}\n[insecure]\nsimulated_roots = [\"{}\"]\n", self.root));
    }
}

#[test]
fn a_damaged_database_is_named() {
    let place = Place::new();
    place.done(&["db", "init", "--db", "a.db"]);
    place.done(&[
        "db",
        "--db",
        "a.db",
        "add",
        "platform",
        &format!("snp:{}", hex(&[5; 64])),
        "--name",
        "original",
    ]);
    let file = place.path().join("a.db");
    let mut bytes = std::fs::read(&file).expect("the file");
    // The name is in the table and in the log.
    let at = bytes.windows(8).position(|window| window == b"original").expect("the name");
    bytes[at] = b'O';
    std::fs::write(&file, bytes).expect("written");
    place.fails(&["db", "--db", "a.db", "check"], 66, "the database is damaged");
}

#[test]
fn a_report_is_compared_with_the_database() {
    let place = Place::new();
    place.done(&["db", "init"]);
    let report = Report::simulated(&place, [2; 48]);
    report.policy(&place, "[]");
    let at = NOW.to_string();
    let verify = [&VERIFY[..], &["--at", &at]].concat();
    let with_db = [&verify[..], &["--db", "default"]].concat();
    place.fails(&with_db, 77, "denied at step platform-identity");
    place.done(&["db", "add", "platform", &report.machine, "--name", "simulated"]);
    place.fails(&verify, 77, "denied at step platform-identity");
    place.fails(&with_db, 77, "denied at step measurement");
    let name = format!("measurement:{}", hex(&[2; 48]));
    let (from, to) = ((NOW - 1).to_string(), (NOW + 1).to_string());
    let add = ["db", "add", "value", &name, "--image-version", "1", "--security-version", "1"];
    place.done(&[&add[..], &["--not-before", &from, "--not-after", &to]].concat());
    assert!(place.done(&with_db).contains("SIMULATED"));
    // A value has its time, and its status.
    let late = (NOW + 2).to_string();
    let late: Vec<&str> = with_db.iter().map(|word| if *word == at { late.as_str() } else { word }).collect();
    place.fails(&late, 77, "denied at step measurement");
    place.done(&["db", "deprecate", &name]);
    place.fails(&with_db, 77, "denied at step measurement");
    place.done(&["db", "trust", &name]);
    place.done(&with_db);
    place.done(&["db", "revoke", &name]);
    place.fails(&with_db, 77, "denied at step measurement");
    // No second list beside the database's.
    report.policy(&place, "\"any\"");
    place.fails(&with_db, 78, "snp.measurements");
    place.fails(&[&verify[..], &["--db", "missing.db"]].concat(), 66, "holdfast db init");
}
