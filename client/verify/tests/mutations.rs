//! Every published vector, and every change to it: each field of what is signed, each element of each certificate and
//! list, each part of the collateral left out or another's, each length, and times outside. All of it is denied,
//! at the step for what was changed.
//!
//! The committed vectors are done in each run; the whole collection in the slow one.

mod support;

use core::mem::offset_of;

use holdfast_evidence::quote::{Body, Header, Quote, SgxReport, TdReport10, TdReport15};
use holdfast_evidence::snp::Report;
use holdfast_verify::{AmdCollateral, Denied, IntelCollateral, Policy, Step, UnixTime, Verified, verify};
use support::asn1::{Place, places};
use support::{Case, amd, committed, intel, policy, policy_with, published};

/// Takes what was changed, the steps that may be the first to say so, and what came of it.
type Check<'a> = dyn FnMut(String, &[Step], Result<Verified, Denied>) + 'a;

/// A field by its name, offset and length.
type Field = (&'static str, usize, usize);

macro_rules! fields {
    ($structure:ty: $($field:ident),+ $(,)?) => {{
        let last = size_of::<$structure>();
        let starts = [$((stringify!($field), offset_of!($structure, $field))),+];
        let ends = starts.iter().skip(1).map(|(_, at)| *at).chain([last]);
        starts.iter().zip(ends).map(|((name, at), end)| (*name, *at, end - at)).collect::<Vec<Field>>()
    }};
}

/// The lowest bit of a field's first byte, the highest of its last.
fn flips((_, at, length): Field) -> [(usize, u8); 2] {
    [(at, 0), (at + length - 1, 7)]
}

fn flipped(bytes: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1 << bit;
    changed
}

/// Runs the mutations of all cases on all processors; says which were accepted, or denied elsewhere.
fn judge(cases: &[Case], of_case: impl Fn(&Case, &mut Check<'_>) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work = |first| {
            let of_case = &of_case;
            move || {
                let mut wrong = Vec::new();
                for case in cases.iter().skip(first).step_by(threads) {
                    of_case(case, &mut |name, steps, result| match result {
                        Ok(_) => wrong.push(format!("{} {name}: accepted", case.name)),
                        Err(denied) if !steps.contains(&denied.step()) => {
                            wrong.push(format!("{} {name}: {denied}", case.name));
                        }
                        Err(denied) => {
                            let record = denied.record();
                            let says = !record.found.is_empty() && !record.expected.is_empty();
                            assert!(says && record.remedy.is_some(), "{} {name}: {record:?}", case.name);
                        }
                    });
                }
                wrong
            }
        };
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(work(first))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

mod snp {
    use super::*;

    const CASES: &str = "cases-snp.json";

    /// Root certificates, in whose place a changed one comes.
    const ARKS: [(&str, &[u8]); 3] = [
        ("milan", include_bytes!("../src/anchors/ark-milan.der")),
        ("genoa", include_bytes!("../src/anchors/ark-genoa.der")),
        ("turin", include_bytes!("../src/anchors/ark-turin.der")),
    ];

    fn report_fields() -> Vec<Field> {
        let mut fields = fields!(Report: version, guest_svn, policy, family_id, image_id, vmpl, signature_algo,
            current_tcb, platform_info, key_info, reserved_4c, report_data, measurement, host_data, id_key_digest,
            author_key_digest, report_id, report_id_ma, reported_tcb, cpuid_fam_id, cpuid_mod_id, cpuid_step,
            reserved_18b, chip_id, committed_tcb, current_version, committed_version, launch_tcb,
            launch_mit_vector, current_mit_vector, reserved_208, signature);
        let (_, signature, _) = fields.pop().expect("fields");
        fields.extend([
            ("r", signature, 48),
            ("r, above", signature + 48, 24),
            ("s", signature + 72, 48),
            ("s, above", signature + 120, 24),
            ("signature.reserved", signature + 144, 368),
        ]);
        fields
    }

    fn steps(version: u64, field: &str) -> &'static [Step] {
        match field {
            // Another version may be a known one, with other reserved bytes.
            "version" => &[Step::Format, Step::Reserved, Step::Generation, Step::Signature],
            "signature_algo" => &[Step::SigningKey],
            "key_info" => &[Step::Reserved, Step::SigningKey, Step::Signature],
            "cpuid_fam_id" | "cpuid_mod_id" | "cpuid_step" if version < 3 => &[Step::Reserved],
            "cpuid_fam_id" | "cpuid_mod_id" => &[Step::Generation, Step::Signature],
            "launch_mit_vector" | "current_mit_vector" if version < 5 => &[Step::Reserved],
            // They have reserved bits or bytes inside.
            "policy" | "current_tcb" | "reported_tcb" | "committed_tcb" | "launch_tcb"
            | "current_version" | "committed_version" => &[Step::Reserved, Step::Signature],
            "r, above" | "s, above" => &[Step::Reserved],
            name if name.contains("reserved") => &[Step::Reserved],
            _ => &[Step::Signature],
        }
    }

    fn mutate(case: &Case, others: &[Case], check: &mut Check<'_>) {
        let policy = policy_with("vmpl = [0]", "vmpl = [0, 1]");
        let (report, good, now) = (case.file("report"), case.amd(), case.pinned_time());
        let appraise = |report: &[u8], collateral: &AmdCollateral, now| {
            verify(report, &amd(collateral.clone()), &policy, now)
        };
        // A guest that may be debugged is denied as it is: nothing can be seen by changing it.
        let Ok(_) = appraise(&report, &good, now) else { return };
        for field in report_fields() {
            for (at, bit) in flips(field) {
                let result = appraise(&flipped(&report, at, bit), &good, now);
                check(format!("{} at {at:#x}", field.0), steps(case.number("version"), field.0), result);
            }
            let result = appraise(&report[..field.1], &good, now);
            check(format!("cut before {}", field.0), &[Step::Format], result);
        }
        for more in [1, report.len()] {
            let longer = [&report[..], &vec![0; more]].concat();
            check(format!("{more} bytes more"), &[Step::Format], appraise(&longer, &good, now));
        }

        for Place { name, at, bit } in places(&good.vek) {
            let vek = flipped(&good.vek, at, bit);
            let result = appraise(&report, &AmdCollateral { vek, ..good.clone() }, now);
            check(format!("vek {name}"), &[Step::EndorsementKey], result);
        }
        for Place { name, at, bit } in places(&good.intermediate) {
            let intermediate = flipped(&good.intermediate, at, bit);
            let result = appraise(&report, &AmdCollateral { intermediate, ..good.clone() }, now);
            // With another issuer there is no root for it.
            check(format!("intermediate {name}"), &[Step::Root, Step::Intermediate], result);
        }
        let root = ARKS.iter().find(|(generation, _)| case.text("ark").contains(generation));
        let (_, root) = root.expect("a generation");
        let whole = AmdCollateral { root: Some(root.to_vec()), ..good.clone() };
        assert!(appraise(&report, &whole, now).is_ok());
        for Place { name, at, bit } in places(root) {
            let root = Some(flipped(root, at, bit));
            let result = appraise(&report, &AmdCollateral { root, ..good.clone() }, now);
            check(format!("root {name}"), &[Step::Root], result);
        }

        let without: [(&str, &[Step], AmdCollateral); 3] = [
            ("no vek", &[Step::EndorsementKey], AmdCollateral { vek: Vec::new(), ..good.clone() }),
            ("no intermediate", &[Step::Root], AmdCollateral { intermediate: Vec::new(), ..good.clone() }),
            ("empty root", &[Step::Root], AmdCollateral { root: Some(Vec::new()), ..good.clone() }),
        ];
        for (name, steps, collateral) in without {
            check(name.to_owned(), steps, appraise(&report, &collateral, now));
        }
        for other in others.iter().filter(|other| other.file("vek") != good.vek) {
            let vek = AmdCollateral { vek: other.file("vek"), ..good.clone() };
            // Of the same authority it may be of another time.
            let steps = &[Step::EndorsementKey, Step::Validity, Step::Signature, Step::SigningKey];
            check(format!("vek of {}", other.name), steps, appraise(&report, &vek, now));
            let intermediate = other.file("intermediate");
            if intermediate != good.intermediate {
                let other_chain = AmdCollateral { intermediate, ..good.clone() };
                let result = appraise(&report, &other_chain, now);
                // With another generation's root, other bytes are reserved.
                let steps = &[Step::Reserved, Step::EndorsementKey];
                check(format!("intermediate of {}", other.name), steps, result);
            }
        }

        let (from, to) = (case.number("vek_not_before"), case.number("vek_not_after"));
        for time in [0, from - 1, to + 1, u64::MAX] {
            check(format!("at {time}"), &[Step::Validity], appraise(&report, &good, UnixTime(time)));
        }
        for time in [from, to] {
            assert!(appraise(&report, &good, UnixTime(time)).is_ok());
        }
    }

    #[test]
    fn no_change_of_a_committed_vector_is_accepted() {
        let cases = committed(CASES);
        judge(&cases, |case, check| mutate(case, &cases, check));
    }

    #[test]
    #[ignore = "slow: every vector"]
    fn no_change_of_any_vector_is_accepted() {
        let cases = published("snp::no_change_of_any_vector_is_accepted", CASES);
        judge(&cases, |case, check| mutate(case, &cases, check));
    }
}

mod quotes {
    use super::*;

    const CASES: &str = "cases-quotes.json";

    /// A quarter of a year in seconds: collateral is good for a month.
    const QUARTER: u64 = 90 * 24 * 3600;

    fn within(base: usize, prefix: &str, fields: Vec<Field>) -> Vec<(String, usize, usize)> {
        fields.into_iter().map(|(name, at, length)| (format!("{prefix}{name}"), base + at, length)).collect()
    }

    fn enclave_fields() -> Vec<Field> {
        fields!(SgxReport: cpu_svn, misc_select, reserved_20, isv_ext_prod_id, attributes, xfrm, mr_enclave,
            reserved_96, mr_signer, reserved_160, config_id, isv_prod_id, isv_svn, config_svn, reserved_262,
            isv_family_id, report_data)
    }

    /// All fields but the certification data, by name, offset and length.
    fn quote_fields(quote: &Quote) -> Vec<(String, usize, usize)> {
        let mut fields = within(
            0,
            "",
            fields!(Header: version, attestation_key_type, tee_type, qe_svn, pce_svn,
            qe_vendor_id, user_data),
        );
        let mut at = size_of::<Header>();
        let mut next = |fields: &mut Vec<_>, name: &str, length: usize| {
            fields.push((name.to_owned(), at, length));
            at += length;
            at
        };
        if quote.header.version == 5 {
            next(&mut fields, "body type", 2);
            next(&mut fields, "body size", 4);
        }
        let body = next(&mut Vec::new(), "body", quote.body.bytes().len()) - quote.body.bytes().len();
        let td = || {
            fields!(TdReport10: tee_tcb_svn, mr_seam, mr_signer_seam, seam_attributes, td_attributes, xfam,
            mr_td, mr_config_id, mr_owner, mr_owner_config, rtmr, report_data)
        };
        fields.extend(match &quote.body {
            Body::Sgx(_) => within(body, "body.", enclave_fields()),
            Body::Td10(_) => within(body, "body.", td()),
            Body::Td15(_) => {
                let more = fields!(TdReport15: base, tee_tcb_svn_2, mr_service_td).split_off(1);
                [within(body, "body.", td()), within(body, "body.", more)].concat()
            }
        });
        next(&mut fields, "signature length", 4);
        next(&mut fields, "signature", 64);
        next(&mut fields, "attestation_key", 64);
        if quote.header.version > 3 {
            next(&mut fields, "outer type", 2);
            next(&mut fields, "outer size", 4);
        }
        let report = next(&mut Vec::new(), "qe_report", 384) - 384;
        fields.extend(within(report, "qe_report.", enclave_fields()));
        next(&mut fields, "qe_report_signature", 64);
        next(&mut fields, "authentication length", 2);
        if !quote.signature.qe_auth_data.is_empty() {
            next(&mut fields, "authentication data", quote.signature.qe_auth_data.len());
        }
        next(&mut fields, "certification type", 2);
        next(&mut fields, "certification size", 4);
        fields
    }

    fn steps(tdx: bool, field: &str) -> &'static [Step] {
        match field {
            // Without the vendor it is taken for a report, and is none.
            "version" | "attestation_key_type" | "qe_vendor_id" | "body type" | "body size" => {
                &[Step::Format]
            }
            "tee_type" => &[Step::Format, Step::Reserved],
            "qe_svn" | "pce_svn" if tdx => &[Step::Reserved],
            "signature length" | "outer type" | "outer size" | "certification size" => &[Step::Format],
            "authentication length" => &[Step::Format, Step::QuotingEnclave],
            // One type has a meaning of its own: a chain that is not there.
            "certification type" => &[Step::Format, Step::PckChain],
            "attestation_key" | "authentication data" | "qe_report_signature" => &[Step::QuotingEnclave],
            // The first of these has CET_ATTRIBUTES.
            "body.reserved_20" => &[Step::Reserved, Step::Signature],
            "qe_report.reserved_20" => &[Step::Reserved, Step::QuotingEnclave],
            name if name.contains("reserved") => &[Step::Reserved],
            name if name.starts_with("qe_report.") => &[Step::QuotingEnclave],
            _ => &[Step::Signature],
        }
    }

    /// The certificates of a PEM text, and that text with one of them changed.
    fn chain_places(text: &[u8]) -> Vec<(String, String)> {
        let chain = pem::parse_many(text).expect("PEM");
        let mut changed = Vec::new();
        for (number, certificate) in chain.iter().enumerate() {
            for Place { name, at, bit } in places(certificate.contents()) {
                let mut chain = chain.clone();
                chain[number] = pem::Pem::new("CERTIFICATE", flipped(certificate.contents(), at, bit));
                changed.push((format!("{number}: {name}"), pem::encode_many(&chain)));
            }
        }
        changed
    }

    fn mutate(case: &Case, policy: &Policy, check: &mut Check<'_>) {
        let (bytes, good, now) = (case.file("quote"), case.intel(), case.now());
        let appraise = |bytes: &[u8], collateral: &IntelCollateral, now| {
            verify(bytes, &intel(collateral.clone()), policy, now)
        };
        // What is denied as it is shows nothing by being changed.
        let Ok(_) = appraise(&bytes, &good, now) else { return };
        let quote = Quote::parse(&bytes).expect("a quote");
        let tdx = quote.body.td().is_some();
        for (name, at, length) in quote_fields(&quote) {
            for (at, bit) in flips(("", at, length)) {
                let result = appraise(&flipped(&bytes, at, bit), &good, now);
                check(format!("{name} at {at}"), steps(tdx, &name), result);
            }
            check(format!("cut before {name}"), &[Step::Format], appraise(&bytes[..at], &good, now));
        }
        for more in [1, bytes.len()] {
            let longer = [&bytes[..], &vec![0; more]].concat();
            check(format!("{more} bytes more"), &[Step::Format], appraise(&longer, &good, now));
        }

        for (name, chain) in chain_places(&quote.signature.certification.data) {
            let mut changed = quote.clone();
            changed.signature.certification.data = chain.into_bytes();
            // A root that no longer names itself as its issuer is just another certificate.
            let steps: &[Step] = if name.starts_with('2') {
                &[Step::Root, Step::PckChain]
            } else {
                &[Step::PckChain, Step::Revocation]
            };
            check(format!("PCK chain {name}"), steps, appraise(&changed.build(), &good, now));
        }
        for Place { name, at, bit } in places(&good.root_ca_crl) {
            let root_ca_crl = flipped(&good.root_ca_crl, at, bit);
            let result = appraise(&bytes, &IntelCollateral { root_ca_crl, ..good.clone() }, now);
            check(format!("root's list {name}"), &[Step::Revocation], result);
        }
        for Place { name, at, bit } in places(&good.pck_crl) {
            let pck_crl = flipped(&good.pck_crl, at, bit);
            let result = appraise(&bytes, &IntelCollateral { pck_crl, ..good.clone() }, now);
            check(format!("PCK list {name}"), &[Step::Revocation], result);
        }
        for (name, chain) in chain_places(good.pck_crl_issuer_chain.as_bytes()) {
            let changed = IntelCollateral { pck_crl_issuer_chain: chain, ..good.clone() };
            check(format!("list's chain {name}"), &[Step::Revocation], appraise(&bytes, &changed, now));
        }
        for (name, chain) in chain_places(good.tcb_info_issuer_chain.as_bytes()) {
            let changed = IntelCollateral { tcb_info_issuer_chain: chain, ..good.clone() };
            check(format!("TCB info's chain {name}"), &[Step::TcbInfo], appraise(&bytes, &changed, now));
        }
        for (name, chain) in chain_places(good.qe_identity_issuer_chain.as_bytes()) {
            let changed = IntelCollateral { qe_identity_issuer_chain: chain, ..good.clone() };
            check(format!("identity's chain {name}"), &[Step::QeIdentity], appraise(&bytes, &changed, now));
        }
        for at in (0..good.tcb_info.len()).step_by(good.tcb_info.len() / 16) {
            let tcb_info = with_space(&good.tcb_info, at);
            let result = appraise(&bytes, &IntelCollateral { tcb_info, ..good.clone() }, now);
            check(format!("TCB info at {at}"), &[Step::TcbInfo], result);
        }
        for at in (0..good.qe_identity.len()).step_by(good.qe_identity.len() / 16) {
            let qe_identity = with_space(&good.qe_identity, at);
            let result = appraise(&bytes, &IntelCollateral { qe_identity, ..good.clone() }, now);
            check(format!("identity at {at}"), &[Step::QeIdentity], result);
        }
        for at in [0, 31, 32, 63] {
            let tcb_info_signature = flipped(&good.tcb_info_signature, at, 0);
            let result = appraise(&bytes, &IntelCollateral { tcb_info_signature, ..good.clone() }, now);
            check(format!("TCB info's signature at {at}"), &[Step::TcbInfo], result);
            let qe_identity_signature = flipped(&good.qe_identity_signature, at, 0);
            let result = appraise(&bytes, &IntelCollateral { qe_identity_signature, ..good.clone() }, now);
            check(format!("identity's signature at {at}"), &[Step::QeIdentity], result);
        }

        type Empty = fn(&mut IntelCollateral);
        let without: [(&str, Step, Empty); 9] = [
            ("pck_crl_issuer_chain", Step::Revocation, |all| all.pck_crl_issuer_chain.clear()),
            ("root_ca_crl", Step::Revocation, |all| all.root_ca_crl.clear()),
            ("pck_crl", Step::Revocation, |all| all.pck_crl.clear()),
            ("tcb_info_issuer_chain", Step::TcbInfo, |all| all.tcb_info_issuer_chain.clear()),
            ("tcb_info", Step::TcbInfo, |all| all.tcb_info.clear()),
            ("tcb_info_signature", Step::Collateral, |all| all.tcb_info_signature.clear()),
            ("qe_identity_issuer_chain", Step::QeIdentity, |all| all.qe_identity_issuer_chain.clear()),
            ("qe_identity", Step::QeIdentity, |all| all.qe_identity.clear()),
            ("qe_identity_signature", Step::Collateral, |all| all.qe_identity_signature.clear()),
        ];
        for (name, step, empty) in without {
            let mut collateral = good.clone();
            empty(&mut collateral);
            check(format!("without {name}"), &[step], appraise(&bytes, &collateral, now));
        }

        let window = case.json["window"].as_array().expect("a window");
        let edge = |at: usize| window[at].as_u64().expect("seconds");
        let by_time = [Step::Revocation, Step::TcbInfo, Step::QeIdentity, Step::PckChain];
        for time in [0, edge(0) - QUARTER, edge(1) + QUARTER, u64::MAX] {
            check(format!("at {time}"), &by_time, appraise(&bytes, &good, UnixTime(time)));
        }
    }

    /// A space more, which no JSON parser minds.
    fn with_space(text: &str, at: usize) -> String {
        let mut text = text.to_owned();
        text.insert(at, ' ');
        text
    }

    #[test]
    fn no_change_of_a_committed_vector_is_accepted() {
        judge(&committed(CASES), |case, check| mutate(case, &policy(), check));
    }

    #[test]
    #[ignore = "slow: every vector"]
    fn no_change_of_any_vector_is_accepted() {
        let cases = published("quotes::no_change_of_any_vector_is_accepted", CASES);
        judge(&cases, |case, check| mutate(case, &policy(), check));
    }
}
