use holdfast_evidence::snp::{Generation, Tcb};

use super::{Amd, Key};
use crate::der;
use crate::x509::{self, AUTHORITIES, Certificate, Crl, DAY, Pss, Text};

/// AMD's arc for the extensions of endorsement keys (AMD 57230, table "VCEK certificate extensions").
const AMD: [u32; 8] = [1, 3, 6, 1, 4, 1, 3704, 1];

impl Amd {
    /// The ARK certificate, in DER.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        let name = format!("ARK-{}", self.generation);
        let key = x509::rsa_key(&self.ark);
        let extensions = [
            x509::usage(1, 0x06),
            x509::subject_key(&key),
            x509::authority(None),
            x509::distribution_point(&self.crl_address(Key::Vcek)),
        ];
        self.authority(0, &name, &name, &key, &extensions)
    }

    /// The ASK or ASVK certificate, in DER.
    #[must_use]
    pub fn intermediate(&self, kind: Key) -> Vec<u8> {
        let key = x509::rsa_key(self.intermediate_key(kind));
        let extensions = [
            x509::subject_key(&key),
            x509::authority_key(&x509::rsa_key(&self.ark)),
            x509::authority(Some(0)),
            x509::usage(2, 0x04),
            x509::distribution_point(&self.crl_address(kind)),
        ];
        let issuer = format!("ARK-{}", self.generation);
        self.authority(serial(kind), &issuer, &self.intermediate_name(kind), &key, &extensions)
    }

    /// The certificate of the processor's VCEK for a TCB, or of its provider's VLEK, in DER.
    /// Begins a month before `now`, in seconds since 1970, and ends the day before if it is to be expired.
    #[must_use]
    pub fn vek(&self, kind: Key, tcb: Tcb, now: u64, expired: bool) -> Vec<u8> {
        let years = match kind {
            Key::Vcek => 7,
            Key::Vlek => 1,
        };
        let not_before = now.saturating_sub(30 * DAY);
        let not_after = if expired { now.saturating_sub(DAY) } else { not_before + years * 365 * DAY };
        let subject = match kind {
            Key::Vcek => "SEV-VCEK",
            Key::Vlek => "SEV-VLEK",
        };
        let certificate = Certificate {
            serial: &[0],
            issuer: &name(&self.intermediate_name(kind)),
            subject: &name(subject),
            not_before,
            not_after,
            key: &x509::p384_key(&self.vek_key(kind, tcb)),
            extensions: &self.vek_extensions(kind, tcb),
        };
        certificate.sign(&self.pss(self.intermediate_key(kind), false))
    }

    /// The ARK's revocation list, in DER. It began a day before `now`, in seconds since 1970, and is for a year;
    /// it names the intermediate authority of `revoked`, if there is one.
    #[must_use]
    pub fn crl(&self, now: u64, revoked: Option<Key>) -> Vec<u8> {
        let serial = revoked.map(|kind| self.serial(serial(kind)).to_be_bytes());
        let crl = Crl {
            issuer: &name(&format!("ARK-{}", self.generation)),
            this_update: now.saturating_sub(DAY),
            next_update: now + 364 * DAY,
            revoked: &serial.iter().map(<[u8; 4]>::as_slice).collect::<Vec<_>>(),
            extensions: &[x509::authority_key(&x509::rsa_key(&self.ark)), x509::crl_number(2)],
        };
        crl.sign(&self.pss(&self.ark, false))
    }

    fn authority(
        &self,
        serial: u32,
        issuer: &str,
        subject: &str,
        key: &[u8],
        extensions: &[Vec<u8>],
    ) -> Vec<u8> {
        let certificate = Certificate {
            serial: &self.serial(serial).to_be_bytes(),
            issuer: &name(issuer),
            subject: &name(subject),
            not_before: AUTHORITIES.0,
            not_after: AUTHORITIES.1,
            key,
            extensions,
        };
        certificate.sign(&self.pss(&self.ark, true))
    }

    fn vek_extensions(&self, kind: Key, tcb: Tcb) -> Vec<Vec<u8>> {
        let turin = self.generation == Generation::Turin;
        let extension = |arc: &[u32], content: &[u8]| x509::extension(&[&AMD, arc].concat(), false, content);
        let product = match (kind, self.generation) {
            (Key::Vcek, Generation::Milan) => "Milan-B0",
            (_, generation) => generation.name(),
        };
        let mut extensions =
            vec![extension(&[1], &der::number(turin.into())), extension(&[2], &der::ia5(product))];
        for component in tcb.components(self.generation.tcb_layout()).into_iter().flatten() {
            let arc = match component.name {
                "fmcSPL" => 9,
                "blSPL" => 1,
                "teeSPL" => 2,
                "snpSPL" => 3,
                _ => 8,
            };
            extensions.push(extension(&[3, arc], &der::number(component.level.into())));
        }
        // The spare levels; Turin has used one of them up.
        for arc in if turin { 5..=7 } else { 4..=7 } {
            extensions.push(extension(&[3, arc], &der::number(0)));
        }
        extensions.push(match kind {
            // The chip's number stands there itself, and not as an octet string.
            Key::Vcek => extension(&[4], &self.chip_id()[..self.generation.chip_id_length()]),
            Key::Vlek => extension(&[5], &der::ia5("CN=simulated.example.invalid")),
        });
        extensions
    }

    fn intermediate_name(&self, kind: Key) -> String {
        match kind {
            Key::Vcek => format!("SEV-{}", self.generation),
            Key::Vlek => format!("SEV-VLEK-{}", self.generation),
        }
    }

    const fn intermediate_key(&self, kind: Key) -> &rsa::PrivateKey {
        match kind {
            Key::Vcek => &self.ask,
            Key::Vlek => &self.asvk,
        }
    }

    const fn pss<'a>(&self, key: &'a rsa::PrivateKey, trailer: bool) -> Pss<'a> {
        Pss { key, seed: self.seed, trailer }
    }

    /// The vendor's serial numbers: the generation's number above two bytes.
    const fn serial(&self, low: u32) -> u32 {
        let generation = match self.generation {
            Generation::Milan => 1,
            Generation::Genoa => 2,
            Generation::Turin => 3,
        };
        generation << 16 | low
    }

    /// Where the vendor has its lists; this one's are fetched by those who know that it is simulated.
    fn crl_address(&self, kind: Key) -> String {
        let service = match kind {
            Key::Vcek => "vcek",
            Key::Vlek => "vlek",
        };
        format!("https://kds.simulated.invalid/{service}/v1/{}/crl", self.generation)
    }
}

const fn serial(kind: Key) -> u32 {
    match kind {
        Key::Vcek => 0x001,
        Key::Vlek => 0x101,
    }
}

/// A name as the vendor writes it, but for who it is: common names are the vendor's, since verifiers read the
/// kind of a certificate and the generation from them.
fn name(common: &str) -> Vec<u8> {
    x509::name(&[
        (11, Text::Utf8("SIMULATED")),
        (6, Text::Printable("US")),
        (7, Text::Utf8("Santa Clara")),
        (8, Text::Utf8("CA")),
        (10, Text::Utf8("SIMULATED, not Advanced Micro Devices")),
        (3, Text::Utf8(common)),
    ])
}
