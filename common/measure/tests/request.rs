//! Requests as a command makes them.

mod support;

#[path = "support/keep.rs"]
mod keep;

use holdfast_gate::boot::BootInfoError;
use holdfast_launch::{Image, ImageError, LaunchPlan, Platform, Shape};
use holdfast_measure::firmware::FirmwareError;
use holdfast_measure::plan::{PlanError, SgxProfile, SnpProfile, snp_digest};
use holdfast_measure::request::{Boot, Launch, Simulated, Value};
use holdfast_measure::snp::Vmm;
use holdfast_measure::tdx::PageOrder;
use holdfast_measure::{MeasureError, Measurement, PAGE, Request, measure};
use serde_json::json;
use support::{committed, digest};

const MEMORY: u64 = 64 << 20;
const PROFILE: SnpProfile =
    SnpProfile { sev_features: 1, xcr0: 7, secrets: Some(0x20_0000), cpuid: Some(0x20_1000) };

fn snp(image: &[u8]) -> Request<'_> {
    Request { image, vcpus: 2, launch: Launch::KeepSnp { memory: MEMORY, profile: PROFILE } }
}

/// The answer is the digest of the plan that the loader would execute.
#[test]
fn a_keep() {
    let file = keep::image(1);
    let measurement = measure(&snp(&file)).expect("a measurement");
    let shape = Shape { platform: Platform::Machine, vcpus: 2, memory: MEMORY };
    let plan = LaunchPlan::new(&Image::parse(&file).expect("an image"), &shape);
    let digest = snp_digest(&plan, &shape, &PROFILE).expect("a digest");
    assert_eq!(measurement.value, Ok(Value::Snp(digest)));

    let answer = serde_json::to_value(&measurement).expect("JSON");
    assert_eq!(answer["tee"], "snp");
    assert_eq!(answer["name"], "MEASUREMENT");
    assert_eq!(answer["value"].as_str().map(str::len), Some(96));
    assert_eq!(answer["vcpus"], 2);
    let parts = answer["parts"].as_array().expect("a list");
    let how = |name: &str| parts.iter().find(|part| part["name"] == name).expect("a part")["how"].clone();
    assert_eq!(how("stage 0, code and data"), "measured");
    assert_eq!(how("body: shim and runtime"), "hashed");
    assert_eq!(how("window shared with the host"), "unmeasured");
    assert_eq!(how("SECRETS page"), "address-only");

    let text = measurement.to_string();
    assert!(text.starts_with(&format!("snp MEASUREMENT {digest}\n")), "{text}");
    assert_eq!(text.lines().count(), 2 + parts.len());
}

/// The body is not measured directly, yet another body is another measurement: its hash is in stage 0.
#[test]
fn the_body_counts() {
    let value = |fill| measure(&snp(&keep::image(fill))).expect("a measurement").value;
    assert_ne!(value(1), value(2));
    let mut file = keep::image(1);
    // Headers, stage 0, its data, the body: a page each.
    file[4 * PAGE - 1] ^= 1;
    assert!(matches!(measure(&snp(&file)), Err(MeasureError::Body(_))), "a body that stage 0 refuses");
}

/// What today's plan does not say is not guessed; what of the image is measured, and how, is known all the same.
#[test]
fn what_keeps_lack() {
    let file = keep::image(1);
    let ask = |launch| measure(&Request { image: &file, vcpus: 1, launch }).expect("an answer");
    let lacks = |measurement: Measurement| {
        let answer = serde_json::to_value(&measurement).expect("JSON");
        assert_eq!(answer["value"], serde_json::Value::Null);
        assert!(answer["lacks"].as_str().is_some_and(|lacks| lacks.contains("lacks")), "{answer}");
        assert!(measurement.parts.iter().any(|part| part.name == "body: shim and runtime"));
        assert!(measurement.to_string().contains(" none\n"), "{measurement}");
        match measurement.value {
            Err(PlanError::Lacks { tee, .. }) => tee,
            other => panic!("{other:?}"),
        }
    };
    let profile = SnpProfile { secrets: None, ..PROFILE };
    assert_eq!(lacks(ask(Launch::KeepSnp { memory: MEMORY, profile })), "SNP");
    assert_eq!(lacks(ask(Launch::KeepTdx { memory: MEMORY })), "TDX");
    let profile = SgxProfile { ssa_frame_size: 1, tcs: &[] };
    assert_eq!(lacks(ask(Launch::KeepSgx { memory: MEMORY, profile })), "SGX");
}

/// What the development backends launch has a value, for simulated evidence alone.
#[test]
fn simulated_keeps() {
    let file = keep::image(1);
    let ask = |vcpus, tee| {
        let launch = Launch::KeepSimulated { memory: MEMORY, tee };
        measure(&Request { image: &file, vcpus, launch }).expect("an answer")
    };
    let rules = [Simulated::Snp(SnpProfile::KEEP), Simulated::Tdx, Simulated::Sgx];
    for (tee, name) in rules.into_iter().zip(["snp MEASUREMENT", "tdx MRTD", "sgx MRENCLAVE"]) {
        let [one, two] = [1, 2].map(|vcpus| ask(vcpus, tee));
        let value = one.value.expect("a value");
        assert!(one.simulated && two.simulated);
        assert!(two.to_string().starts_with(&format!("{name} (SIMULATED) ")), "{two}");
        assert_eq!(serde_json::to_value(&two).expect("JSON")["simulated"], true);
        // Only SNP measures how many vCPUs there are.
        assert_eq!(two.value == Ok(value), tee != rules[0]);
        assert!(two.parts.iter().all(|part| part.name != "SECRETS page"));
    }
    assert!(!measure(&snp(&file)).expect("a measurement").simulated);
}

#[test]
fn shapes_that_no_keep_has() {
    let file = keep::image(1);
    for vcpus in [0, u32::MAX] {
        let refused = measure(&Request { vcpus, ..snp(&file) });
        assert_eq!(refused, Err(MeasureError::Shape(BootInfoError::Vcpus(vcpus))));
    }
    for memory in [0, MEMORY + 1, u64::MAX] {
        let launch = Launch::KeepSnp { memory, profile: PROFILE };
        let refused = measure(&Request { launch, ..snp(&file) });
        assert_eq!(refused, Err(MeasureError::Shape(BootInfoError::Memory(memory))));
    }
}

#[test]
fn an_ovmf_guest() {
    let image = committed("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin");
    let boot = Boot { kernel: &[], initrd: &[], cmdline: b"console=ttyS0 loglevel=7" };
    let launch = Launch::FirmwareSnp {
        sev_features: 1,
        vmm: Vmm::Qemu { vcpu_signature: 8_392_466 },
        boot: Some(boot),
    };
    let measurement = measure(&Request { image: &image, vcpus: 1, launch }).expect("a measurement");
    // `test_snp_guest_feature_snp_only` of sev-snp-measure.
    let expected =
        "6d287813eb5222d770f75005c664e34c204f385ce832cc2ce7d0d6f354454362f390ef83a92046c042e706363b4b08fa";
    assert_eq!(measurement.value, Ok(Value::Snp(digest(expected))));
    let parts = serde_json::to_value(&measurement.parts).expect("JSON");
    assert_eq!(parts[0], json!({"name": "firmware", "bytes": 4096, "how": "measured"}));
    let parts = parts.as_array().expect("a list");
    assert_eq!(parts.last().expect("a part")["name"], "first registers of the vCPUs");
    let cmdline = &parts[parts.len() - 2];
    assert_eq!(cmdline["name"], "kernel command line");
    assert_eq!((&cmdline["how"], &cmdline["bytes"]), (&json!("hashed"), &json!(25)));
}

#[test]
fn the_wrong_file() {
    let (keep, firmware) = (keep::image(1), committed("sev-snp-measure/fixtures/ovmf_OvmfX64_suffix.bin"));
    assert_eq!(measure(&snp(&firmware)), Err(MeasureError::Image(ImageError::NotElf)));
    let launch = Launch::FirmwareTdx { order: PageOrder::PageByPage };
    let size = MeasureError::Firmware(FirmwareError::Size(keep.len()));
    assert_eq!(measure(&Request { image: &keep, vcpus: 1, launch }), Err(size));
    let whole = vec![0; 8192];
    let none = MeasureError::Firmware(FirmwareError::NoTable);
    assert_eq!(measure(&Request { image: &whole, vcpus: 1, launch }), Err(none));
}
