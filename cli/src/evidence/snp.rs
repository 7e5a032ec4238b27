use holdfast_evidence::snp::{Generation, GuestPolicy, PlatformInfo, Report, SigningKey, Tcb, TcbLayout};

use super::field::{Explained, Mood, bits, hex, number};

pub(super) fn explain(report: &Report) -> Explained {
    let mut out = Explained::new(format!("SEV-SNP attestation report, version {}", report.version));
    let generation = report.generation();
    out.says("GUEST_SVN", report.guest_svn, "security version of the guest, from the ID block");
    policy(&mut out, report.policy);
    out.bytes("FAMILY_ID", &report.family_id, "none: launched without an ID block");
    out.bytes("IMAGE_ID", &report.image_id, "none: launched without an ID block");
    vmpl(&mut out, report.vmpl);
    match report.signature_algo {
        1 => out.says("SIGNATURE_ALGO", 1, "ECDSA P-384 with SHA-384"),
        other => out.field("SIGNATURE_ALGO", other, "not defined", Mood::Notice),
    }
    tcb(&mut out, "CURRENT_TCB", report.current_tcb, generation, "what the platform runs");
    out.says(
        "PLATFORM_INFO",
        number(report.platform_info.0),
        bits(report.platform_info.0, &PlatformInfo::BITS),
    );
    key(&mut out, report);
    out.bytes("REPORT_DATA", &report.report_data, "the guest bound nothing");
    out.says(
        "MEASUREMENT",
        hex(&report.measurement),
        "launch digest: `holdfast measure` computes the expected one",
    );
    out.bytes("HOST_DATA", &report.host_data, "the host gave none");
    out.bytes("ID_KEY_DIGEST", &report.id_key_digest, "no ID block");
    out.bytes("AUTHOR_KEY_DIGEST", &report.author_key_digest, "no author key");
    out.says("REPORT_ID", hex(&report.report_id), "names this guest, until it ends");
    let agent = report.report_id_ma.iter().any(|byte| *byte != 0xff);
    match agent {
        true => {
            out.field("REPORT_ID_MA", hex(&report.report_id_ma), "a migration agent is bound", Mood::Notice)
        }
        false => out.says("REPORT_ID_MA", hex(&report.report_id_ma), "no migration agent"),
    }
    tcb(&mut out, "REPORTED_TCB", report.reported_tcb, generation, "what the signing key is derived for");
    processor(&mut out, report, generation);
    out.bytes("CHIP_ID", &report.chip_id, "masked: the platform does not tell");
    tcb(&mut out, "COMMITTED_TCB", report.committed_tcb, generation, "the platform cannot go below it");
    out.says("CURRENT version", report.current_version, "SEV firmware: major.minor.build");
    out.says("COMMITTED version", report.committed_version, "the firmware cannot go below it");
    tcb(&mut out, "LAUNCH_TCB", report.launch_tcb, generation, "when this guest was launched");
    if report.version >= 5 {
        let mitigations = "which mitigations were in force at launch, by AMD's bulletins";
        out.says("LAUNCH_MIT_VECTOR", number(report.launch_mit_vector), mitigations);
        out.says("CURRENT_MIT_VECTOR", number(report.current_mit_vector), "and are now");
    }
    let layout = generation.map(Generation::tcb_layout);
    let used = report.reserved(layout).into_iter().find(|(_, part)| part.iter().any(|byte| *byte != 0));
    match used {
        None => out.says("reserved", "zero", "as they must be"),
        Some((at, part)) => {
            out.field("reserved", hex(&part), format!("at byte {at:#x}: must be zero"), Mood::Danger);
        }
    }
    out.says("SIGNATURE R", hex(&report.signature.r), "little endian; `holdfast verify` checks it");
    out.plain("SIGNATURE S", hex(&report.signature.s));
    out
}

fn policy(out: &mut Explained, policy: GuestPolicy) {
    let (major, minor) = policy.abi();
    let words = format!("ABI {major}.{minor} or later; {}", bits(policy.0 & !0x2_ffff, &GuestPolicy::BITS));
    let (mood, words) = match policy {
        _ if policy.debug() => (Mood::Danger, words + ": the host may decrypt this guest's memory"),
        _ if policy.wrong() != 0 => {
            (Mood::Danger, words + ": a bit is set that must not be, or the other way")
        }
        _ if policy.migrate_ma() => (Mood::Notice, words + ": it may be migrated"),
        _ => (Mood::Plain, words),
    };
    out.field("POLICY", number(policy.0), words, mood);
}

fn vmpl(out: &mut Explained, vmpl: u32) {
    match vmpl {
        0 => out.says("VMPL", 0, "the most privileged level of the guest asked"),
        1..=3 => out.field("VMPL", vmpl, "a less privileged level of the guest asked", Mood::Notice),
        u32::MAX => out.field("VMPL", number(vmpl), "the host asked, not the guest", Mood::Danger),
        other => out.field("VMPL", number(other), "not defined", Mood::Danger),
    }
}

fn key(out: &mut Explained, report: &Report) {
    let info = report.key_info;
    let (mood, signer) = match info.signing_key() {
        SigningKey::Vcek => (Mood::Plain, "signed by the chip's key (VCEK)".to_owned()),
        SigningKey::Vlek => (Mood::Plain, "signed by the cloud provider's key (VLEK)".to_owned()),
        SigningKey::None => (Mood::Danger, "not signed".to_owned()),
        SigningKey::Unknown(other) => (Mood::Danger, format!("signed by a key of undefined kind {other}")),
    };
    let author = if info.author_key_en() { "; an author key signed the ID key" } else { "" };
    let (mood, masked) = match info.mask_chip_key() {
        true => (Mood::Danger, "; the chip's key is masked, so the signature is void"),
        false => (mood, ""),
    };
    out.field("KEY_INFO", number(info.0), format!("{signer}{author}{masked}"), mood);
}

fn processor(out: &mut Explained, report: &Report, generation: Option<Generation>) {
    let id = [report.cpuid_fam_id, report.cpuid_mod_id, report.cpuid_step];
    let value = format!("family {:#x}, model {:#x}, stepping {:#x}", id[0], id[1], id[2]);
    match (report.version, generation) {
        (..3, _) => out.says("CPUID", hex(&id), "this version does not tell the processor"),
        (_, Some(generation)) => out.says("CPUID", value, generation.name()),
        (_, None) => out.field("CPUID", value, "a generation that is not known here", Mood::Notice),
    }
}

fn tcb(out: &mut Explained, name: &'static str, tcb: Tcb, generation: Option<Generation>, what: &str) {
    let shown = |layout| {
        let components = tcb.components(layout).into_iter().flatten();
        components.map(|part| format!("{} {}", part.name, part.level)).collect::<Vec<_>>().join(", ")
    };
    let levels = match generation {
        Some(generation) => shown(generation.tcb_layout()),
        // Version 2 is older than Turin.
        None => shown(TcbLayout::Milan),
    };
    out.says(name, hex(&tcb.0), format!("{levels}: {what}"));
}
