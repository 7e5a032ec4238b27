use p256::ecdsa::SigningKey;

use super::{Intel, PckCa, key};
use crate::der;
use crate::intel::platform::Platform;
use crate::x509::{self, AUTHORITIES, Certificate, DAY, Ecdsa, Text};

/// Intel's arc for the extensions of PCK certificates (PCK Certificate Profile, section 1.3.5).
const SGX: [u32; 7] = [1, 2, 840, 113_741, 1, 13, 1];

pub(super) const ROOT: &str = "Intel SGX Root CA";

/// The common name of an authority.
pub(super) const fn ca_name(ca: PckCa) -> &'static str {
    match ca {
        PckCa::Processor => "Intel SGX PCK Processor CA",
        PckCa::Platform => "Intel SGX PCK Platform CA",
    }
}

/// What differs between two certificates.
struct Issue<'a> {
    subject: &'a str,
    key: &'a SigningKey,
    issuer: (&'a str, &'a SigningKey),
    until: (u64, u64),
    /// Key usage, basic constraints, and what there is besides.
    rest: &'a [Vec<u8>],
    crl: &'a str,
}

impl Intel {
    /// The root certificate, in DER.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        let (key, rest) = (&self.keys.root, [x509::usage(1, 0x06), x509::authority(Some(1))]);
        self.certificate(&Issue {
            subject: ROOT,
            key,
            issuer: (ROOT, key),
            until: AUTHORITIES,
            rest: &rest,
            crl: ROOT_CRL,
        })
    }

    /// The certificate of an authority for PCK certificates, in DER.
    #[must_use]
    pub fn pck_ca(&self, ca: PckCa) -> Vec<u8> {
        self.certificate(&Issue {
            subject: ca_name(ca),
            key: self.ca_key(ca),
            issuer: (ROOT, &self.keys.root),
            until: AUTHORITIES,
            rest: &[x509::usage(1, 0x06), x509::authority(Some(0))],
            crl: ROOT_CRL,
        })
    }

    /// The certificate of who signs TCB info and identities, in DER.
    #[must_use]
    pub fn tcb_signing(&self) -> Vec<u8> {
        self.certificate(&Issue {
            subject: "Intel SGX TCB Signing",
            key: &self.keys.tcb_signing,
            issuer: (ROOT, &self.keys.root),
            until: AUTHORITIES,
            rest: &[x509::usage(6, 0xc0), x509::no_authority()],
            crl: ROOT_CRL,
        })
    }

    /// The platform's PCK certificate, in DER. Begins a month before `now` and ends the day before if it is to be
    /// expired.
    pub(super) fn pck(&self, platform: &Platform, now: u64, expired: bool) -> Vec<u8> {
        let from = now.saturating_sub(30 * DAY);
        let to = if expired { now.saturating_sub(DAY) } else { from + 7 * 365 * DAY };
        self.certificate(&Issue {
            subject: PCK,
            key: &self.pck_key(platform),
            issuer: (ca_name(self.ca), self.ca_key(self.ca)),
            until: (from, to),
            rest: &[x509::usage(6, 0xc0), x509::no_authority(), self.sgx_extension(platform)],
            crl: match self.ca {
                PckCa::Processor => {
                    "https://pcs.simulated.invalid/sgx/certification/v4/pckcrl?ca=processor&encoding=der"
                }
                PckCa::Platform => {
                    "https://pcs.simulated.invalid/sgx/certification/v4/pckcrl?ca=platform&encoding=der"
                }
            },
        })
    }

    /// The PCK. As on hardware it depends on the TCB that it is derived for.
    pub(super) fn pck_key(&self, platform: &Platform) -> SigningKey {
        key(self.seed, &format!("PCK {:?} {}", platform.cpu_svn, platform.pce_svn))
    }

    /// The serial number of the PCK certificate.
    pub(super) fn pck_serial(&self) -> [u8; 20] {
        self.seed.serial(PCK)
    }

    fn certificate(&self, issue: &Issue<'_>) -> Vec<u8> {
        let key = x509::p256_key(issue.key);
        let mut extensions = vec![
            x509::authority_key(&x509::p256_key(issue.issuer.1)),
            x509::distribution_point(issue.crl),
            x509::subject_key(&key),
        ];
        extensions.extend_from_slice(issue.rest);
        let certificate = Certificate {
            serial: &self.seed.serial(issue.subject),
            issuer: &name(issue.issuer.0),
            subject: &name(issue.subject),
            not_before: issue.until.0,
            not_after: issue.until.1,
            key: &key,
            extensions: &extensions,
        };
        certificate.sign(&Ecdsa(issue.issuer.1))
    }

    /// The extension that says which platform it is and what its TCB is.
    fn sgx_extension(&self, platform: &Platform) -> Vec<u8> {
        let entry = |arc: &[u32], content: &[u8]| der::sequence(&[&der::oid(&[&SGX, arc].concat()), content]);
        let tcb: Vec<_> = (1..)
            .zip(platform.cpu_svn)
            .map(|(arc, svn)| entry(&[2, arc], &der::number(svn.into())))
            .chain([
                entry(&[2, 17], &der::number(platform.pce_svn.into())),
                entry(&[2, 18], &der::octets(&[&platform.cpu_svn])),
            ])
            .collect();
        let mut entries = vec![
            entry(&[1], &der::octets(&[&self.seed.bytes::<16>("PPID")])),
            entry(&[2], &der::sequence_of(&tcb)),
            entry(&[3], &der::octets(&[&[0, 0]])),
            entry(&[4], &der::octets(&[&self.fmspc()])),
        ];
        let standard: &[u8] = &[0];
        let scalable: &[u8] = &[1];
        match self.ca {
            PckCa::Processor => entries.push(entry(&[5], &der::value(0x0a, &[standard]))),
            PckCa::Platform => {
                let flags = [(1, true), (2, false), (3, true)];
                let flags = flags.map(|(arc, is)| entry(&[7, arc], &der::boolean(is)));
                entries.extend([
                    entry(&[5], &der::value(0x0a, &[scalable])),
                    entry(&[6], &der::octets(&[&self.seed.bytes::<16>("platform instance")])),
                    entry(&[7], &der::sequence_of(&flags)),
                ]);
            }
        }
        x509::extension(&SGX, false, &der::sequence_of(&entries))
    }
}

const PCK: &str = "Intel SGX PCK Certificate";

const ROOT_CRL: &str = "https://certificates.simulated.invalid/IntelSGXRootCA.der";

/// A name as the vendor writes it, but for who it is: common names are the vendor's, since verifiers read the
/// kind of a certificate from them.
pub(super) fn name(common: &str) -> Vec<u8> {
    x509::name(&[
        (3, Text::Utf8(common)),
        (10, Text::Utf8("SIMULATED, not Intel Corporation")),
        (7, Text::Utf8("Santa Clara")),
        (8, Text::Utf8("CA")),
        (6, Text::Printable("US")),
    ])
}
