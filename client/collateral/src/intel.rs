use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Reader as _, SliceReader};
use holdfast_evidence::quote::{Content, Quote};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fetcher::{Answer, Item, LIST_AGE, Shape};
use crate::{FetchError, Fetcher};

/// A TEE, and so a set of collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tee {
    /// SGX.
    Sgx,
    /// TDX.
    Tdx,
}

/// An authority for PCK certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PckCa {
    /// Of platforms with one package.
    Processor,
    /// Of platforms with several.
    Platform,
}

/// What the collateral depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The TEE.
    pub tee: Tee,
    /// FMSPC: family, model, stepping, platform type, custom SKU.
    pub fmspc: [u8; 6],
    /// Who issued the PCK certificate.
    pub ca: PckCa,
}

/// The SGX extension of PCK certificates, and FMSPC in it (PCK Certificate Profile, section 1.3.5).
const SGX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");
const FMSPC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1.4");

impl Platform {
    /// The platform of a quote that has its PCK certificate's chain with it.
    ///
    /// # Errors
    /// [`FetchError::Evidence`].
    pub fn of(quote: &Quote) -> Result<Self, FetchError> {
        const NO_PCK: FetchError = FetchError::Evidence("there is no PCK certificate in the quote");
        let certification = &quote.signature.certification;
        if certification.content() != Content::PckChain {
            return Err(FetchError::Evidence("the quote comes without the chain of its PCK certificate"));
        }
        let tee = if quote.body.td().is_some() { Tee::Tdx } else { Tee::Sgx };
        let blocks = pem::parse_many(&certification.data).map_err(|_| NO_PCK)?;
        let leaf = blocks.first().ok_or(NO_PCK)?;
        let certificate = x509_cert::Certificate::from_der(leaf.contents()).map_err(|_| NO_PCK)?;
        let tbs = certificate.tbs_certificate();
        let ca =
            if tbs.issuer().to_string().contains("Platform CA") { PckCa::Platform } else { PckCa::Processor };
        let extension = tbs.extensions().into_iter().flatten().find(|extension| extension.extn_id == SGX);
        let fmspc = extension.and_then(|extension| fmspc(extension.extn_value.as_bytes()).ok().flatten());
        let fmspc = fmspc.ok_or(FetchError::Evidence("the PCK certificate has no FMSPC"))?;
        Ok(Self { tee, fmspc, ca })
    }
}

/// Looks for FMSPC in the sequence of (identifier, value).
fn fmspc(extension: &[u8]) -> der::Result<Option<[u8; 6]>> {
    let mut found = None;
    SliceReader::new(extension)?.sequence(|entries| {
        while !entries.is_finished() {
            entries.sequence(|entry| {
                let oid = ObjectIdentifier::decode(entry)?;
                let value = AnyRef::decode(entry)?;
                if oid == FMSPC {
                    found = value.decode_as::<&OctetStringRef>()?.as_bytes().try_into().ok();
                }
                Ok::<_, der::Error>(())
            })?;
        }
        Ok::<_, der::Error>(())
    })?;
    Ok(found)
}

/// What a verifier needs for an SGX or TDX quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntelCollateral {
    /// PEM: who signed `pck_crl`.
    pub pck_crl_issuer_chain: String,
    /// DER: the root's revocation list.
    pub root_ca_crl: Vec<u8>,
    /// DER: the PCK authority's revocation list.
    pub pck_crl: Vec<u8>,
    /// PEM: who signed `tcb_info`.
    pub tcb_info_issuer_chain: String,
    /// JSON: the value of `tcbInfo`, byte by byte as it came.
    pub tcb_info: String,
    /// r, s.
    pub tcb_info_signature: Vec<u8>,
    /// PEM: who signed `qe_identity`.
    pub qe_identity_issuer_chain: String,
    /// JSON: the value of `enclaveIdentity`, byte by byte as it came.
    pub qe_identity: String,
    /// r, s.
    pub qe_identity_signature: Vec<u8>,
    /// When the oldest of them was fetched, in seconds since 1970.
    pub oldest: u64,
}

/// The body of an answer that is signed over the bytes of a value in it.
#[derive(Deserialize)]
struct Signed {
    #[serde(alias = "tcbInfo", alias = "enclaveIdentity")]
    value: Box<RawValue>,
    signature: String,
}

impl Fetcher {
    /// Fetches the collateral of a platform (Intel, "Provisioning Certification Service API", version 4).
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn intel(&self, platform: &Platform, now: u64) -> Result<IntelCollateral, FetchError> {
        let pcs = &self.sources.pcs;
        let tee = match platform.tee {
            Tee::Sgx => "sgx",
            Tee::Tdx => "tdx",
        };
        let ca = match platform.ca {
            PckCa::Processor => "processor",
            PckCa::Platform => "platform",
        };
        let fmspc: String = platform.fmspc.iter().map(|byte| format!("{byte:02x}")).collect();
        let get = |url, field, shape| self.get(&Item { url, field, shape, age: LIST_AGE }, now);

        let root_crl = get(format!("{}/IntelSGXRootCA.der", self.sources.certificates), None, Shape::Der)?;
        let pck_crl = get(
            format!("{pcs}/sgx/certification/v4/pckcrl?ca={ca}&encoding=der"),
            Some("SGX-PCK-CRL-Issuer-Chain"),
            Shape::Der,
        )?;
        let tcb_info = get(
            format!("{pcs}/{tee}/certification/v4/tcb?fmspc={fmspc}"),
            Some("TCB-Info-Issuer-Chain"),
            Shape::Json,
        )?;
        let identity = get(
            format!("{pcs}/{tee}/certification/v4/qe/identity"),
            Some("SGX-Enclave-Identity-Issuer-Chain"),
            Shape::Json,
        )?;
        let answers = [&root_crl, &pck_crl, &tcb_info, &identity];
        let oldest = answers.into_iter().map(|answer| answer.entry.fetched).min().unwrap_or(now);
        let (tcb_info_value, tcb_info_signature) = signed(&tcb_info)?;
        let (qe_identity, qe_identity_signature) = signed(&identity)?;
        Ok(IntelCollateral {
            pck_crl_issuer_chain: issuer(&pck_crl)?,
            root_ca_crl: root_crl.body,
            pck_crl: pck_crl.body,
            tcb_info_issuer_chain: issuer(&tcb_info)?,
            tcb_info: tcb_info_value,
            tcb_info_signature,
            qe_identity_issuer_chain: issuer(&identity)?,
            qe_identity,
            qe_identity_signature,
            oldest,
        })
    }
}

fn malformed(answer: &Answer, expected: &'static str) -> FetchError {
    FetchError::Malformed { url: answer.entry.url.clone(), expected }
}

fn signed(answer: &Answer) -> Result<(String, Vec<u8>), FetchError> {
    let signed: Signed =
        serde_json::from_slice(&answer.body).map_err(|_| malformed(answer, "a value and its signature"))?;
    let signature = unhex(&signed.signature).ok_or_else(|| malformed(answer, "signed in hex"))?;
    Ok((signed.value.get().to_owned(), signature))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            u8::from_str_radix(core::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
        })
        .collect()
}

/// The issuer's chain, which stands in a header field, percent-encoded.
fn issuer(answer: &Answer) -> Result<String, FetchError> {
    let field = answer.field.as_deref().unwrap_or_default();
    let text = percent_decode_str(field).decode_utf8();
    text.map(Into::into).map_err(|_| malformed(answer, "accompanied by its issuer's chain in PEM"))
}
