use p256::ecdsa::signature::Signer as _;

use super::certificates::{ROOT, ca_name, name};
use super::platform::Platform;
use super::{Collateral, Intel, PckCa, Tee};
use crate::der;
use crate::x509::{self, Crl, DAY, Ecdsa};

/// When the simulated vendor last raised the bar, and when what is now out of date was good.
const TCB_DATES: [&str; 2] = ["2024-11-13T00:00:00Z", "2023-08-09T00:00:00Z"];

/// `tcbEvaluationDataNumber`.
const EVALUATION: u32 = 18;

impl Intel {
    /// The collateral of a TEE. It is a day old at `now`, in seconds since 1970, and for thirty days; the list of
    /// the PCK authority names the platform's certificate if it is to be revoked.
    #[must_use]
    pub fn collateral(&self, tee: Tee, now: u64, revoked: bool) -> Collateral {
        let tcb_info = self.tcb_info(tee, now);
        let qe_identity = self.qe_identity(tee, now);
        let signing = der::pem(&[self.tcb_signing(), self.root()]);
        Collateral {
            pck_crl_issuer_chain: der::pem(&[self.pck_ca(self.ca), self.root()]),
            root_ca_crl: self.root_crl(now),
            pck_crl: self.pck_crl(self.ca, now, revoked),
            tcb_info_issuer_chain: signing.clone(),
            tcb_info_signature: self.sign(&tcb_info),
            tcb_info,
            qe_identity_issuer_chain: signing,
            qe_identity_signature: self.sign(&qe_identity),
            qe_identity,
        }
    }

    /// Signs TCB info and identity again that were changed.
    pub fn sign_collateral(&self, collateral: &mut Collateral) {
        collateral.tcb_info_signature = self.sign(&collateral.tcb_info);
        collateral.qe_identity_signature = self.sign(&collateral.qe_identity);
    }

    /// The root's revocation list, in DER: nothing is revoked.
    #[must_use]
    pub fn root_crl(&self, now: u64) -> Vec<u8> {
        let key = &self.keys.root;
        let crl = Crl {
            issuer: &name(ROOT),
            this_update: now.saturating_sub(DAY),
            next_update: now + 364 * DAY,
            revoked: &[],
            extensions: &[x509::crl_number(1), x509::authority_key(&x509::p256_key(key))],
        };
        crl.sign(&Ecdsa(key))
    }

    /// The revocation list of a PCK authority, in DER.
    #[must_use]
    pub fn pck_crl(&self, ca: PckCa, now: u64, revoked: bool) -> Vec<u8> {
        let key = self.ca_key(ca);
        let serial = self.pck_serial();
        let crl = Crl {
            issuer: &name(ca_name(ca)),
            this_update: now.saturating_sub(DAY),
            next_update: now + 29 * DAY,
            revoked: if revoked { &[&serial] } else { &[] },
            extensions: &[x509::crl_number(1), x509::authority_key(&x509::p256_key(key))],
        };
        crl.sign(&Ecdsa(key))
    }

    /// TCB info, version 3: what the platform has now is up to date, what it had before is not.
    fn tcb_info(&self, tee: Tee, now: u64) -> String {
        let (id, modules) = match tee {
            Tee::Sgx => ("SGX", String::new()),
            Tee::Tdx => ("TDX", modules()),
        };
        let levels = [false, true].map(|old| level(tee, &Platform::new(old), old));
        format!(
            r#"{{"id":"{id}","version":3,{},"fmspc":"{}","pceId":"0000","tcbType":0,"tcbEvaluationDataNumber":{EVALUATION},{modules}"tcbLevels":[{}]}}"#,
            dates(now),
            hex(&self.fmspc()),
            levels.join(",")
        )
    }

    /// The identity of the quoting enclave, version 2.
    fn qe_identity(&self, tee: Tee, now: u64) -> String {
        let qe = self.quoting_enclave(tee);
        format!(
            r#"{{"id":"{}","version":2,{},"tcbEvaluationDataNumber":{EVALUATION},"miscselect":"00000000","miscselectMask":"FFFFFFFF","attributes":"11000000000000000000000000000000","attributesMask":"FBFFFFFFFFFFFFFF0000000000000000","mrsigner":"{}","isvprodid":{},"tcbLevels":[{{"tcb":{{"isvsvn":{}}},"tcbDate":"{}","tcbStatus":"UpToDate"}}]}}"#,
            qe.id,
            dates(now),
            hex(&qe.mr_signer),
            qe.isv_prod_id,
            qe.isv_svn,
            TCB_DATES[0],
        )
    }

    fn sign(&self, json: &str) -> [u8; 64] {
        let signature: p256::ecdsa::Signature = self.keys.tcb_signing.sign(json.as_bytes());
        signature.to_bytes().into()
    }
}

fn dates(now: u64) -> String {
    let (issue, next) = (der::date(now.saturating_sub(DAY)), der::date(now + 29 * DAY));
    format!(r#""issueDate":"{issue}","nextUpdate":"{next}""#)
}

/// Whether a level is the newest, as the service writes it.
fn verdict(old: bool) -> String {
    let date = TCB_DATES[usize::from(old)];
    if old {
        format!(r#""tcbDate":"{date}","tcbStatus":"OutOfDate","advisoryIDs":["INTEL-SA-00000"]"#)
    } else {
        format!(r#""tcbDate":"{date}","tcbStatus":"UpToDate""#)
    }
}

fn level(tee: Tee, platform: &Platform, old: bool) -> String {
    let components = |svns: [u8; 16]| svns.map(|svn| format!(r#"{{"svn":{svn}}}"#)).join(",");
    let tdx = match tee {
        Tee::Sgx => String::new(),
        Tee::Tdx => {
            // The module's identity judges the first two.
            let [_, _, rest @ ..] = platform.tee_tcb_svn;
            let mut svns = [0; 16];
            svns[2..].copy_from_slice(&rest);
            format!(r#","tdxtcbcomponents":[{}]"#, components(svns))
        }
    };
    format!(
        r#"{{"tcb":{{"sgxtcbcomponents":[{}],"pcesvn":{}{tdx}}},{}}}"#,
        components(platform.cpu_svn),
        platform.pce_svn,
        verdict(old)
    )
}

/// The TDX modules: one signer, one major version, two security versions.
fn modules() -> String {
    let common = format!(
        r#""mrsigner":"{}","attributes":"0000000000000000","attributesMask":"FFFFFFFFFFFFFFFF""#,
        hex(&[0; 48])
    );
    let levels = [false, true].map(|old| {
        let [isvsvn, ..] = Platform::new(old).tee_tcb_svn;
        format!(r#"{{"tcb":{{"isvsvn":{isvsvn}}},{}}}"#, verdict(old))
    });
    format!(
        r#""tdxModule":{{{common}}},"tdxModuleIdentities":[{{"id":"TDX_01",{common},"tcbLevels":[{}]}}],"#,
        levels.join(",")
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
