use holdfast_evidence::carried::{Carried, Carrier};
use holdfast_evidence::x509::{Binding, Form};

use super::field::{Explained, Mood, hex};

/// Adds what the evidence came in, and with what.
pub(super) fn explain(mut out: Explained, carried: &Carried, report_data: &[u8; 64]) -> Explained {
    match &carried.carrier {
        Carrier::Bare => {}
        Carrier::AzureHcl(offset) => {
            out.kind = format!("{} (in a Hyper-V HCL blob, at byte {offset})", out.kind);
        }
        Carrier::Envelope => out.kind = format!("{} (in an envelope)", out.kind),
        Carrier::Certificate(binding) => {
            out.kind = format!("{} (in a certificate: {})", out.kind, binding.form.name());
            certificate(&mut out, binding, report_data);
        }
    }
    for (part, bytes) in &carried.bundle.endorsements {
        let meaning = "came with it; `holdfast verify` checks it, unless there is --collateral";
        out.says(part.label(), format!("{} bytes", bytes.len()), meaning);
    }
    out
}

fn certificate(out: &mut Explained, binding: &Binding, report_data: &[u8; 64]) {
    out.says("certificate's key", hex(&binding.key), "SubjectPublicKeyInfo");
    if let Form::TaggedEvidence(claims) = &binding.form {
        out.says("claims", hex(claims.buffer()), "CBOR; REPORT_DATA is their hash");
        if let Some(nonce) = claims.nonce() {
            out.says("nonce", hex(nonce), "whoever asked for the evidence knows whether it is theirs");
        }
    }
    match binding.check(report_data) {
        Ok(()) => out.says("binding", "holds", "the evidence is for the certificate's key"),
        Err(unbound) => {
            let meaning = format!("{unbound}: it must be {}", hex(&unbound.expected));
            out.field("binding", "broken", meaning, Mood::Danger);
        }
    }
}
