//! Collateral that lies in files.

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_evidence::snp::Table;
use holdfast_verify::{AmdCollateral, Collateral, IntelCollateral};

use crate::failure::Failure;

/// The longest file, in bytes; real ones have some ten thousand.
const LONGEST: u64 = 16 << 20;

/// Intel's part of a folder.
const INTEL: &str = "collateral.json";

/// AMD's parts of a folder, by what each may be called.
const VEK: [&str; 3] = ["vek.der", "vcek.der", "vlek.der"];
const INTERMEDIATE: [&str; 3] = ["intermediate.der", "ask.der", "asvk.der"];
const ROOT: [&str; 2] = ["root.der", "ark.der"];
const CRL: [&str; 1] = ["crl.der"];

/// The collateral in a folder, in a JSON bundle, or in a certificate table as an SNP host hands it out.
pub(super) fn read(path: &Path) -> Result<Collateral, Failure> {
    if !path.is_dir() {
        let bytes = crate::input::read(path, LONGEST)?;
        return if bytes.first() == Some(&b'{') { intel(path, &bytes) } else { table(path, &bytes) };
    }
    if let Some(bytes) = first(path, &[INTEL])? {
        return intel(&path.join(INTEL), &bytes);
    }
    let Some(vek) = first(path, &VEK)? else {
        let message = format!(
            "{} holds no collateral: for a quote it needs {INTEL}, for a report {} and {}",
            path.display(),
            VEK.join(" or "),
            INTERMEDIATE.join(" or "),
        );
        return Err(Failure::new(ExitCode::Input, message));
    };
    Ok(Collateral::Amd(AmdCollateral {
        vek,
        intermediate: first(path, &INTERMEDIATE)?.unwrap_or_default(),
        root: first(path, &ROOT)?,
        crl: first(path, &CRL)?,
    }))
}

/// Writes collateral into a folder, as [`read`] reads it.
pub(super) fn write(folder: &Path, collateral: &Collateral) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(ExitCode::Output, format!("cannot write into {}: {error}", folder.display()))
    };
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).map_err(failed);
    std::fs::create_dir_all(folder).map_err(failed)?;
    match collateral {
        Collateral::None => Ok(()),
        Collateral::Intel(bundle) => {
            let text = serde_json::to_vec_pretty(bundle)
                .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?;
            put(INTEL, &text)
        }
        Collateral::Amd(parts) => {
            let [vek, ..] = VEK;
            let [_, intermediate, _] = INTERMEDIATE;
            let (optional, [_, root], [crl]) = ([&parts.root, &parts.crl], ROOT, CRL);
            put(vek, &parts.vek)?;
            put(intermediate, &parts.intermediate)?;
            for (name, bytes) in [root, crl].into_iter().zip(optional) {
                bytes.as_ref().map_or(Ok(()), |bytes| put(name, bytes))?;
            }
            Ok(())
        }
    }
}

/// The first of these files that is there.
fn first(folder: &Path, names: &[&str]) -> Result<Option<Vec<u8>>, Failure> {
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.map(|path| crate::input::read(&path, LONGEST)).transpose()
}

fn intel(path: &Path, bytes: &[u8]) -> Result<Collateral, Failure> {
    let collateral: IntelCollateral = serde_json::from_slice(bytes)
        .map_err(|error| unusable(path, &format!("no collateral of Intel's: {error}")))?;
    Ok(Collateral::Intel(Box::new(collateral)))
}

fn table(path: &Path, bytes: &[u8]) -> Result<Collateral, Failure> {
    let table = Table::parse(bytes).map_err(|error| unusable(path, &error.to_string()))?;
    let collateral = AmdCollateral::from(&table);
    if collateral.vek.is_empty() {
        return Err(unusable(path, "it has neither VCEK nor VLEK"));
    }
    Ok(Collateral::Amd(collateral))
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(ExitCode::Evidence, format!("{}: {why}", path.display()))
}
