//! The steps that hold a report against the policy.

use holdfast_evidence::snp::{Generation, GuestPolicy, PlatformInfo, Report};
use holdfast_evidence::x509::Binding;

use super::vek::{components, shown};
use crate::ledger::{Check, Fault, Pass, all, listed};
use crate::policy::{Firmware, Hex, Policy, SnpPolicy, hex};
use crate::verdict::Blame;

const RELAUNCH: &str = "launch the guest with other settings, or accept these in the policy";
const UPDATE: &str = "the machine's owner must update firmware and microcode";
const UNKNOWN: &str = "if you trust it, add it to the policy";

/// All four TCBs, for each says something else: what is running, what the key is for, what cannot be rolled
/// back, and what the guest was launched under.
pub(super) fn tcb(report: &Report, generation: Generation, policy: &SnpPolicy) -> Check {
    let processor = processor(report, generation);
    let Some(floor) = policy.minimum_tcb.get(processor) else {
        let known: Vec<_> = policy.minimum_tcb.keys().cloned().collect();
        let found = format!("a {processor}");
        return Err(Fault::new(
            Blame::Policy,
            found,
            known.join(", "),
            "add a minimum_tcb for this processor",
        ));
    };
    for (which, tcb) in [
        ("REPORTED_TCB", report.reported_tcb),
        ("CURRENT_TCB", report.current_tcb),
        ("COMMITTED_TCB", report.committed_tcb),
        ("LAUNCH_TCB", report.launch_tcb),
    ] {
        for (name, level) in components(tcb, generation) {
            let found = || format!("{which} with {name} {level}");
            match floor.of(name) {
                Some(least) if level >= least => {}
                Some(least) => {
                    return Err(Fault::new(Blame::Platform, found(), format!("at least {least}"), UPDATE));
                }
                None => {
                    let (expected, remedy) = (format!("a floor for {name}"), "add it to minimum_tcb");
                    return Err(Fault::new(Blame::Policy, found(), expected, remedy));
                }
            }
        }
    }
    Ok(Pass::found(format!("committed: {}", shown(report.committed_tcb, generation))))
}

/// The processor whose floor counts. Models of a generation share their keys but not the numbering of their
/// microcode. A report of version 2 does not name the model, and counts as the generation's first.
fn processor(report: &Report, generation: Generation) -> &'static str {
    if report.version < 3 {
        return generation.name();
    }
    match (generation, report.cpuid_mod_id, report.cpuid_step) {
        (Generation::Milan, _, 2..) => "Milan-X",
        (Generation::Genoa, 0xa0..=0xaf, _) => "Bergamo",
        (Generation::Genoa, _, 2..) => "Genoa-X",
        (Generation::Turin, 0x10..=0x1f, _) => "Turin-Dense",
        _ => generation.name(),
    }
}

pub(super) fn firmware(report: &Report, policy: &SnpPolicy) -> Check {
    let committed = report.committed_version;
    let found = Firmware(committed.major, committed.minor, committed.build);
    let Firmware(major, minor, build) = policy.minimum_firmware;
    if found >= policy.minimum_firmware {
        return Ok(Pass::found(committed.to_string()));
    }
    Err(Fault::new(
        Blame::Platform,
        committed.to_string(),
        format!("at least {major}.{minor}.{build}"),
        UPDATE,
    ))
}

pub(super) fn debug(report: &Report) -> Check {
    if report.policy.debug() {
        let found = "POLICY with DEBUG: the host may read the guest's memory";
        return Err(Fault::new(
            Blame::Evidence,
            found,
            "DEBUG off",
            "launch the guest without DEBUG in its policy",
        ));
    }
    Ok(Pass::found("off"))
}

/// Not allowed by POLICY, and no agent bound: REPORT_ID_MA is all ones.
pub(super) fn migration(report: &Report) -> Check {
    let remedy = "launch the guest without a migration agent";
    if report.policy.migrate_ma() {
        return Err(Fault::new(Blame::Evidence, "POLICY with MIGRATE_MA", "MIGRATE_MA off", remedy));
    }
    if report.report_id_ma != [0xff; 32] {
        let found = format!("REPORT_ID_MA {}", Hex(report.report_id_ma));
        return Err(Fault::new(Blame::Evidence, found, "all ones: no migration agent", remedy));
    }
    Ok(Pass::found("off, no agent"))
}

/// Bits that [`debug`] and [`migration`] and `reserved` decide.
const DECIDED: [&str; 3] = ["DEBUG", "MIGRATE_MA", "reserved, one"];

pub(super) fn guest_policy(report: &Report, policy: &SnpPolicy) -> Check {
    let (must, may) = (&policy.guest_policy_must, &policy.guest_policy_may);
    for (position, name) in GuestPolicy::BITS {
        let (set, demanded) = (report.policy.bit(position), must.iter().any(|other| other == name));
        if demanded && !set {
            return Err(Fault::new(Blame::Evidence, format!("{name} off"), format!("{name} on"), RELAUNCH));
        }
        let allowed = demanded || DECIDED.contains(&name) || may.iter().any(|other| other == name);
        if set && !allowed {
            return Err(Fault::new(Blame::Evidence, format!("{name} on"), format!("{name} off"), RELAUNCH));
        }
    }
    Ok(Pass::found(format!("POLICY {:#x}", report.policy.0)))
}

pub(super) fn vmpl(report: &Report, policy: &SnpPolicy) -> Check {
    let found = match report.vmpl {
        u32::MAX => "the host".to_owned(),
        level => format!("VMPL {level}"),
    };
    if policy.vmpl.contains(&report.vmpl) {
        return Ok(Pass::found(found));
    }
    let remedy = "ask for the report at an accepted level, or accept this one in vmpl";
    Err(Fault::new(Blame::Evidence, found, format!("VMPL of {:?}", policy.vmpl), remedy))
}

/// Bits that no name is known for are not looked at: firmware adds to them.
pub(super) fn platform_info(report: &Report, policy: &SnpPolicy) -> Check {
    const REMEDY: &str =
        "the machine's owner must change its set-up (BIOS, SNP_CONFIG), or the policy accept it";
    for (position, name) in PlatformInfo::BITS {
        let set = report.platform_info.bit(position);
        let named = |list: &[String]| list.iter().any(|other| other == name);
        if named(&policy.platform_info_must) && !set {
            return Err(Fault::new(Blame::Platform, format!("{name} off"), format!("{name} on"), REMEDY));
        }
        if named(&policy.platform_info_must_not) && set {
            return Err(Fault::new(Blame::Platform, format!("{name} on"), format!("{name} off"), REMEDY));
        }
    }
    Ok(Pass::found(format!("PLATFORM_INFO {:#x}", report.platform_info.0)))
}

/// Before version 5 a report says nothing of mitigations, and has none.
pub(super) fn mitigations(report: &Report, policy: &SnpPolicy) -> Check {
    for (name, vector) in
        [("LAUNCH_MIT_VECTOR", report.launch_mit_vector), ("CURRENT_MIT_VECTOR", report.current_mit_vector)]
    {
        let missing = policy.mitigations & !vector;
        if missing != 0 {
            let (found, expected) = (format!("{name} {vector:#x}"), format!("bits {missing:#x} as well"));
            return Err(Fault::new(Blame::Platform, found, expected, UPDATE));
        }
    }
    let found = format!("{:#x}", report.current_mit_vector);
    Ok(if policy.mitigations == 0 { Pass::Any(found) } else { Pass::found(found) })
}

pub(super) fn platform(report: &Report, policy: &SnpPolicy) -> Check {
    listed(
        "CHIP_ID",
        &Hex(report.chip_id),
        &policy.chip_ids,
        Blame::Platform,
        "use a machine that the policy names",
    )
}

pub(super) fn measurement(report: &Report, policy: &SnpPolicy) -> Check {
    let remedy = "if you trust this image, add its measurement to the policy";
    listed("MEASUREMENT", &Hex(report.measurement), &policy.measurements, Blame::Evidence, remedy)
}

pub(super) fn signer(report: &Report, policy: &SnpPolicy) -> Check {
    // Without AUTHOR_KEY_EN nobody vouches for the digest: it counts as none.
    let author = if report.key_info.author_key_en() { report.author_key_digest } else { [0; 48] };
    all([
        listed("ID_KEY_DIGEST", &Hex(report.id_key_digest), &policy.id_key_digests, Blame::Evidence, UNKNOWN),
        listed("AUTHOR_KEY_DIGEST", &Hex(author), &policy.author_key_digests, Blame::Evidence, UNKNOWN),
        listed("FAMILY_ID", &Hex(report.family_id), &policy.family_ids, Blame::Evidence, UNKNOWN),
        listed("IMAGE_ID", &Hex(report.image_id), &policy.image_ids, Blame::Evidence, UNKNOWN),
        security_version(report, policy),
    ])
}

fn security_version(report: &Report, policy: &SnpPolicy) -> Check {
    let found = format!("GUEST_SVN {}", report.guest_svn);
    if report.guest_svn < policy.minimum_guest_svn {
        let expected = format!("at least {}", policy.minimum_guest_svn);
        return Err(Fault::new(Blame::Evidence, found, expected, "launch a newer image"));
    }
    Ok(if policy.minimum_guest_svn == 0 { Pass::Any(found) } else { Pass::found(found) })
}

pub(super) fn configuration(report: &Report, policy: &SnpPolicy) -> Check {
    listed("HOST_DATA", &Hex(report.host_data), &policy.host_data, Blame::Evidence, UNKNOWN)
}

/// What the policy demands, and for evidence from a certificate that it is for the certificate's key.
pub(crate) fn report_data(found: &[u8; 64], binding: Option<&Binding>, policy: &Policy) -> Check {
    let accept = &policy.report_data.accept;
    let asked = |remedy| listed("REPORT_DATA", &Hex(*found), accept, Blame::Evidence, remedy);
    match binding {
        Some(binding) => all([
            key(binding, found),
            asked(
                "ask again; or let the policy say \"certificate-key\", if that key is all that it must bind",
            ),
        ]),
        None if policy.report_data.certificate_key => Err(Fault::new(
            Blame::Evidence,
            format!("REPORT_DATA {}, and no certificate", hex(found)),
            "a certificate whose key it binds",
            "ask for the certificate that carries the evidence",
        )),
        None => asked("this is an answer to another question: ask again, with a fresh nonce"),
    }
}

fn key(binding: &Binding, report_data: &[u8; 64]) -> Check {
    binding.check(report_data).map_err(|unbound| {
        let found = format!("{} {}", unbound.what, hex(&unbound.found));
        let expected = format!("{}, for the certificate's key", hex(&unbound.expected));
        let remedy = "this evidence is for another key: do not trust the certificate";
        Fault::new(Blame::Evidence, found, expected, remedy)
    })?;
    Ok(Pass::found(format!("the certificate's key, by {}", binding.form.name())))
}
