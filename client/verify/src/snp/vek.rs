//! What the certificate of an endorsement key says of the chip and its TCB.

use der::Decode;
use der::asn1::{Ia5StringRef, ObjectIdentifier};
use holdfast_evidence::snp::{Generation, SigningKey, Tcb};

use crate::policy::hex;
use crate::x509::Certificate;

const PRODUCT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
const HW_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
const CSP_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.5");

/// The extensions of the security patch levels (AMD 57230, section 3.1).
const LEVELS: [(&str, ObjectIdentifier); 5] = [
    ("fmcSPL", ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9")),
    ("blSPL", ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1")),
    ("teeSPL", ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2")),
    ("snpSPL", ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3")),
    ("ucodeSPL", ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8")),
];

/// The certificate of a VCEK or VLEK.
pub(super) struct Vek<'a> {
    pub(super) certificate: Certificate<'a>,
}

impl Vek<'_> {
    /// Which kind of key, by the certificate's subject.
    pub(super) fn kind(&self) -> Option<SigningKey> {
        match self.certificate.common_name()?.as_str() {
            name if name.ends_with("VCEK") => Some(SigningKey::Vcek),
            name if name.ends_with("VLEK") => Some(SigningKey::Vlek),
            _ => None,
        }
    }

    /// `productName`, whose first word is the generation: "Milan-B0".
    pub(super) fn product(&self) -> Option<&str> {
        self.text(PRODUCT_NAME)
    }

    /// `cspID`.
    pub(super) fn provider(&self) -> Option<&str> {
        self.text(CSP_ID)
    }

    /// `hwID`: the bytes themselves, not an octet string inside.
    pub(super) fn hardware(&self) -> Option<&[u8]> {
        self.certificate.extension(HW_ID)
    }

    /// The security patch level with this name.
    pub(super) fn level(&self, name: &str) -> Option<u8> {
        let (_, oid) = LEVELS.iter().find(|(known, _)| *known == name)?;
        u8::from_der(self.certificate.extension(*oid)?).ok()
    }

    fn text(&self, oid: ObjectIdentifier) -> Option<&str> {
        let text = Ia5StringRef::from_der(self.certificate.extension(oid)?).ok()?;
        Some(text.as_str())
    }
}

/// The components that a generation's TCB has: name and level.
pub(super) fn components(tcb: Tcb, generation: Generation) -> impl Iterator<Item = (&'static str, u8)> {
    tcb.components(generation.tcb_layout()).into_iter().flatten().map(|part| (part.name, part.level))
}

/// A TCB as text: "blSPL 4, teeSPL 0, snpSPL 23, ucodeSPL 213".
pub(super) fn shown(tcb: Tcb, generation: Generation) -> String {
    let parts: Vec<_> = components(tcb, generation).map(|(name, level)| format!("{name} {level}")).collect();
    parts.join(", ")
}

/// The chip's part of CHIP_ID, in hex.
pub(super) fn chip(chip_id: &[u8; 64], generation: Generation) -> String {
    hex(chip_id.get(..generation.chip_id_length()).unwrap_or(chip_id))
}
