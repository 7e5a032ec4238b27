//! Evidence, as it comes from a host that may be hostile.

use holdfast_evidence::cmw::{Bundle, EvidenceKind, Part, to_cbor, to_json};
use holdfast_evidence::fuzz;
use holdfast_evidence::snp::Generation;
use holdfast_evidence::x509::Binding;
use holdfast_sim::Seed;
use holdfast_sim::amd::{self, Amd, Key};
use holdfast_sim::certificate::{Subject, pem};
use holdfast_sim::intel::{self, Enclave, Form, Intel, PckCa, Td};

use crate::Target;

/// A SEV-SNP report.
pub const SNP_REPORT: Target =
    Target { name: "snp_report", body: fuzz::report, seeds: reports, rounds: 50_000 };

/// An SGX or TDX quote.
pub const QUOTE: Target = Target { name: "quote", body: fuzz::quote, seeds: quotes, rounds: 50_000 };

/// The certificates that come with a SEV-SNP report.
pub const CERTIFICATE_TABLE: Target =
    Target { name: "certificate_table", body: fuzz::certificate_table, seeds: tables, rounds: 50_000 };

/// Which kind of evidence it is.
pub const DETECTION: Target =
    Target { name: "detection", body: fuzz::detection, seeds: anything, rounds: 50_000 };

/// Evidence in its envelope, in JSON or CBOR.
pub const ENVELOPE: Target =
    Target { name: "envelope", body: fuzz::envelope, seeds: envelopes, rounds: 50_000 };

/// Evidence in whatever it comes, certificates above all.
pub const CARRIED: Target = Target { name: "carried", body: fuzz::carried, seeds: carriers, rounds: 50_000 };

const SEED: Seed = Seed([0; 32]);

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;

fn issued() -> Vec<amd::Evidence> {
    let issue = |(generation, version, key)| {
        let claims = amd::Claims { version, key, report_data: [1; 64], measurement: [2; 48] };
        Amd::new(generation, SEED).issue(&claims, NOW, None)
    };
    let shapes = [
        (Generation::Milan, 2, Key::Vcek),
        (Generation::Genoa, 3, Key::Vlek),
        (Generation::Turin, 5, Key::Vcek),
    ];
    shapes.into_iter().map(issue).collect()
}

fn reports() -> Vec<Vec<u8>> {
    issued().into_iter().map(|evidence| evidence.report).collect()
}

fn tables() -> Vec<Vec<u8>> {
    issued().into_iter().map(|evidence| evidence.table().build()).collect()
}

fn quotes() -> Vec<Vec<u8>> {
    let enclave = Enclave { mr_enclave: [1; 32], mr_signer: [2; 32], isv_prod_id: 3, isv_svn: 4 };
    let td = Td { mr_td: [1; 48], rtmr: [[2; 48]; 4] };
    let forms = [Form::SgxV3(enclave), Form::TdxV4(td), Form::TdxV5Td10(td), Form::TdxV5Td15(td)];
    let intel = Intel::new(PckCa::Platform, SEED);
    let issue = |form| intel.issue(&intel::Claims { form, report_data: [1; 64] }, NOW, None).quote;
    forms.into_iter().map(issue).collect()
}

fn envelopes() -> Vec<Vec<u8>> {
    let endorsements = vec![(Part::Vek, vec![1; 40]), (Part::Crl, vec![2; 40]), (Part::TcbInfo, vec![3; 40])];
    let bundle = Bundle { kind: EvidenceKind::SnpReport, evidence: vec![4; 99], endorsements };
    let envelope = bundle.to_cmw();
    let json = to_json(&envelope).map(String::into_bytes);
    [json, to_cbor(&envelope)].into_iter().collect::<Result<_, _>>().expect("a bundle has both forms")
}

/// A certificate in each form, one in PEM, and those that others have published.
fn carriers() -> Vec<Vec<u8>> {
    let subject = Subject::new(SEED);
    let quote =
        Bundle { kind: EvidenceKind::Quote, evidence: quotes().swap_remove(0), endorsements: Vec::new() };
    let tagged = Binding::tagged_evidence(subject.key(), Some(b"nonce")).expect("a short nonce");
    let forms = [
        (Binding::cmw(subject.key()), issued().swap_remove(1).bundle()),
        (tagged, quote.clone()),
        (Binding::raw_quote(subject.key()), quote),
    ];
    let certificates = forms.map(|(binding, bundle)| {
        let extension = binding.extension(&bundle).expect("a form for the bundle");
        subject.certificate(&[extension], NOW)
    });
    let text = pem(&certificates[1]).into_bytes();
    [certificates.to_vec(), vec![text], envelopes()].concat()
}

fn anything() -> Vec<Vec<u8>> {
    [reports(), quotes()].concat()
}

#[cfg(test)]
mod tests {
    use holdfast_evidence::carried::open;
    use holdfast_evidence::cmw::{from_cbor, from_json};
    use holdfast_evidence::detect::detect;
    use holdfast_evidence::quote::Quote;
    use holdfast_evidence::snp::{Report, Table};

    use super::*;

    #[test]
    fn the_seeds_are_evidence() {
        assert!(reports().iter().all(|bytes| Report::parse(bytes).is_ok()));
        assert!(quotes().iter().all(|bytes| Quote::parse(bytes).is_ok()));
        assert!(
            tables().iter().all(|bytes| Table::parse(bytes).is_ok_and(|table| table.certificates.len() == 3))
        );
        assert!(envelopes().iter().all(|bytes| from_json(bytes).is_ok() != from_cbor(bytes).is_ok()));
        assert_eq!(carriers().iter().filter(|bytes| open(bytes).is_ok()).count(), 4);
        assert!(anything().iter().all(|bytes| detect(bytes).is_some()));
    }
}
