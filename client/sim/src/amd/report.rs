use holdfast_evidence::snp::{FirmwareVersion, Generation, Report, Signature, Tcb};
use p384::ecdsa::SigningKey;
use p384::ecdsa::signature::Signer as _;
use p384::elliptic_curve::Generate as _;
use zerocopy::FromZeros as _;

use super::{Amd, Claims, Key};
use crate::Fault;

/// The TCB of the simulated processor: as it is when all is well, or with firmware of years ago.
#[must_use]
pub const fn platform_tcb(generation: Generation, old: bool) -> Tcb {
    Tcb(match (generation, old) {
        (Generation::Milan, false) => [4, 0, 0, 0, 0, 0, 24, 219],
        (Generation::Milan, true) => [2, 0, 0, 0, 0, 0, 5, 68],
        (Generation::Genoa, false) => [10, 0, 0, 0, 0, 0, 23, 84],
        (Generation::Genoa, true) => [3, 0, 0, 0, 0, 0, 8, 19],
        (Generation::Turin, false) => [1, 1, 1, 4, 0, 0, 0, 81],
        (Generation::Turin, true) => [0, 0, 0, 1, 0, 0, 0, 12],
    })
}

/// CPUID_FAM_ID, CPUID_MOD_ID, CPUID_STEP.
const fn cpuid(generation: Generation) -> (u8, u8, u8) {
    match generation {
        Generation::Milan => (0x19, 0x01, 1),
        Generation::Genoa => (0x19, 0x11, 1),
        Generation::Turin => (0x1a, 0x02, 1),
    }
}

/// SMT allowed, and the bit that must be one.
const POLICY: u64 = 1 << 16 | 1 << 17;
const POLICY_DEBUG: u64 = 1 << 19;

/// SMT_EN, ECC_EN, ALIAS_CHECK_COMPLETE.
const PLATFORM: u64 = 1 << 0 | 1 << 2 | 1 << 5;

impl Amd {
    /// A report on a guest, with the given TCB throughout, signed by the key for that TCB.
    pub(super) fn report(&self, claims: &Claims, tcb: Tcb, fault: Option<Fault>) -> Vec<u8> {
        let mut report = Report::new_zeroed();
        report.version = claims.version;
        report.policy.0 = POLICY;
        report.signature_algo = 1;
        report.platform_info.0 = PLATFORM;
        report.key_info.0 = match claims.key {
            Key::Vcek => 0,
            Key::Vlek => 1 << 2,
        };
        report.report_data = claims.report_data;
        report.measurement = claims.measurement;
        report.report_id = self.seed.bytes("REPORT_ID");
        report.report_id_ma = [0xff; 32];
        if claims.version >= 3 {
            (report.cpuid_fam_id, report.cpuid_mod_id, report.cpuid_step) = cpuid(self.generation);
        }
        report.chip_id = self.chip_id();
        (report.current_tcb, report.reported_tcb, report.committed_tcb, report.launch_tcb) =
            (tcb, tcb, tcb, tcb);
        report.current_version = FirmwareVersion { build: 40, minor: 55, major: 1, reserved: 0 };
        report.committed_version = report.current_version;

        match fault {
            Some(Fault::Debug) => report.policy.0 |= POLICY_DEBUG,
            Some(Fault::WrongReportData) => report.report_data[0] ^= 1,
            Some(Fault::UnknownVersion) => report.version = 6,
            _ => (),
        }
        let key = match fault {
            Some(Fault::WrongKey) => SigningKey::generate_from_rng(&mut self.seed.stream("another key")),
            _ => self.vek_key(claims.key, tcb),
        };
        report.signature = sign(&key, report.signed());

        let mut bytes = report.build().to_vec();
        if fault == Some(Fault::Truncated) {
            bytes.pop();
        }
        bytes
    }

    /// Signs a report again that was changed, by the key for the processor's TCB. What it says stays as it is.
    pub fn sign_report(&self, report: &mut Report, key: Key) {
        let tcb = platform_tcb(self.generation, false);
        report.signature = sign(&self.vek_key(key, tcb), report.signed());
    }
}

/// SIGNATURE: r and s in little endian, in 72 bytes each (AMD 56860, table "Format for an ECDSA P-384 with
/// SHA-384 signature").
fn sign(key: &SigningKey, bytes: &[u8]) -> Signature {
    let signature: p384::ecdsa::Signature = key.sign(bytes);
    let (r, s) = signature.split_bytes();
    let mut field = Signature::new_zeroed();
    for (to, from) in [(&mut field.r, r), (&mut field.s, s)] {
        for (to, from) in to.iter_mut().zip(from.iter().rev()) {
            *to = *from;
        }
    }
    field
}
