//! The services answer as the vendors' do.
#![cfg(feature = "service")]

use holdfast_evidence::snp::Generation;
use holdfast_sim::Seed;
use holdfast_sim::amd::{Amd, Key, platform_tcb};
use holdfast_sim::intel::{Intel, PckCa, Tee};
use holdfast_sim::service::{Answer, Service};

const NOW: u64 = 1_795_392_000;
const SEED: Seed = Seed([7; 32]);

fn ask(target: &str) -> Answer {
    Service::new(PckCa::Platform, SEED).answer(target, NOW)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_vcek_is_for_its_chip_and_its_levels() {
    for (generation, levels) in [
        (Generation::Genoa, "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=84"),
        (Generation::Turin, "fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=81"),
    ] {
        let amd = Amd::new(generation, SEED);
        let chip = hex(&amd.chip_id()[..generation.chip_id_length()]);
        let answer = ask(&format!("/vcek/v1/{generation}/{chip}?{levels}"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, amd.vek(Key::Vcek, platform_tcb(generation, false), NOW, false));
        assert_eq!(ask(&format!("/vcek/v1/{generation}/{chip}?blSPL=10")).status, 400);
        assert_eq!(ask(&format!("/vcek/v1/{generation}/00{chip}?{levels}")).status, 404);
    }
}

#[test]
fn chains_and_lists_are_there_for_both_kinds_of_key() {
    for service in ["vcek", "vlek"] {
        let chain = ask(&format!("/{service}/v1/Milan/cert_chain"));
        let text = String::from_utf8(chain.body).expect("PEM");
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 2);
        let crl = ask(&format!("/{service}/v1/Milan/crl"));
        assert_eq!(crl.body, Amd::new(Generation::Milan, SEED).crl(NOW, None));
    }
    assert_eq!(ask("/vcek/v1/Rome/cert_chain").status, 404);
}

#[test]
fn tcb_info_and_identity_stand_there_as_they_were_signed() {
    let intel = Intel::new(PckCa::Platform, SEED);
    for (service, tee) in [("sgx", Tee::Sgx), ("tdx", Tee::Tdx)] {
        let collateral = intel.collateral(tee, NOW, false);
        let answer = ask(&format!("/{service}/certification/v4/tcb?fmspc={}", hex(&intel.fmspc())));
        let expected = format!(
            r#"{{"tcbInfo":{},"signature":"{}"}}"#,
            collateral.tcb_info,
            hex(&collateral.tcb_info_signature)
        );
        assert_eq!(answer.body, expected.as_bytes());
        assert!(answer.headers.iter().any(|(name, value)| {
            *name == "TCB-Info-Issuer-Chain" && value.starts_with("%2D%2D%2D%2D%2DBEGIN%20CERTIFICATE")
        }));
        let answer = ask(&format!("/{service}/certification/v4/qe/identity"));
        assert!(
            answer.body.starts_with(format!(r#"{{"enclaveIdentity":{}"#, collateral.qe_identity).as_bytes())
        );
    }
    assert_eq!(ask("/sgx/certification/v4/tcb?fmspc=000000000000").status, 404);
    assert_eq!(ask("/sgx/certification/v4/tcb").status, 400);
}

#[test]
fn lists_of_pck_authorities_are_der_if_asked() {
    let intel = Intel::new(PckCa::Platform, SEED);
    for (name, ca) in [("processor", PckCa::Processor), ("platform", PckCa::Platform)] {
        let answer = ask(&format!("/sgx/certification/v4/pckcrl?ca={name}&encoding=der"));
        assert_eq!(answer.body, intel.pck_crl(ca, NOW, false));
        let answer = ask(&format!("/sgx/certification/v4/pckcrl?ca={name}"));
        assert!(answer.body.starts_with(b"-----BEGIN X509 CRL-----"));
    }
    assert_eq!(ask("/sgx/certification/v4/pckcrl?encoding=der").status, 400);
    assert_eq!(ask("/IntelSGXRootCA.der").body, intel.root_crl(NOW));
    assert_eq!(ask("/").status, 404);
}
