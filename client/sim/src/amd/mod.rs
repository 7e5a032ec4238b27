//! A simulated AMD: keys, certificates, revocation lists and SEV-SNP reports of one processor and its vendor.
//!
//! Sources: AMD 57230, "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification",
//! chapter 3; AMD 56860, "SEV Secure Nested Paging Firmware ABI Specification", revision 1.58.

mod certificates;
mod report;

use holdfast_evidence::cmw::{Bundle, EvidenceKind, Part};
use holdfast_evidence::snp::{Certificate, Generation, Kind, Table};
use p384::ecdsa::SigningKey;
use p384::elliptic_curve::Generate as _;
use rsa::pkcs8::DecodePrivateKey as _;

use crate::{Fault, Seed};

pub use report::platform_tcb;

/// The key that signs a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The chip's own.
    Vcek,
    /// The cloud provider's.
    Vlek,
}

/// What a report is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// VERSION, 2 to 5.
    pub version: u32,
    /// SIGNING_KEY.
    pub key: Key,
    /// REPORT_DATA.
    pub report_data: [u8; 64],
    /// MEASUREMENT.
    pub measurement: [u8; 48],
}

/// A report, and all that a verifier needs for it. Certificates and list are in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// ATTESTATION_REPORT, 1184 bytes if it is whole.
    pub report: Vec<u8>,
    /// The VCEK or VLEK certificate.
    pub vek: Vec<u8>,
    /// The ASK or ASVK certificate.
    pub intermediate: Vec<u8>,
    /// The ARK certificate.
    pub root: Vec<u8>,
    /// The ARK's revocation list.
    pub crl: Vec<u8>,
    key: Key,
}

impl Evidence {
    /// The certificates as a host hands them out with an extended report.
    #[must_use]
    pub fn table(&self) -> Table {
        let (vek, intermediate) = match self.key {
            Key::Vcek => (Kind::Vcek, Kind::Ask),
            // There is no GUID for an ASVK, so it stands under the ASK's: what signs the endorsement key.
            Key::Vlek => (Kind::Vlek, Kind::Ask),
        };
        let entries = [(vek, &self.vek), (intermediate, &self.intermediate), (Kind::Ark, &self.root)];
        let certificates =
            entries.map(|(kind, bytes)| Certificate { kind, bytes: bytes.clone() }).into_iter().collect();
        Table { certificates }
    }

    /// The report with all that is needed for it, to be sent as one.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let endorsements = [
            (Part::Vek, &self.vek),
            (Part::Intermediate, &self.intermediate),
            (Part::Root, &self.root),
            (Part::Crl, &self.crl),
        ];
        Bundle {
            kind: EvidenceKind::SnpReport,
            evidence: self.report.clone(),
            endorsements: endorsements.map(|(part, bytes)| (part, bytes.clone())).into(),
        }
    }
}

/// A simulated AMD with one processor.
pub struct Amd {
    generation: Generation,
    seed: Seed,
    ark: rsa::PrivateKey,
    ask: rsa::PrivateKey,
    asvk: rsa::PrivateKey,
}

impl Amd {
    /// The vendor of a generation and one processor of it.
    #[must_use]
    pub fn new(generation: Generation, seed: Seed) -> Self {
        let [ark, ask, asvk] = keys(generation)
            .map(|der| rsa::PrivateKey::from_pkcs8_der(der).expect("the simulated keys are in PKCS #8"));
        Self { generation, seed, ark, ask, asvk }
    }

    /// The generation.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// CHIP_ID of the processor, padded with zeros to its field.
    #[must_use]
    pub fn chip_id(&self) -> [u8; 64] {
        let mut id: [u8; 64] = self.seed.bytes("CHIP_ID");
        id[self.generation.chip_id_length()..].fill(0);
        id
    }

    /// Issues a report and what is needed to verify it, at the time `now`, in seconds since 1970.
    #[must_use]
    pub fn issue(&self, claims: &Claims, now: u64, fault: Option<Fault>) -> Evidence {
        let tcb = platform_tcb(self.generation, fault == Some(Fault::OldTcb));
        let revoked = match fault {
            Some(Fault::Revoked) => Some(claims.key),
            _ => None,
        };
        Evidence {
            report: self.report(claims, tcb, fault),
            vek: self.vek(claims.key, tcb, now, fault == Some(Fault::Expired)),
            intermediate: self.intermediate(claims.key),
            root: self.root(),
            crl: self.crl(now, revoked),
            key: claims.key,
        }
    }

    /// The endorsement key. As on hardware it depends on the TCB that it is derived for.
    fn vek_key(&self, key: Key, tcb: holdfast_evidence::snp::Tcb) -> SigningKey {
        SigningKey::generate_from_rng(&mut self.seed.stream(&format!("{key:?} {:?}", tcb.0)))
    }
}

/// ARK, ASK, ASVK.
const fn keys(generation: Generation) -> [&'static [u8]; 3] {
    match generation {
        Generation::Milan => [
            include_bytes!("../../keys/SIMULATED-ark-milan.der"),
            include_bytes!("../../keys/SIMULATED-ask-milan.der"),
            include_bytes!("../../keys/SIMULATED-asvk-milan.der"),
        ],
        Generation::Genoa => [
            include_bytes!("../../keys/SIMULATED-ark-genoa.der"),
            include_bytes!("../../keys/SIMULATED-ask-genoa.der"),
            include_bytes!("../../keys/SIMULATED-asvk-genoa.der"),
        ],
        Generation::Turin => [
            include_bytes!("../../keys/SIMULATED-ark-turin.der"),
            include_bytes!("../../keys/SIMULATED-ask-turin.der"),
            include_bytes!("../../keys/SIMULATED-asvk-turin.der"),
        ],
    }
}
