//! `holdfast evidence` and `holdfast measure`, with the real command and published vectors.
#![allow(clippy::print_stdout, reason = "a test that skips something says so")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn vectors(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("HOLDFAST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no vectors");
    None
}

fn holdfast(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast")).args(arguments).output().expect("the command")
}

fn cases(file: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(file).expect("the cases")).expect("JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The value of a field in the JSON form.
fn field(explained: &Value, name: &str) -> String {
    let fields = explained["fields"].as_array().expect("fields");
    let found = fields.iter().find(|field| field["name"] == name);
    found.and_then(|field| field["value"].as_str()).unwrap_or_default().to_owned()
}

fn moods(explained: &Value) -> Vec<&str> {
    explained["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .filter_map(|field| field["mood"].as_str())
        .collect()
}

#[test]
fn every_report_and_quote_is_explained() {
    let Some(folder) = vectors("every_report_and_quote_is_explained") else { return };
    for (file, name) in [("cases-snp.json", "report"), ("cases-quotes.json", "quote")] {
        for case in cases(&folder.join(file)) {
            let path = folder.join(case[name].as_str().expect("a path"));
            let path = path.to_str().expect("UTF-8");
            let shown = holdfast(&["evidence", "show", path]);
            assert_eq!((shown.status.code(), text(&shown.stderr)), (Some(0), String::new()), "{path}");
            assert!(!text(&shown.stdout).contains('\u{1b}'), "styles only for a terminal");
            let json = holdfast(&["evidence", "show", "--json", path]);
            let explained: Value = serde_json::from_slice(&json.stdout).expect("JSON");
            if name == "report" {
                assert_eq!(field(&explained, "MEASUREMENT"), case["measurement"], "{path}");
                assert_eq!(field(&explained, "REPORT_DATA"), case["report_data"], "{path}");
                assert_eq!(moods(&explained).contains(&"danger"), case["debug_allowed"] == true, "{path}");
            } else {
                let debug = case["dcap_qvl_0_7_1"].as_str().is_some_and(|said| said.contains("Debug mode"));
                assert!(!debug || moods(&explained).contains(&"danger"), "{path}");
            }
        }
    }
}

#[test]
fn what_is_no_evidence_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let mut short = vec![0; 1000];
    short[0] = 2;
    let mut strange = vec![0; 1184];
    strange[0] = 9;
    for (path, status, message) in [
        (file("text", b"hello"), 67, "neither a SEV-SNP report nor"),
        (file("empty", b""), 67, "neither a SEV-SNP report nor"),
        (file("short", &short), 67, "needs 1184 bytes, and 1000 are there"),
        (file("strange", &strange), 67, "has version 9; known are 2 to 5"),
        (folder.path().join("none").to_str().expect("UTF-8").to_owned(), 66, "cannot read"),
    ] {
        let shown = holdfast(&["evidence", "show", &path]);
        let error = text(&shown.stderr);
        assert_eq!(shown.status.code(), Some(status), "{error}");
        assert!(error.contains(message) && error.lines().count() == 1, "{error}");
        assert!(shown.stdout.is_empty());
    }
}

#[test]
fn firmware_is_measured_as_others_measure_it() {
    let Some(folder) = vectors("firmware_is_measured_as_others_measure_it") else { return };
    let folder = folder.join("measure/sev-snp-measure");
    let mut compared = 0;
    for case in cases(&folder.join("vectors.json")) {
        let word = |name: &str| case[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        // The command computes SNP's digest, from a whole firmware.
        if word("mode").as_deref() != Some("SEV_SNP") || word("snp_ovmf_hash").is_some() {
            continue;
        }
        let firmware = folder.join("fixtures").join(word("ovmf").expect("a firmware"));
        let mut arguments = ["measure", firmware.to_str().expect("UTF-8"), "--json", "--tee", "snp"]
            .map(str::to_owned)
            .to_vec();
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        add("--vcpus", case["vcpus"].to_string());
        add("--sev-features", case["guest_features"].to_string());
        if let Some(signature) = case["vcpu_sig"].as_u64() {
            add("--vcpu-model", format!("{signature:#x}"));
        }
        add("--vmm", word("vmm_type").expect("a VMM").to_lowercase());
        if let Some(kernel) = word("kernel") {
            add("--kernel", kernel);
            add("--append", word("append").unwrap_or_default());
            if let Some(initrd) = word("initrd") {
                add("--initrd", initrd);
            }
        }
        if word("svsm").is_some() {
            continue;
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let measured = holdfast(&arguments);
        match word("expected") {
            Some(expected) => {
                let value: Value = serde_json::from_slice(&measured.stdout)
                    .unwrap_or_else(|_| panic!("{case} {}", text(&measured.stderr)));
                assert_eq!(value["value"], expected, "{case}");
                compared += 1;
            }
            None => assert_eq!(measured.status.code(), Some(67), "{case}: {}", text(&measured.stderr)),
        }
    }
    assert!(compared >= 10, "only {compared} were compared");
}

#[test]
fn a_launch_that_no_backend_can_make_is_not_measured() {
    for (tee, lack) in [("snp", "SECRETS page"), ("tdx", "reset vector"), ("sgx", "thread control")] {
        let measured = holdfast(&["measure", "--tee", tee]);
        let error = text(&measured.stderr);
        assert_eq!(measured.status.code(), Some(67), "{error}");
        assert!(error.contains(lack) && error.lines().count() == 1, "{error}");
        assert!(error.contains("--simulated"), "{error}");
        let simulated = holdfast(&["measure", "--tee", tee, "--simulated"]);
        assert_eq!(simulated.status.code(), Some(0), "{}", text(&simulated.stderr));
        assert!(text(&simulated.stdout).contains(" (SIMULATED) "), "{}", text(&simulated.stdout));
        // What of the image is measured, and how, is known all the same.
        let answer = holdfast(&["measure", "--json", "--tee", tee]);
        assert_eq!(answer.status.code(), Some(67));
        let answer: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
        assert_eq!((&answer["tee"], &answer["value"]), (&tee.into(), &Value::Null));
        let parts = answer["parts"].as_array().expect("parts");
        let how =
            |name: &str| parts.iter().find(|part| part["name"] == name).expect("the part")["how"].clone();
        assert_eq!(how("stage 0, code and data"), "measured");
        assert_eq!(how("body: shim and runtime"), "hashed");
        let shown = text(&measured.stdout);
        assert!(shown.contains("measured directly") && shown.contains("through its hash"), "{shown}");
    }
    let sgx = holdfast(&["measure", "--tee", "sgx", env!("CARGO_MANIFEST_PATH")]);
    assert_eq!(sgx.status.code(), Some(64));
    let other = holdfast(&["measure", "--tee", "snp", "--simulated", env!("CARGO_MANIFEST_PATH")]);
    assert_eq!(other.status.code(), Some(64));
}

/// The template with the lists that a case needs filled in.
fn policy_for(case: &Value) -> String {
    let listed = |name: &str, value: &str| (format!("{name} = []"), format!("{name} = [\"{value}\"]"));
    let mut policy = holdfast_verify::policy::TEMPLATE.to_owned();
    for (old, new) in [
        listed("measurements", case["measurement"].as_str().expect("hex")),
        listed("chip_ids", case["chip_id"].as_str().expect("hex")),
        listed("report_data", case["report_data"].as_str().expect("hex")),
        // No fresh revocation list was published with the cases.
        ("revocation = \"required\"".into(), "revocation = \"waived\"".into()),
    ] {
        assert!(policy.contains(&old), "{old}");
        policy = policy.replace(&old, &new);
    }
    policy
}

#[test]
fn a_report_is_verified_by_files() {
    let Some(folder) = vectors("a_report_is_verified_by_files") else { return };
    let cases = cases(&folder.join("cases-snp.json"));
    let case = cases.iter().find(|case| case["name"] == "genoa-v5-6d1ceffa").expect("the case");
    let path = |name: &str| folder.join(case[name].as_str().expect("a path"));
    let place = tempfile::tempdir().expect("a folder");
    for (name, file) in [("vek", "vcek.der"), ("intermediate", "ask.der"), ("ark", "ark.der")] {
        std::fs::copy(path(name), place.path().join(file)).expect("a copy");
    }
    let policy = place.path().join("policy.toml");
    let (report, policy, folder) =
        (path("report"), policy.to_str().expect("UTF-8"), place.path().to_str().expect("UTF-8"));
    let report = report.to_str().expect("UTF-8");
    let time = case["pinned_time"].to_string();
    let verify = |more: &[&str]| {
        holdfast(&[&["verify", report, "--policy", policy, "--at", &time][..], more].concat())
    };

    std::fs::write(policy, policy_for(case)).expect("a policy");
    let trusted = verify(&["--collateral", folder]);
    let shown = text(&trusted.stdout);
    if trusted.status.code() == Some(0) {
        assert!(shown.starts_with("TRUSTED"), "{shown}");
    }
    let json: Value =
        serde_json::from_slice(&verify(&["--collateral", folder, "--json"]).stdout).expect("JSON");
    let failed: Vec<_> =
        json["steps"].as_array().expect("steps").iter().filter(|step| step["outcome"] == "failed").collect();
    assert_eq!((trusted.status.code(), failed.len()), (Some(0), 0), "{shown}");
    assert_eq!(json["claims"]["measurement"], case["measurement"]);

    // Without collateral, for another time, another nonce, and by a policy that accepts nothing.
    let other = "00".repeat(64);
    for (arguments, step) in
        [(vec![], "denied at step"), (vec!["--collateral", folder, "--report-data", &other], "report")]
    {
        let denied = verify(&arguments);
        let error = text(&denied.stderr);
        assert_eq!(denied.status.code(), Some(77), "{error}");
        assert!(error.contains(step) && text(&denied.stdout).starts_with("DENIED"), "{error}");
    }
    std::fs::remove_file(policy).expect("the policy");
    assert!(holdfast(&["policy", "init", policy]).status.success());
    assert!(holdfast(&["policy", "check", policy]).status.success());
    assert_eq!(holdfast(&["policy", "init", policy]).status.code(), Some(73), "it is there");
    assert_eq!(verify(&["--collateral", folder]).status.code(), Some(77), "an empty list accepts nothing");
    std::fs::write(policy, "version = 1\nunheard = 2\n").expect("a policy");
    let wrong = verify(&["--collateral", folder]);
    assert_eq!(wrong.status.code(), Some(78));
    assert_eq!(text(&wrong.stderr).lines().count(), 1, "{}", text(&wrong.stderr));
}

#[test]
fn a_quote_is_verified_by_a_bundle() {
    let Some(folder) = vectors("a_quote_is_verified_by_a_bundle") else { return };
    let place = tempfile::tempdir().expect("a folder");
    let policy = place.path().join("policy.toml");
    std::fs::write(&policy, holdfast_verify::policy::TEMPLATE).expect("a policy");
    for case in cases(&folder.join("cases-quotes.json")).iter().take(6) {
        let path = |name: &str| folder.join(case[name].as_str().expect("a path"));
        let arguments = [path("quote"), policy.clone(), path("collateral")]
            .map(|path| path.to_str().expect("UTF-8").to_owned());
        let [quote, policy, collateral] = &arguments;
        let time = case["now"].to_string();
        let denied = holdfast(&[
            "verify",
            quote,
            "--policy",
            policy,
            "--collateral",
            collateral,
            "--at",
            &time,
            "--json",
        ]);
        assert_eq!(denied.status.code(), Some(77), "the template accepts nothing");
        let verdict: Value = serde_json::from_slice(&denied.stdout).expect("JSON");
        assert_eq!(verdict["trusted"], false);
        assert_eq!(verdict["tee"], case["tee"]);
        // What dcap-qvl found to hold is not what denies it here.
        if case["dcap_qvl_0_7_1"].as_str().is_some_and(|said| said.starts_with("OK")) {
            let chain =
                verdict["steps"].as_array().expect("steps").iter().find(|step| step["step"] == "signature");
            assert!(chain.is_none_or(|step| step["outcome"] == "passed"), "{verdict}");
        }
    }
}
