use holdfast_evidence::quote::{
    Body, Certification, Header, QE_VENDOR_INTEL, Quote, SgxAttributes, SgxReport, SignatureData, TEE_SGX,
    TEE_TDX, TdAttributes, TdReport10, TdReport15,
};
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest, Sha256};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::platform::Platform;
use super::{Claims, Enclave, Form, Intel, Td, Tee, key};
use crate::Fault;
use crate::der;

/// A quoting enclave, as its identity has it.
pub(super) struct QuotingEnclave {
    pub(super) id: &'static str,
    pub(super) mr_signer: [u8; 32],
    pub(super) isv_prod_id: u16,
    pub(super) isv_svn: u16,
}

/// INIT and MODE64BIT; DEBUG.
const ENCLAVE: u64 = 1 << 0 | 1 << 2;
const ENCLAVE_DEBUG: u64 = 1 << 1;
/// PROVISIONKEY, which quoting enclaves have besides.
const PROVISIONING: u64 = 1 << 4;
/// x87, SSE, AVX and AVX-512.
const XFRM: u64 = 0x00e7;

/// SEPT_VE_DISABLE; DEBUG.
const TD: u64 = 1 << 28;
const TD_DEBUG: u64 = 1 << 0;
/// What [`XFRM`] has, and CET and AMX.
const XFAM: u64 = 0x0006_18e7;

/// Certification data: the PCK certificate's chain in PEM.
const PCK_CHAIN: u16 = 5;

impl Intel {
    /// A quote of the platform, signed by an attestation key that the PCK vouches for.
    pub(super) fn quote(
        &self,
        claims: &Claims,
        platform: &Platform,
        now: u64,
        fault: Option<Fault>,
    ) -> Vec<u8> {
        let tee = claims.form.tee();
        let attestation = key(self.seed, "attestation");
        let pck = [self.pck(platform, now, fault == Some(Fault::Expired)), self.pck_ca(self.ca), self.root()];
        let certification = Certification { kind: PCK_CHAIN, data: der::pem(&pck).into_bytes() };
        let mut quote = Quote {
            header: self.header(&claims.form, platform),
            body: self.body(claims, platform, fault),
            signature: self.vouch(&attestation, tee, platform, certification),
        };
        if fault == Some(Fault::UnknownVersion) {
            quote.header.version = 6;
        }
        let signer = match fault {
            Some(Fault::WrongKey) => key(self.seed, "another key"),
            _ => attestation,
        };
        quote.signature.signature = sign(&signer, &quote.signed());
        let mut bytes = quote.build();
        if fault == Some(Fault::Truncated) {
            bytes.pop();
        }
        bytes
    }

    /// Signs a quote again that was changed: the quoting enclave's report by the PCK, header and body by the
    /// attestation key. What they say stays as it is.
    pub fn sign_quote(&self, quote: &mut Quote) {
        let pck = self.pck_key(&Platform::new(false));
        quote.signature.qe_report_signature = sign(&pck, quote.signature.qe_report.as_bytes());
        quote.signature.signature = sign(&key(self.seed, "attestation"), &quote.signed());
    }

    /// The quoting enclave of a TEE. Its signer is not Intel.
    pub(super) fn quoting_enclave(&self, tee: Tee) -> QuotingEnclave {
        let mr_signer = self.seed.bytes("signer of the quoting enclaves");
        match tee {
            Tee::Sgx => QuotingEnclave { id: "QE", mr_signer, isv_prod_id: 1, isv_svn: 8 },
            Tee::Tdx => QuotingEnclave { id: "TD_QE", mr_signer, isv_prod_id: 2, isv_svn: 4 },
        }
    }

    fn header(&self, form: &Form, platform: &Platform) -> Header {
        let (version, tee_type, qe_svn, pce_svn) = match form {
            Form::SgxV3(_) => (3, TEE_SGX, self.quoting_enclave(Tee::Sgx).isv_svn, platform.pce_svn),
            Form::TdxV4(_) => (4, TEE_TDX, 0, 0),
            Form::TdxV5Td10(_) | Form::TdxV5Td15(_) => (5, TEE_TDX, 0, 0),
        };
        let mut user_data = [0; 20];
        user_data[..16].copy_from_slice(&self.seed.bytes::<16>("QE ID"));
        Header {
            version,
            attestation_key_type: 2,
            tee_type,
            qe_svn,
            pce_svn,
            qe_vendor_id: QE_VENDOR_INTEL,
            user_data,
        }
    }

    fn body(&self, claims: &Claims, platform: &Platform, fault: Option<Fault>) -> Body {
        let mut report_data = claims.report_data;
        if fault == Some(Fault::WrongReportData) {
            report_data[0] ^= 1;
        }
        let debug = fault == Some(Fault::Debug);
        let td = |td: &Td| self.td_report(td, platform, report_data, debug);
        match &claims.form {
            Form::SgxV3(enclave) => Body::Sgx(sgx_report(enclave, platform, report_data, debug)),
            Form::TdxV4(claimed) | Form::TdxV5Td10(claimed) => Body::Td10(td(claimed)),
            Form::TdxV5Td15(claimed) => Body::Td15(TdReport15 {
                base: td(claimed),
                tee_tcb_svn_2: platform.tee_tcb_svn,
                mr_service_td: [0; 48],
            }),
        }
    }

    fn td_report(&self, td: &Td, platform: &Platform, report_data: [u8; 64], debug: bool) -> TdReport10 {
        let mut report = TdReport10::new_zeroed();
        report.tee_tcb_svn = platform.tee_tcb_svn;
        report.mr_seam = self.seed.bytes("MRSEAM");
        report.td_attributes = TdAttributes(if debug { TD | TD_DEBUG } else { TD });
        report.xfam = XFAM;
        report.mr_td = td.mr_td;
        report.rtmr = td.rtmr;
        report.report_data = report_data;
        report
    }

    /// The quoting enclave's report on the attestation key, signed by the PCK. The quote's signature is to come.
    fn vouch(
        &self,
        attestation: &SigningKey,
        tee: Tee,
        platform: &Platform,
        certification: Certification,
    ) -> SignatureData {
        let mut attestation_key = [0; 64];
        attestation_key.copy_from_slice(&attestation.verifying_key().to_sec1_point(false).as_bytes()[1..]);
        let qe_auth_data: Vec<u8> = (0..32).collect();

        let qe = self.quoting_enclave(tee);
        let mut qe_report = SgxReport::new_zeroed();
        qe_report.cpu_svn = platform.cpu_svn;
        qe_report.attributes = SgxAttributes(ENCLAVE | PROVISIONING);
        qe_report.xfrm = XFRM;
        qe_report.mr_enclave = self.seed.bytes(qe.id);
        qe_report.mr_signer = qe.mr_signer;
        qe_report.isv_prod_id = qe.isv_prod_id;
        qe_report.isv_svn = qe.isv_svn;
        let bound = Sha256::new().chain_update(attestation_key).chain_update(&qe_auth_data).finalize();
        qe_report.report_data[..32].copy_from_slice(&bound);

        SignatureData {
            signature: [0; 64],
            attestation_key,
            qe_report_signature: sign(&self.pck_key(platform), qe_report.as_bytes()),
            qe_report,
            qe_auth_data,
            certification,
        }
    }
}

fn sgx_report(enclave: &Enclave, platform: &Platform, report_data: [u8; 64], debug: bool) -> SgxReport {
    let mut report = SgxReport::new_zeroed();
    report.cpu_svn = platform.cpu_svn;
    report.attributes = SgxAttributes(if debug { ENCLAVE | ENCLAVE_DEBUG } else { ENCLAVE });
    report.xfrm = XFRM;
    report.mr_enclave = enclave.mr_enclave;
    report.mr_signer = enclave.mr_signer;
    report.isv_prod_id = enclave.isv_prod_id;
    report.isv_svn = enclave.isv_svn;
    report.report_data = report_data;
    report
}

/// r, s, big endian.
fn sign(key: &SigningKey, bytes: &[u8]) -> [u8; 64] {
    let signature: p256::ecdsa::Signature = key.sign(bytes);
    signature.to_bytes().into()
}
