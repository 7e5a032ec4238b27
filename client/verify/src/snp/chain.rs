//! Root, intermediate authority, endorsement key.

use holdfast_evidence::snp::Generation;

use super::vek::Vek;
use crate::anchors::{ARKS, Standing, standing};
use crate::ledger::{Check, Fault, Ledger, Pass};
use crate::policy::{Insecure, Revocation, hex};
use crate::verdict::Blame;
use crate::x509::{Certificate, Crl, X509Error};
use crate::{AmdCollateral, Step, UnixTime};

const FETCH: &str = "fetch the chain from AMD's key distribution service again";
const FORGED: &str = "do not trust where this came from; fetch the chain from AMD's key distribution service";

/// What the chain's steps leave for those on the report.
pub(super) struct Chain<'a> {
    /// The endorsement key's certificate, as far as it can be read.
    pub(super) vek: Option<Vek<'a>>,
    /// Whether the intermediate authority is one for VLEKs.
    pub(super) for_providers: bool,
    /// The generation that the root is for.
    pub(super) generation: Option<Generation>,
}

/// Does the steps [`Step::Root`] to [`Step::Revocation`]. `revocation` is `None` if the policy is silent on SNP.
pub(super) fn check<'a>(
    ledger: &mut Ledger,
    collateral: &'a AmdCollateral,
    insecure: &Insecure,
    revocation: Option<Revocation>,
    now: UnixTime,
) -> Chain<'a> {
    let intermediate = read("ASK or ASVK", &collateral.intermediate);
    let vek = read("VCEK or VLEK", &collateral.vek);
    let root = root(collateral, intermediate.as_ref().ok());
    let root = ledger.yielding(Step::Root, root.and_then(|root| trusted(root, insecure)));
    let root = root.map(|(root, standing)| {
        if standing == Standing::Simulated {
            ledger.simulated();
        }
        root
    });
    let intermediate = link(ledger, Step::Intermediate, intermediate, root.as_ref());
    let vek = link(ledger, Step::EndorsementKey, vek, intermediate.as_ref());
    if let (Some(root), Some(intermediate), Some(vek)) = (&root, &intermediate, &vek) {
        ledger.record(Step::Validity, valid([root, intermediate, vek], now));
        if let Some(revocation) = revocation {
            let check = revoked(collateral.crl.as_deref(), root, [intermediate, vek], revocation, now);
            ledger.record(Step::Revocation, check);
        }
    }
    let for_providers =
        intermediate.as_ref().and_then(Certificate::common_name).is_some_and(|name| name.contains("-VLEK-"));
    Chain {
        vek: vek.map(|certificate| Vek { certificate }),
        for_providers,
        generation: root.as_ref().and_then(generation),
    }
}

fn read<'a>(what: &str, der: &'a [u8]) -> Result<Certificate<'a>, Fault> {
    if der.is_empty() {
        return Err(Fault::new(Blame::Collateral, format!("no {what} certificate"), "one", FETCH));
    }
    Certificate::read(der).map_err(|error| {
        Fault::new(
            Blame::Collateral,
            format!("a {what} certificate with {error}"),
            "X.509 as AMD issues it",
            FETCH,
        )
    })
}

/// Does the step of one link: the certificate can be read, and its issuer, if that is known, issued it. Hands the
/// certificate on even if not: the steps on what it says are decided too.
fn link<'a>(
    ledger: &mut Ledger,
    step: Step,
    certificate: Result<Certificate<'a>, Fault>,
    issuer: Option<&Certificate<'_>>,
) -> Option<Certificate<'a>> {
    match (certificate, issuer) {
        (Err(fault), _) => {
            ledger.record(step, Err(fault));
            None
        }
        (Ok(certificate), None) => Some(certificate),
        (Ok(certificate), Some(issuer)) => {
            ledger.record(step, issued(&certificate, issuer));
            Some(certificate)
        }
    }
}

/// The root that came, or the pinned one that the intermediate names.
fn root<'a>(
    collateral: &'a AmdCollateral,
    intermediate: Option<&Certificate<'a>>,
) -> Result<Certificate<'a>, Fault> {
    if let Some(der) = &collateral.root {
        return read("ARK", der);
    }
    let pinned = ARKS.iter().filter_map(|der| Certificate::read(der).ok());
    let issuer = intermediate.map(Certificate::issuer);
    pinned.into_iter().find(|root| Some(root.subject()) == issuer).ok_or_else(|| {
        let found = issuer
            .map_or_else(|| "no intermediate certificate".to_owned(), |name| format!("the root {name}"));
        Fault::new(Blame::Collateral, found, "a pinned ARK", FORGED)
    })
}

fn trusted<'a>(
    root: Certificate<'a>,
    insecure: &Insecure,
) -> Result<((Certificate<'a>, Standing), Pass), Fault> {
    let name = root.common_name().unwrap_or_else(|| "a root without a name".to_owned());
    match standing(root.der(), root.fingerprint(), &ARKS, insecure) {
        Some(Standing::Pinned) => Ok(((root, Standing::Pinned), Pass::found(format!("{name}, pinned")))),
        Some(Standing::Simulated) => {
            let pass = Pass::found(format!("{name}, SIMULATED: named under [insecure] in the policy"));
            Ok(((root, Standing::Simulated), pass))
        }
        None => Err(Fault::new(
            Blame::Collateral,
            format!("{name}, SHA-256 {}", hex(&root.fingerprint())),
            "a pinned ARK, or one that the policy names under [insecure]",
            FORGED,
        )),
    }
}

fn issued(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Check {
    let name = certificate.common_name().unwrap_or_default();
    let above = issuer.common_name().unwrap_or_default();
    match certificate.issued_by(issuer) {
        Ok(()) => Ok(Pass::found(format!("{name}, by {above}"))),
        Err(error) => {
            let found = format!("{name}: {error}");
            let remedy = if error == X509Error::Issuer { FETCH } else { FORGED };
            Err(Fault::new(Blame::Collateral, found, format!("a certificate issued by {above}"), remedy))
        }
    }
}

fn valid(certificates: [&Certificate<'_>; 3], now: UnixTime) -> Check {
    let mut until = UnixTime(u64::MAX);
    for certificate in certificates {
        let (from, to) = certificate.window();
        if now < from || now > to {
            let name = certificate.common_name().unwrap_or_default();
            return Err(Fault::new(
                Blame::Collateral,
                format!("{name}, valid {from} to {to}"),
                format!("validity at {now}"),
                "fetch a current certificate, or correct the clock or the time that was asked for",
            ));
        }
        until = until.min(to);
    }
    Ok(Pass::found(format!("all until {until}")))
}

fn revoked(
    der: Option<&[u8]>,
    root: &Certificate<'_>,
    certificates: [&Certificate<'_>; 2],
    demand: Revocation,
    now: UnixTime,
) -> Check {
    const REMEDY: &str = "fetch the revocation list from AMD's key distribution service";
    let refuse =
        |found: String| Err(Fault::new(Blame::Collateral, found, "a fresh list signed by the root", REMEDY));
    let Some(der) = der else {
        return match demand {
            Revocation::Required => refuse("no revocation list".to_owned()),
            Revocation::Waived => Ok(Pass::Any("no revocation list".to_owned())),
        };
    };
    let crl = match Crl::read(der).and_then(|crl| crl.issued_by(root).map(|()| crl)) {
        Ok(crl) => crl,
        Err(error) => return refuse(format!("a revocation list with {error}")),
    };
    // A list that names a certificate counts however old it is: revocation is for ever.
    if let Some(named) = certificates.into_iter().find(|certificate| crl.names(certificate)) {
        let name = named.common_name().unwrap_or_default();
        return Err(Fault::new(
            Blame::Collateral,
            format!("{name}, serial {}, revoked", named.serial()),
            "a certificate that is not revoked",
            "AMD has withdrawn this key: fetch the current chain, and do not use what the old one vouched for",
        ));
    }
    let (from, to) = crl.window();
    match (from <= now && now <= to, demand) {
        (true, _) => Ok(Pass::found(format!("none named, list valid until {to}"))),
        (false, Revocation::Required) => refuse(format!("a list for {from} to {to}")),
        (false, Revocation::Waived) => {
            Ok(Pass::Any(format!("none named, but the list is for {from} to {to}")))
        }
    }
}

/// The generation in the root's name: "ARK-Milan".
fn generation(root: &Certificate<'_>) -> Option<Generation> {
    let name = root.common_name()?;
    Generation::ALL.into_iter().find(|generation| name.rsplit('-').next() == Some(generation.name()))
}
