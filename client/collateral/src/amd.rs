use holdfast_evidence::snp::{Generation, Report, SigningKey};

use crate::fetcher::{CERTIFICATE_AGE, Item, LIST_AGE, Shape, chain};
use crate::{FetchError, Fetcher};

/// What a verifier needs for a SEV-SNP report, in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmdCollateral {
    /// The VCEK certificate. `None` if the report is signed by a VLEK: that certificate comes from the host.
    pub vek: Option<Vec<u8>>,
    /// The ASK or ASVK certificate.
    pub intermediate: Vec<u8>,
    /// The ARK certificate.
    pub root: Vec<u8>,
    /// The ARK's revocation list.
    pub crl: Vec<u8>,
    /// When the oldest of them was fetched, in seconds since 1970.
    pub oldest: u64,
}

impl Fetcher {
    /// Fetches the collateral of a report (AMD 57230, chapter 4). The generation is the report's own
    /// ([`Report::generation`]), or, for version 2, the caller's to know.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn amd(
        &self,
        report: &Report,
        generation: Generation,
        now: u64,
    ) -> Result<AmdCollateral, FetchError> {
        let kds = &self.sources.kds;
        let (service, vek) = match report.key_info.signing_key() {
            SigningKey::Vcek => ("vcek", Some(vcek(kds, report, generation)?)),
            SigningKey::Vlek => ("vlek", None),
            SigningKey::None | SigningKey::Unknown(_) => {
                return Err(FetchError::Evidence("SIGNING_KEY is neither VCEK nor VLEK"));
            }
        };
        let item = |what, shape, age| Item {
            url: format!("{kds}/{service}/v1/{generation}/{what}"),
            field: None,
            shape,
            age,
        };
        let vek = vek.map(|item| self.get(&item, now)).transpose()?;
        let authorities = self.get(&item("cert_chain", Shape::Chain, CERTIFICATE_AGE), now)?;
        let crl = self.get(&item("crl", Shape::Der, LIST_AGE), now)?;
        let oldest = [Some(&authorities), Some(&crl), vek.as_ref()];
        let oldest = oldest.into_iter().flatten().map(|answer| answer.entry.fetched).min().unwrap_or(now);
        let [intermediate, root] = chain(&authorities.body).unwrap_or_default();
        Ok(AmdCollateral { vek: vek.map(|answer| answer.body), intermediate, root, crl: crl.body, oldest })
    }
}

fn vcek(kds: &str, report: &Report, generation: Generation) -> Result<Item, FetchError> {
    let chip = report.chip_id.get(..generation.chip_id_length()).unwrap_or(&report.chip_id);
    if chip.iter().all(|byte| *byte == 0) {
        return Err(FetchError::Evidence("CHIP_ID is masked; ask the host for the VCEK certificate"));
    }
    let chip: String = chip.iter().map(|byte| format!("{byte:02x}")).collect();
    let levels = report.reported_tcb.components(generation.tcb_layout()).into_iter().flatten();
    let levels: Vec<_> = levels.map(|part| format!("{}={:02}", part.name, part.level)).collect();
    Ok(Item {
        url: format!("{kds}/vcek/v1/{generation}/{chip}?{}", levels.join("&")),
        field: None,
        shape: Shape::Der,
        age: CERTIFICATE_AGE,
    })
}
