//! AMD 57230, chapter 4: `/vcek/v1/{product}/{hwID}?blSPL=…`, `/cert_chain` and `/crl`, and the same for VLEKs,
//! whose certificates only providers get.

use holdfast_evidence::snp::{Tcb, TcbLayout};

use super::{Answer, Query, hex};
use crate::amd::{Amd, Key};
use crate::der;

pub(super) fn answer(
    vendors: &[Amd],
    service: &str,
    product: &str,
    what: &[&str],
    query: &Query<'_>,
    now: u64,
) -> Answer {
    let key = if service == "vcek" { Key::Vcek } else { Key::Vlek };
    let Some(amd) = vendors.iter().find(|amd| amd.generation().name() == product) else {
        return Answer::refusal(404);
    };
    match (key, what) {
        (_, ["cert_chain"]) => {
            Answer::ok("application/x-pem-file", der::pem(&[amd.intermediate(key), amd.root()]))
        }
        (_, ["crl"]) => Answer::ok("application/pkix-crl", amd.crl(now, None)),
        (Key::Vcek, [chip]) => vcek(amd, chip, query, now),
        _ => Answer::refusal(404),
    }
}

/// The certificate for a chip and a TCB. All levels must be asked for.
fn vcek(amd: &Amd, chip: &str, query: &Query<'_>, now: u64) -> Answer {
    let known = hex(&amd.chip_id()[..amd.generation().chip_id_length()]);
    if !chip.eq_ignore_ascii_case(&known) {
        return Answer::refusal(404);
    }
    match tcb(amd.generation().tcb_layout(), query) {
        Some(tcb) => Answer::ok("application/octet-stream", amd.vek(Key::Vcek, tcb, now, false)),
        None => Answer::refusal(400),
    }
}

/// The TCB that is asked for, if all its levels are.
fn tcb(layout: TcbLayout, query: &Query<'_>) -> Option<Tcb> {
    let level = |name| query.get(name)?.parse().ok();
    let (loader, tee, snp) = (level("blSPL")?, level("teeSPL")?, level("snpSPL")?);
    let microcode = level("ucodeSPL")?;
    Some(Tcb(match layout {
        TcbLayout::Milan => [loader, tee, 0, 0, 0, 0, snp, microcode],
        TcbLayout::Turin => [level("fmcSPL")?, loader, tee, snp, 0, 0, 0, microcode],
    }))
}
