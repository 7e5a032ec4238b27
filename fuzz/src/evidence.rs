//! Evidence, as anybody may send it.

use holdfast_evidence::fuzz;
use holdfast_evidence::quote::{Body, Certification, Header, QE_VENDOR_INTEL, Quote, SignatureData, TEE_TDX};
use holdfast_evidence::snp::{Certificate, Kind, Report, Table};
use zerocopy::{FromZeros, IntoBytes};

use crate::Target;

/// A SEV-SNP report.
pub const SNP_REPORT: Target =
    Target { name: "snp_report", body: fuzz::report, seeds: reports, rounds: 50_000 };

/// An SGX or TDX quote.
pub const QUOTE: Target = Target { name: "quote", body: fuzz::quote, seeds: quotes, rounds: 50_000 };

/// A host's certificate table.
pub const CERTIFICATE_TABLE: Target =
    Target { name: "certificate_table", body: fuzz::certificate_table, seeds: tables, rounds: 50_000 };

fn reports() -> Vec<Vec<u8>> {
    let report = |version| {
        let mut report = Report::new_zeroed();
        report.version = version;
        report.as_bytes().to_vec()
    };
    (2..=5).map(report).collect()
}

fn quotes() -> Vec<Vec<u8>> {
    let quote = |version, tee_type, body| {
        let mut header = Header::new_zeroed();
        (header.version, header.attestation_key_type, header.tee_type) = (version, 2, tee_type);
        header.qe_vendor_id = QE_VENDOR_INTEL;
        let signature = SignatureData {
            signature: [1; 64],
            attestation_key: [2; 64],
            qe_report: FromZeros::new_zeroed(),
            qe_report_signature: [3; 64],
            qe_auth_data: vec![4; 32],
            certification: Certification { kind: 5, data: vec![5; 40] },
        };
        Quote { header, body, signature }.build()
    };
    vec![
        quote(3, 0, Body::Sgx(FromZeros::new_zeroed())),
        quote(4, TEE_TDX, Body::Td10(FromZeros::new_zeroed())),
        quote(5, TEE_TDX, Body::Td15(FromZeros::new_zeroed())),
    ]
}

fn tables() -> Vec<Vec<u8>> {
    let certificates =
        [Kind::Vcek, Kind::Ask, Kind::Ark].map(|kind| Certificate { kind, bytes: vec![9; 100] });
    vec![Table { certificates: certificates.into() }.build()]
}
