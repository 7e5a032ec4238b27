//! vCPU models by name. A model's signature is in RDX of the initial registers, so it is measured.

/// CPUID function 1 EAX for a family, model and stepping (AMD 25481, *CPUID Specification*,
/// "Family, Model, Stepping Identifiers").
#[must_use]
pub const fn cpuid_signature(family: u32, model: u32, stepping: u32) -> u32 {
    let (base, extended) = if family > 0xf { (0xf, (family - 0xf) & 0xff) } else { (family, 0) };
    (extended << 20) | ((model >> 4 & 0xf) << 16) | (base << 8) | ((model & 0xf) << 4) | (stepping & 0xf)
}

/// The signature of a vCPU model by QEMU's name of it (`-cpu`), with or without a version as in
/// `EPYC-Milan-v2`. `None` for a name that is not known.
#[must_use]
pub fn vcpu_model_signature(name: &str) -> Option<u32> {
    let (family, model, stepping) = match name.rsplit_once("-v").map_or(name, |(model, _version)| model) {
        "EPYC" | "EPYC-IBPB" => (23, 1, 2),
        "EPYC-Rome" => (23, 49, 0),
        "EPYC-Milan" => (25, 1, 1),
        "EPYC-Genoa" => (25, 17, 0),
        "EPYC-Turin" => (26, 0, 0),
        _ => return None,
    };
    Some(cpuid_signature(family, model, stepping))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models() {
        assert_eq!(vcpu_model_signature("EPYC-v4"), Some(8_392_466));
        assert_eq!(vcpu_model_signature("EPYC-Milan"), Some(0x00a0_0f11));
        assert_eq!(vcpu_model_signature("EPYC-Genoa-v1"), Some(0x00a1_0f10));
        assert_eq!(vcpu_model_signature("host"), None);
    }
}
