//! `holdfast collateral` and `holdfast verify --collateral fetch`, with services and evidence of simulated vendors.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_evidence::snp::Generation;
use holdfast_sim::Seed;
use holdfast_sim::amd::{self, Amd, Key};
use holdfast_sim::intel::{self, Enclave, Form, Intel, PckCa};
use holdfast_sim::service::{Server, Service};
use holdfast_verify::policy::TEMPLATE;
use sha2::{Digest, Sha256};

const SEED: Seed = Seed([7; 32]);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with a policy, its cache, and the services.
struct Place {
    folder: tempfile::TempDir,
    server: Server,
}

impl Place {
    fn new() -> Self {
        let server = Server::start(Service::new(PckCa::Platform, SEED), now()).expect("a port");
        Self { folder: tempfile::tempdir().expect("a folder"), server }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).expect("a file");
    }

    /// The strict template with some keys replaced, and a root that is named as simulated.
    fn policy(&self, root: &[u8], keys: &[(&str, &str)]) {
        let mut policy = TEMPLATE.to_owned();
        for (key, value) in keys {
            let old = format!("{key} = []");
            assert!(policy.contains(&old), "{key}");
            policy = policy.replacen(&old, &format!("{key} = {value}"), 1);
        }
        let root = hex(&Sha256::digest(root));
        self.write(
            "policy.toml",
            format!("{policy}\n[insecure]\nsimulated_roots = [\"{root}\"]\n").as_bytes(),
        );
    }

    fn holdfast(&self, arguments: &[&str]) -> Output {
        let origin = self.server.origin();
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.current_dir(self.folder.path()).args(arguments);
        if !matches!(arguments, [_, "show" | "prune", ..]) {
            command.args(["--kds", &origin, "--pcs", &origin, "--pcs-certificates", &origin]);
        }
        command.args(["--cache", &self.path("cache")]).output().expect("the command")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_report_is_verified_with_what_the_vendor_says() {
    let place = Place::new();
    let vendor = Amd::new(Generation::Genoa, SEED);
    let claims = amd::Claims { version: 5, key: Key::Vcek, report_data: [1; 64], measurement: [2; 48] };
    let evidence = vendor.issue(&claims, now(), None);
    place.write("report.bin", &evidence.report);
    let (measurement, chip, data) = (hex(&[2; 48]), hex(&vendor.chip_id()), hex(&[1; 64]));
    let list = |value: &str| format!("[\"{value}\"]");
    let keys =
        [("report_data", list(&data)), ("measurements", list(&measurement)), ("chip_ids", list(&chip))];
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (*key, value.as_str())).collect();
    place.policy(&evidence.root, &keys);

    let verify = ["verify", "report.bin", "--policy", "policy.toml", "--collateral", "fetch"];
    let offline = place.holdfast(&[&verify[..], &["--offline"]].concat());
    assert_eq!(offline.status.code(), Some(68), "{}", text(&offline.stderr));
    let trusted = place.holdfast(&verify);
    assert_eq!(trusted.status.code(), Some(0), "{}", text(&trusted.stdout));
    assert!(text(&trusted.stdout).contains("SIMULATED"));
    assert_eq!(place.server.take_requests().len(), 3, "VCEK, chain, list");
    // What is kept serves, with and without a network.
    assert_eq!(place.holdfast(&verify).status.code(), Some(0));
    assert_eq!(place.holdfast(&[&verify[..], &["--offline"]].concat()).status.code(), Some(0));
    assert_eq!(place.server.take_requests(), Vec::<String>::new());
    assert_eq!(place.holdfast(&[&verify[..], &["--refresh"]].concat()).status.code(), Some(0));
    assert_eq!(place.server.take_requests().len(), 3);

    let shown = text(&place.holdfast(&["collateral", "show"]).stdout);
    assert_eq!(shown.lines().filter(|line| line.contains("/vcek/v1/Genoa/")).count(), 3, "{shown}");
    // Written into a folder it serves as files.
    let fetched = place.holdfast(&["collateral", "fetch", "report.bin", "--output", "certificates"]);
    assert_eq!(fetched.status.code(), Some(0), "{}", text(&fetched.stderr));
    let files = ["verify", "report.bin", "--policy", "policy.toml", "--collateral", "certificates"];
    assert_eq!(place.holdfast(&files).status.code(), Some(0));
    assert_eq!(text(&place.holdfast(&["collateral", "prune", "--older", "1h"]).stdout), "0 removed\n");
    assert_eq!(text(&place.holdfast(&["collateral", "prune"]).stdout), "3 removed\n");
    assert!(Path::new(&place.path("cache")).is_dir());
}

#[test]
fn a_quote_is_verified_with_what_the_vendor_says() {
    let place = Place::new();
    let enclave = Enclave { mr_enclave: [3; 32], mr_signer: [4; 32], isv_prod_id: 0, isv_svn: 1 };
    let claims = intel::Claims { form: Form::SgxV3(enclave), report_data: [1; 64] };
    let evidence = Intel::new(PckCa::Platform, SEED).issue(&claims, now(), None);
    place.write("quote.bin", &evidence.quote);
    let fetched = place.holdfast(&["collateral", "fetch", "quote.bin", "--output", "bundle"]);
    assert_eq!(fetched.status.code(), Some(0), "{}", text(&fetched.stderr));
    assert_eq!(place.server.take_requests().len(), 4, "two lists, TCB info, identity");
    // The template accepts no enclave; that it is simulated is found out first.
    place.write("policy.toml", TEMPLATE.as_bytes());
    let denied =
        place.holdfast(&["verify", "quote.bin", "--policy", "policy.toml", "--collateral", "bundle"]);
    assert_eq!(denied.status.code(), Some(77), "{}", text(&denied.stderr));
    assert!(text(&denied.stderr).contains("denied at step root"), "{}", text(&denied.stderr));
}
