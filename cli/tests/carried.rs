//! `holdfast verify` and `holdfast evidence show` on envelopes and on certificates that carry evidence, with simulated
//! vendors.

use std::process::{Command, Output};

use holdfast_evidence::carried::{Carried, Carrier, open};
use holdfast_evidence::cmw::{Bundle, Part, to_cbor, to_json};
use holdfast_evidence::snp::Generation;
use holdfast_evidence::x509::Binding;
use holdfast_sim::Seed;
use holdfast_sim::amd::{self, Amd, Key};
use holdfast_sim::certificate::{Subject, pem};
use holdfast_sim::intel::{self, Enclave, Form, Intel, PckCa, Td};
use holdfast_verify::policy::TEMPLATE;
use holdfast_verify::{Collateral, Denied, Policy, Step, UnixTime, Verified, verify_bound};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;
const SEED: Seed = Seed([7; 32]);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What REPORT_DATA has to be, as a policy has it.
#[derive(Clone, Copy)]
enum ReportData {
    Any,
    CertificateKey,
    This([u8; 64]),
}

/// The strict template for the evidence below, its lists filled in, with `root` named as simulated.
fn policy(root: &[u8], report_data: ReportData) -> String {
    let list = |bytes: &[u8]| format!("[\"{}\"]", hex(bytes));
    let mut policy = TEMPLATE.to_owned();
    let chips = list(&amd().chip_id());
    for (key, value) in [
        (
            "report_data",
            match report_data {
                ReportData::Any => "\"any\"".to_owned(),
                ReportData::CertificateKey => "\"certificate-key\"".to_owned(),
                ReportData::This(bytes) => list(&bytes),
            },
        ),
        ("measurements", list(&[2; 48])),
        ("chip_ids", chips),
        ("mr_enclaves", list(&[3; 32])),
        ("mr_signers", list(&[4; 32])),
        ("mr_tds", list(&[5; 48])),
        ("rtmr0", list(&[6; 48])),
        ("rtmr1", list(&[6; 48])),
        ("rtmr2", list(&[6; 48])),
        ("rtmr3", list(&[6; 48])),
        ("ppids", "\"any\"".to_owned()),
    ] {
        let old = format!("\n{key} = []");
        assert!(policy.contains(&old), "{key}");
        policy = policy.replace(&old, &format!("\n{key} = {value}"));
    }
    format!("{policy}\n[insecure]\nsimulated_roots = {}\n", list(&Sha256::digest(root)))
}

fn amd() -> Amd {
    Amd::new(Generation::Genoa, SEED)
}

const ENCLAVE: Form =
    Form::SgxV3(Enclave { mr_enclave: [3; 32], mr_signer: [4; 32], isv_prod_id: 0, isv_svn: 1 });
const TD: Form = Form::TdxV5Td15(Td { mr_td: [5; 48], rtmr: [[6; 48]; 4] });

/// Evidence over `report_data` with its collateral, and its root.
fn report(report_data: [u8; 64]) -> (Bundle, Vec<u8>) {
    let claims = amd::Claims { version: 5, key: Key::Vcek, report_data, measurement: [2; 48] };
    let evidence = amd().issue(&claims, NOW, None);
    (evidence.bundle(), evidence.root)
}

fn quote(form: Form, report_data: [u8; 64]) -> (Bundle, Vec<u8>) {
    let evidence = Intel::new(PckCa::Platform, SEED).issue(&intel::Claims { form, report_data }, NOW, None);
    (evidence.bundle(), evidence.root)
}

/// Without the endorsements.
fn alone(bundle: &Bundle) -> Bundle {
    Bundle { endorsements: Vec::new(), ..bundle.clone() }
}

/// A folder to run in.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), content).expect("a file");
    }

    /// A folder with collateral, as `--collateral` takes it.
    fn collateral(&self, name: &str, bundle: &Bundle) {
        let folder = self.0.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        let put = |file: &str, bytes: &[u8]| std::fs::write(folder.join(file), bytes).expect("a file");
        match Collateral::from(bundle) {
            Collateral::Amd(amd) => {
                put("vcek.der", &amd.vek);
                put("ask.der", &amd.intermediate);
                put("ark.der", &amd.root.expect("a root"));
                put("crl.der", &amd.crl.expect("a list"));
            }
            Collateral::Intel(intel) => {
                put("collateral.json", &serde_json::to_vec(&intel).expect("JSON"));
            }
            Collateral::None => panic!("no collateral"),
        }
    }

    fn holdfast(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.current_dir(self.0.path()).args(arguments).output().expect("the command")
    }

    /// `holdfast verify`, for the time of the evidence.
    fn verify(&self, file: &str, more: &[&str]) -> Output {
        let time = NOW.to_string();
        self.holdfast(&[&["verify", file, "--policy", "policy.toml", "--at", &time], more].concat())
    }

    #[track_caller]
    fn trusted(&self, file: &str, more: &[&str]) -> String {
        let output = self.verify(file, more);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{file}: {shown}{}", text(&output.stderr));
        shown
    }

    /// What is said on standard error.
    #[track_caller]
    fn denied(&self, step: &str, file: &str, more: &[&str]) -> String {
        let output = self.verify(file, more);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(77), "{file}: {error}");
        assert!(error.contains(&format!("denied at step {step}: ")), "{file}: {error}");
        error
    }
}

#[test]
fn an_envelope_brings_its_collateral() {
    for (bundle, root) in [report([1; 64]), quote(ENCLAVE, [1; 64]), quote(TD, [1; 64])] {
        let place = Place::new();
        place.write("policy.toml", policy(&root, ReportData::This([1; 64])));
        place.write("evidence.json", to_json(&bundle.to_cmw()).expect("JSON"));
        place.write("evidence.cbor", to_cbor(&bundle.to_cmw()).expect("CBOR"));
        for file in ["evidence.json", "evidence.cbor"] {
            assert!(place.trusted(file, &[]).contains("SIMULATED"));
            place.denied("report-data", file, &["--report-data", &hex(&[2; 64])]);
        }
        // It is not trusted by itself: an envelope can bring its own root, and the policy must name that.
        place.write("policy.toml", policy(b"another root", ReportData::This([1; 64])));
        place.denied("root", "evidence.json", &[]);
    }
}

#[test]
fn collateral_that_the_user_names_wins() {
    for ((bundle, root), missing, broken, step) in [
        (report([1; 64]), "root", Part::Crl, "revocation"),
        (quote(ENCLAVE, [1; 64]), "collateral", Part::TcbInfo, "tcb-info"),
    ] {
        let place = Place::new();
        place.write("policy.toml", policy(&root, ReportData::This([1; 64])));
        let mut spoiled = bundle.clone();
        for (part, bytes) in &mut spoiled.endorsements {
            if *part == broken {
                let last = bytes.len() - 9;
                bytes[last] ^= 1;
            }
        }
        for (name, bundle) in [("good", &bundle), ("spoiled", &spoiled)] {
            place.write(name, to_cbor(&bundle.to_cmw()).expect("CBOR"));
            place.collateral(&format!("{name}-folder"), bundle);
        }
        place.write("alone", to_cbor(&alone(&bundle).to_cmw()).expect("CBOR"));
        place.denied(missing, "alone", &[]);
        place.trusted("alone", &["--collateral", "good-folder"]);
        place.denied(step, "spoiled", &[]);
        place.trusted("spoiled", &["--collateral", "good-folder"]);
        place.denied(step, "good", &["--collateral", "spoiled-folder"]);
    }
}

/// A certificate of `subject`, with evidence that the vendor issues for `binding`.
fn certificate(
    subject: &Subject,
    binding: &Binding,
    issue: impl Fn([u8; 64]) -> (Bundle, Vec<u8>),
) -> (Vec<u8>, Bundle, Vec<u8>) {
    let (bundle, root) = issue(binding.report_data());
    let carried = match binding.form {
        holdfast_evidence::x509::Form::Cmw => bundle.clone(),
        _ => alone(&bundle),
    };
    let extension = binding.extension(&carried).expect("an extension");
    (subject.certificate(&[extension], NOW), bundle, root)
}

type Issue = fn([u8; 64]) -> (Bundle, Vec<u8>);

/// Every form with every evidence that it can carry, for a key.
fn forms(key: &[u8]) -> Vec<(&'static str, Binding, Issue)> {
    let tagged = |nonce| Binding::tagged_evidence(key.to_vec(), nonce).expect("a binding");
    let (enclave, td): (Issue, Issue) = (|data| quote(ENCLAVE, data), |data| quote(TD, data));
    vec![
        ("wrapped report", Binding::cmw(key.to_vec()), report),
        ("wrapped quote", Binding::cmw(key.to_vec()), td),
        ("tagged quote", tagged(None), enclave),
        ("tagged quote with a nonce", tagged(Some(b"nonce")), td),
        ("raw quote", Binding::raw_quote(key.to_vec()), enclave),
    ]
}

#[test]
fn a_certificate_is_trusted_if_the_evidence_is_for_its_key() {
    let subject = Subject::new(SEED);
    for (name, binding, issue) in forms(&subject.key()) {
        let (der, bundle, root) = certificate(&subject, &binding, issue);
        let place = Place::new();
        place.collateral("collateral", &bundle);
        place.write("certificate.pem", pem(&der));
        place.write("certificate.der", &der);
        let collateral = ["--collateral", "collateral"];
        let with = |more: &'static [&'static str]| [&collateral[..], more].concat();

        // "any" does not waive the binding.
        for (file, report_data) in
            [("certificate.pem", ReportData::CertificateKey), ("certificate.der", ReportData::Any)]
        {
            place.write("policy.toml", policy(&root, report_data));
            let json: Value = serde_json::from_str(&place.trusted(file, &with(&["--json"]))).expect("JSON");
            let steps = json["steps"].as_array().expect("steps");
            let step = steps.iter().find(|step| step["step"] == "report-data").expect("the step");
            assert_eq!(step["outcome"], "passed", "{name}");
            assert!(
                step["found"].as_str().is_some_and(|found| found.contains(binding.form.name())),
                "{step}"
            );
        }
        // The same evidence without its certificate.
        place.write("alone", &bundle.evidence);
        place.trusted("alone", &collateral);
        place.write("policy.toml", policy(&root, ReportData::CertificateKey));
        let own = hex(&binding.report_data());
        for more in [&[][..], &["--report-data", &own]] {
            let error = place.denied("report-data", "alone", &[&collateral[..], more].concat());
            assert!(
                error.contains("and no certificate; expected a certificate whose key it binds"),
                "{error}"
            );
        }
        // What the policy or the user demands besides must hold as well.
        let (right, wrong) = (hex(&binding.report_data()), hex(&[9; 64]));
        place.trusted("certificate.pem", &[&collateral[..], &["--report-data", &right]].concat());
        let both = [&collateral[..], &["--report-data", &wrong]].concat();
        let error = place.denied("report-data", "certificate.pem", &both);
        assert!(error.contains(&format!("found REPORT_DATA {right}; expected {wrong}")), "{error}");
        place.write("policy.toml", policy(&root, ReportData::This([9; 64])));
        place.denied("report-data", "certificate.pem", &collateral);
        place.write("policy.toml", policy(&root, ReportData::This(binding.report_data())));
        place.trusted("certificate.pem", &collateral);
    }
}

#[test]
fn evidence_in_another_s_certificate_is_denied() {
    let (subject, other) = (Subject::new(SEED), Subject::new(Seed([8; 32])));
    for (name, binding, issue) in forms(&subject.key()) {
        let (_, bundle, root) = certificate(&subject, &binding, issue);
        let place = Place::new();
        place.collateral("collateral", &bundle);
        let collateral = ["--collateral", "collateral"];
        let data = hex(&binding.report_data());
        // The extension as it is, in a certificate for another key; and made anew for that key, with old evidence.
        let own = match &binding.form {
            holdfast_evidence::x509::Form::Cmw => Binding::cmw(other.key()),
            holdfast_evidence::x509::Form::RawQuote => Binding::raw_quote(other.key()),
            holdfast_evidence::x509::Form::TaggedEvidence(claims) => {
                Binding::tagged_evidence(other.key(), claims.nonce()).expect("a binding")
            }
        };
        for (stolen, found, expected) in [
            (&binding, None, None),
            (&own, Some(format!("REPORT_DATA {data}")), Some(hex(&own.report_data()))),
        ] {
            let extension = stolen.extension(&alone(&bundle)).expect("an extension");
            place.write("certificate.der", other.certificate(&[extension], NOW));
            for report_data in
                [ReportData::Any, ReportData::CertificateKey, ReportData::This(binding.report_data())]
            {
                place.write("policy.toml", policy(&root, report_data));
                let error = place.denied("report-data", "certificate.der", &collateral);
                assert!(found.as_ref().is_none_or(|found| error.contains(found)), "{name}: {error}");
                assert!(expected.as_ref().is_none_or(|expected| error.contains(expected)), "{name}: {error}");
            }
            // Asked for by the user, the same evidence is no more for this key.
            let asked = [&collateral[..], &["--report-data", &data]].concat();
            place.denied("report-data", "certificate.der", &asked);
        }
    }
}

#[test]
fn a_wrapped_bundle_s_collateral_serves() {
    let subject = Subject::new(SEED);
    for issue in [report as Issue, |data| quote(TD, data)] {
        let (der, _, root) = certificate(&subject, &Binding::cmw(subject.key()), issue);
        let place = Place::new();
        place.write("policy.toml", policy(&root, ReportData::Any));
        place.write("certificate.der", &der);
        place.trusted("certificate.der", &[]);
    }
}

/// Appraises what a certificate carries, as the command does.
fn appraise(carried: &Carried, policy: &Policy) -> Result<Verified, Denied> {
    let Carrier::Certificate(binding) = &carried.carrier else { panic!("{carried:?}") };
    let collateral = Collateral::from(&carried.bundle);
    verify_bound(&carried.bundle.evidence, binding, &collateral, policy, UnixTime(NOW))
}

/// One bit in each byte: no change of the evidence or of the key is trusted.
#[test]
fn no_change_of_a_certificate_goes_unseen() {
    let subject = Subject::new(SEED);
    let (der, _, root) = certificate(&subject, &Binding::cmw(subject.key()), report);
    let policy = Policy::parse(&policy(&root, ReportData::CertificateKey)).expect("a policy");
    let good = open(&der).expect("a certificate");
    assert!(appraise(&good, &policy).is_ok());
    let (mut refused, mut denied, mut same) = (0, 0, 0);
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1 << (at % 8);
        let Ok(carried) = open(&changed) else {
            refused += 1;
            continue;
        };
        if carried == good {
            // A name, a date, the signature: no TEE vouches for them.
            same += 1;
        } else if carried.bundle == good.bundle {
            let denied_at = appraise(&carried, &policy).map_err(|denied| denied.step());
            assert_eq!(denied_at.expect_err("another key"), Step::ReportData, "byte {at}");
            denied += 1;
        } else {
            assert!(appraise(&carried, &policy).is_err() || unsigned(&carried, &good), "byte {at}");
            denied += 1;
        }
    }
    assert!(refused > 0 && denied > 1184 && same > 0, "{refused} {denied} {same}");
}

/// Whether the evidence and the key are the same, so that the change is in an endorsement that is not needed, as the
/// serial number of a root has it.
fn unsigned(carried: &Carried, good: &Carried) -> bool {
    carried.bundle.evidence == good.bundle.evidence && carried.carrier == good.carrier
}

#[test]
fn what_carries_evidence_is_explained() {
    let place = Place::new();
    let show = |file: &str| {
        let output = place.holdfast(&["evidence", "show", "--json", file]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let field = |shown: &Value, name: &str| {
        let fields = shown["fields"].as_array().expect("fields");
        fields.iter().find(|field| field["name"] == name).cloned().unwrap_or_default()
    };
    let subject = Subject::new(SEED);
    let binding = Binding::tagged_evidence(subject.key(), None).expect("a binding");
    let (whole, ..) = certificate(&subject, &binding, |data| quote(ENCLAVE, data));
    place.write("whole.der", &whole);
    place.write("whole.pem", pem(&whole));
    for file in ["whole.der", "whole.pem"] {
        let shown = show(file);
        assert_eq!(shown["kind"], "SGX quote, version 3 (in a certificate: Interoperable RA-TLS)");
        assert_eq!(field(&shown, "binding")["value"], "holds");
        assert_eq!(field(&shown, "MRENCLAVE")["value"], hex(&[3; 32]));
    }
    // A certificate that has its key changed.
    let mut other = whole;
    let curve = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
    let point = other.windows(curve.len()).position(|part| part == curve).expect("the key") + curve.len();
    other[point] ^= 1;
    place.write("other.der", other);
    let shown = show("other.der");
    assert_eq!(
        (&field(&shown, "binding")["value"], &field(&shown, "binding")["mood"]),
        (&"broken".into(), &"danger".into())
    );

    let (bundle, _) = report([1; 64]);
    place.write("report.json", to_json(&bundle.to_cmw()).expect("JSON"));
    let shown = show("report.json");
    assert_eq!(shown["kind"], "SEV-SNP attestation report, version 5 (in an envelope)");
    assert_eq!(
        field(&shown, "vek")["value"],
        format!("{} bytes", bundle.part(Part::Vek).expect("one").len())
    );
}

#[test]
fn what_carries_no_evidence_is_named() {
    let place = Place::new();
    let (bundle, _) = report([1; 64]);
    let json = to_json(&bundle.to_cmw()).expect("JSON");
    place.write("policy.toml", TEMPLATE);
    place.write("plain.der", Subject::new(SEED).certificate(&[], NOW));
    place.write("kind.json", json.replace("snp-report", "quote"));
    place.write("half.json", &json[..json.len() / 2]);
    let plain = pem(&Subject::new(SEED).certificate(&[], NOW));
    place.write("list.pem", plain.replace("CERTIFICATE", "X509 CRL"));
    place.write("two.pem", plain.repeat(2));
    for (file, says) in [
        ("plain.der", "the certificate carries no evidence"),
        ("kind.json", "what it carries is not the SGX or TDX quote that it is said to be"),
        ("half.json", "the envelope cannot be used: no JSON"),
        ("list.pem", "neither a SEV-SNP report nor"),
        ("two.pem", "no PEM of exactly one certificate"),
    ] {
        for arguments in [&["evidence", "show", file][..], &["verify", file, "--policy", "policy.toml"]] {
            let output = place.holdfast(arguments);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(67), "{error}");
            assert!(error.contains(says) && error.contains(file) && error.lines().count() == 1, "{error}");
            assert!(output.stdout.is_empty());
        }
    }
}
