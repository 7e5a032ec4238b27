//! Simulated vendors, and the strict policy with its lists filled in for what they issue.

use holdfast_sim::Seed;
use holdfast_sim::amd::{self, Amd, Key};
use holdfast_sim::intel::{self, Enclave, Td};
use holdfast_verify::policy::{Accept, Hex, TEMPLATE};
use holdfast_verify::{
    AmdCollateral, Collateral, Denied, IntelCollateral, Policy, UnixTime, Verified, verify,
};
use sha2::{Digest, Sha256};

/// 2026-11-23.
pub(crate) const NOW: u64 = 1_795_392_000;
pub(crate) const SEED: Seed = Seed([7; 32]);
pub(crate) const REPORT_DATA: [u8; 64] = [0x5a; 64];

/// The strict template, with `root` named.
pub(crate) fn strict(root: &[u8]) -> Policy {
    let mut policy = Policy::parse(TEMPLATE).expect("the template").expecting(REPORT_DATA);
    policy.insecure.simulated_roots = vec![Hex(Sha256::digest(root).into())];
    policy
}

pub(crate) fn amd_claims(version: u32, key: Key) -> amd::Claims {
    amd::Claims { version, key, report_data: REPORT_DATA, measurement: [0xa5; 48] }
}

pub(crate) fn amd_policy(vendor: &Amd, root: &[u8]) -> Policy {
    let mut policy = strict(root);
    let snp = policy.snp.as_mut().expect("[snp]");
    snp.measurements = Accept::Listed(vec![Hex([0xa5; 48])]);
    snp.chip_ids = Accept::Listed(vec![Hex(vendor.chip_id())]);
    policy
}

pub(crate) fn appraise_report(evidence: &amd::Evidence, policy: &Policy) -> Result<Verified, Denied> {
    let collateral = AmdCollateral {
        vek: evidence.vek.clone(),
        intermediate: evidence.intermediate.clone(),
        root: Some(evidence.root.clone()),
        crl: Some(evidence.crl.clone()),
    };
    verify(&evidence.report, &Collateral::Amd(collateral), policy, UnixTime(NOW))
}

pub(crate) const ENCLAVE: Enclave =
    Enclave { mr_enclave: [1; 32], mr_signer: [2; 32], isv_prod_id: 3, isv_svn: 4 };
pub(crate) const TD: Td = Td { mr_td: [1; 48], rtmr: [[2; 48]; 4] };

pub(crate) fn quote_policy(root: &[u8]) -> Policy {
    let mut policy = strict(root);
    let sgx = policy.sgx.as_mut().expect("[sgx]");
    sgx.mr_enclaves = Accept::Listed(vec![Hex(ENCLAVE.mr_enclave)]);
    sgx.mr_signers = Accept::Listed(vec![Hex(ENCLAVE.mr_signer)]);
    sgx.isv_prod_ids = Accept::Listed(vec![ENCLAVE.isv_prod_id]);
    sgx.platform.ppids = Accept::Any;
    let tdx = policy.tdx.as_mut().expect("[tdx]");
    tdx.mr_tds = Accept::Listed(vec![Hex(TD.mr_td)]);
    for rtmr in [&mut tdx.rtmr0, &mut tdx.rtmr1, &mut tdx.rtmr2, &mut tdx.rtmr3] {
        *rtmr = Accept::Listed(vec![Hex([2; 48])]);
    }
    tdx.platform.ppids = Accept::Any;
    policy
}

pub(crate) fn appraise_quote(evidence: &intel::Evidence, policy: &Policy) -> Result<Verified, Denied> {
    let collateral = Collateral::Intel(Box::new(collateral(&evidence.collateral)));
    verify(&evidence.quote, &collateral, policy, UnixTime(NOW))
}

pub(crate) fn collateral(from: &intel::Collateral) -> IntelCollateral {
    IntelCollateral {
        pck_crl_issuer_chain: from.pck_crl_issuer_chain.clone(),
        root_ca_crl: from.root_ca_crl.clone(),
        pck_crl: from.pck_crl.clone(),
        tcb_info_issuer_chain: from.tcb_info_issuer_chain.clone(),
        tcb_info: from.tcb_info.clone(),
        tcb_info_signature: from.tcb_info_signature.to_vec(),
        qe_identity_issuer_chain: from.qe_identity_issuer_chain.clone(),
        qe_identity: from.qe_identity.clone(),
        qe_identity_signature: from.qe_identity_signature.to_vec(),
        pck_certificate_chain: None,
    }
}
