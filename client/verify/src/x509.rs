//! AMD's certificates and revocation lists, checked on the bytes that came.
//!
//! General-purpose path builders refuse them: AMD writes the default `trailerField` of RSASSA-PSS out, which DER
//! forbids. The hierarchy is fixed (root, intermediate, leaf), so each link is one call here.

use der::asn1::ObjectIdentifier;
use der::{Decode, Reader, SliceReader};
use p384::ecdsa::VerifyingKey;
use rsa::PublicKey;
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256, Sha384};
use x509_cert::crl::CertificateList;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::UnixTime;

/// The longest certificate or revocation list that is read, in bytes. AMD's have less than 4 KiB.
const MAX_LENGTH: usize = 1 << 18;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and 48 bytes of salt (RFC 4055, section 3.1), in the two
/// encodings that AMD uses: DER, and with the default trailer field written out.
const PSS_SHA384: [&[u8]; 2] = [
    b"\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa2\x03\x02\x01\x30",
    b"\x30\x46\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x39\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa2\x03\x02\x01\x30\xa3\x03\x02\x01\x01",
];

/// Why a certificate or revocation list is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum X509Error {
    #[error("no DER of the structure")]
    Syntax,
    #[error("a signature algorithm other than RSASSA-PSS with SHA-384, or two that differ")]
    Algorithm,
    #[error("a key of another kind")]
    Key,
    #[error("an issuer other than the subject of the certificate above it")]
    Issuer,
    #[error("a certificate above it that is no certificate authority")]
    NoAuthority,
    #[error("a signature that does not hold")]
    Signature,
    #[error("a critical extension that is not known")]
    Critical,
}

type Result<T> = core::result::Result<T, X509Error>;

/// What every signed X.509 structure is: the signed bytes, an algorithm, a signature.
pub(crate) struct Signed<'a> {
    pub(crate) tbs: &'a [u8],
    /// The AlgorithmIdentifier, in DER.
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self> {
        if der.len() > MAX_LENGTH {
            return Err(X509Error::Syntax);
        }
        let mut reader = SliceReader::new(der).map_err(|_| X509Error::Syntax)?;
        let (tbs, algorithm, signature) = reader
            .sequence(|inner| {
                let parts = (inner.tlv_bytes()?, inner.tlv_bytes()?, der::asn1::BitStringRef::decode(inner)?);
                Ok::<_, der::Error>(parts)
            })
            .map_err(|_| X509Error::Syntax)?;
        reader.finish().map_err(|_| X509Error::Syntax)?;
        let signature = signature.as_bytes().ok_or(X509Error::Syntax)?;
        Ok(Self { tbs, algorithm, signature })
    }

    /// Reads what AMD signed.
    fn read_pss(der: &'a [u8]) -> Result<Self> {
        let signed = Self::read(der)?;
        if PSS_SHA384.contains(&signed.algorithm) { Ok(signed) } else { Err(X509Error::Algorithm) }
    }

    fn verify(&self, key: &PublicKey) -> Result<()> {
        key.pss_verify::<Sha384>(self.tbs, self.signature).map_err(|_| X509Error::Signature)
    }
}

/// A certificate: the bytes, and what they say.
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    der: &'a [u8],
    parsed: x509_cert::Certificate,
}

impl<'a> Certificate<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self> {
        Signed::read_pss(der)?;
        let parsed = x509_cert::Certificate::from_der(der).map_err(|_| X509Error::Syntax)?;
        // RFC 5280, section 4.1.1.2: the algorithm inside the signature is the one outside.
        if parsed.signature_algorithm() != parsed.tbs_certificate().signature() {
            return Err(X509Error::Algorithm);
        }
        known_extensions(parsed.tbs_certificate().extensions())?;
        Ok(Self { der, parsed })
    }

    pub(crate) const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// SHA-256 of the DER.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.der).into()
    }

    pub(crate) fn subject(&self) -> &Name {
        self.parsed.tbs_certificate().subject()
    }

    pub(crate) fn issuer(&self) -> &Name {
        self.parsed.tbs_certificate().issuer()
    }

    /// The common name of the subject.
    pub(crate) fn common_name(&self) -> Option<String> {
        let text = self.subject().to_string();
        text.split(',').find_map(|part| part.trim().strip_prefix("CN=").map(str::to_owned))
    }

    pub(crate) fn serial(&self) -> &SerialNumber {
        self.parsed.tbs_certificate().serial_number()
    }

    /// Not valid before, not valid after.
    pub(crate) fn window(&self) -> (UnixTime, UnixTime) {
        let validity = self.parsed.tbs_certificate().validity();
        let seconds = |time: x509_cert::time::Time| UnixTime(time.to_unix_duration().as_secs());
        (seconds(validity.not_before), seconds(validity.not_after))
    }

    /// The content of an extension, if it is there exactly once.
    pub(crate) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        let extensions = self.parsed.tbs_certificate().extensions()?;
        let mut found = extensions.iter().filter(|extension| extension.extn_id == oid);
        let one = found.next()?;
        found.next().is_none().then(|| one.extn_value.as_bytes())
    }

    /// That `issuer` is an authority, is named as the issuer, and signed this certificate.
    pub(crate) fn issued_by(&self, issuer: &Self) -> Result<()> {
        if self.issuer() != issuer.subject() {
            return Err(X509Error::Issuer);
        }
        issuer.authority()?;
        Signed::read_pss(self.der)?.verify(&issuer.rsa_key()?)
    }

    /// RFC 5280, section 6.1.4 (k) and (n).
    fn authority(&self) -> Result<()> {
        let tbs = self.parsed.tbs_certificate();
        let ca = tbs.get_extension::<BasicConstraints>().ok().flatten().is_some_and(|(_, basic)| basic.ca);
        let usage = tbs.get_extension::<KeyUsage>().ok().flatten();
        let signs = usage.is_some_and(|(_, usage)| usage.0.contains(KeyUsages::KeyCertSign));
        if ca && signs { Ok(()) } else { Err(X509Error::NoAuthority) }
    }

    /// The subject's key: RSA of 4096 bits, as all of AMD's authorities have.
    fn rsa_key(&self) -> Result<PublicKey> {
        let spki = self.spki();
        let bits = spki.subject_public_key.as_bytes().filter(|_| spki.algorithm.oid == RSA_ENCRYPTION);
        let key =
            rsa::pkcs1::RsaPublicKeyRef::from_der(bits.ok_or(X509Error::Key)?).map_err(|_| X509Error::Key)?;
        let key = PublicKey::try_from(key).map_err(|_| X509Error::Key)?;
        if key.size() == 512 { Ok(key) } else { Err(X509Error::Key) }
    }

    /// The subject's key: P-384, as all endorsement keys have.
    pub(crate) fn p384_key(&self) -> Result<VerifyingKey> {
        let spki = self.spki();
        let curve = spki.algorithm.parameters.as_ref().and_then(|curve| curve.decode_as().ok());
        if spki.algorithm.oid != EC_PUBLIC_KEY || curve != Some(SECP384R1) {
            return Err(X509Error::Key);
        }
        let point = spki.subject_public_key.as_bytes().ok_or(X509Error::Key)?;
        VerifyingKey::from_sec1_bytes(point).map_err(|_| X509Error::Key)
    }

    fn spki(&self) -> &SubjectPublicKeyInfoOwned {
        self.parsed.tbs_certificate().subject_public_key_info()
    }
}

/// RFC 5280, section 4.2: a critical extension that is not processed means refusal.
fn known_extensions(extensions: Option<&Extensions>) -> Result<()> {
    use der::oid::AssociatedOid;
    let known = [BasicConstraints::OID, KeyUsage::OID];
    let mut critical = extensions.into_iter().flatten().filter(|extension| extension.critical);
    if critical.all(|extension| known.contains(&extension.extn_id)) {
        Ok(())
    } else {
        Err(X509Error::Critical)
    }
}

/// A revocation list.
#[derive(Debug)]
pub(crate) struct Crl<'a> {
    der: &'a [u8],
    parsed: CertificateList,
}

impl<'a> Crl<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self> {
        Signed::read_pss(der)?;
        let parsed = CertificateList::from_der(der).map_err(|_| X509Error::Syntax)?;
        let tbs = &parsed.tbs_cert_list;
        if parsed.signature_algorithm != tbs.signature {
            return Err(X509Error::Algorithm);
        }
        known_extensions(tbs.crl_extensions.as_ref())?;
        Ok(Self { der, parsed })
    }

    /// That `issuer` is named as the issuer, and signed this list.
    pub(crate) fn issued_by(&self, issuer: &Certificate<'_>) -> Result<()> {
        if self.parsed.tbs_cert_list.issuer != *issuer.subject() {
            return Err(X509Error::Issuer);
        }
        issuer.authority()?;
        Signed::read_pss(self.der)?.verify(&issuer.rsa_key()?)
    }

    /// This update, next update. A list without the second is never fresh.
    pub(crate) fn window(&self) -> (UnixTime, UnixTime) {
        let seconds = |time: &x509_cert::time::Time| UnixTime(time.to_unix_duration().as_secs());
        let tbs = &self.parsed.tbs_cert_list;
        (seconds(&tbs.this_update), tbs.next_update.as_ref().map_or(UnixTime(0), seconds))
    }

    /// Whether the list names a certificate of its issuer.
    pub(crate) fn names(&self, certificate: &Certificate<'_>) -> bool {
        let mut entries = self.parsed.tbs_cert_list.revoked_certificates.iter().flatten();
        certificate.issuer() == &self.parsed.tbs_cert_list.issuer
            && entries.any(|entry| entry.serial_number == *certificate.serial())
    }
}
