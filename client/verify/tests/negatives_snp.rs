//! Ways for a SEV-SNP report to be wrong, by name, each in evidence that is right in all else: changed reports are
//! signed again, so that the step for what was changed decides, and not the signature.

mod support;

use holdfast_evidence::snp::{Generation, Report};
use holdfast_sim::Seed;
use holdfast_sim::amd::{Amd, Key, platform_tcb};
use holdfast_verify::{AmdCollateral, Collateral, Denied, Step, UnixTime, Verified, verify};
use support::misjudged;
use support::simulated::{NOW, SEED, amd_claims, amd_policy};

/// What is wrong.
enum Wrong {
    /// What the report says. It is signed again.
    Says(fn(&mut Report)),
    /// The bytes as they come.
    Bytes(fn(&mut Vec<u8>)),
    /// Certificates or list; the vendor can issue others.
    Collateral(fn(&mut AmdCollateral, &Amd)),
    /// The time, in seconds since 1970.
    At(u64),
}

use Wrong::{At, Bytes, Collateral as Endorsed, Says};

const YEAR: u64 = 365 * 86_400;

/// The name, what is wrong, the step that must say so, and a part of what it must say.
type Negative = (&'static str, Wrong, Step, &'static str);

const NEGATIVES: [Negative; 75] = [
    ("empty", Bytes(|bytes| bytes.clear()), Step::Format, "0"),
    ("invalid_report_format", Bytes(|bytes| *bytes = b"not evidence".to_vec()), Step::Format, "12"),
    ("truncated_report", Bytes(|bytes| bytes.truncate(1183)), Step::Format, "1183"),
    ("signature_cut_off", Bytes(|bytes| bytes.truncate(Report::SIGNED)), Step::Format, "672"),
    ("trailing_byte", Bytes(|bytes| bytes.push(0)), Step::Format, "1 bytes follow"),
    ("two_reports", Bytes(|bytes| bytes.extend(bytes.clone())), Step::Format, "1184 bytes follow"),
    ("unsupported_version_0", Says(|report| report.version = 0), Step::Format, "version 0"),
    ("unsupported_version_1", Says(|report| report.version = 1), Step::Format, "version 1"),
    ("unsupported_version_6", Says(|report| report.version = 6), Step::Format, "version 6"),
    ("unsupported_version_max", Says(|report| report.version = u32::MAX), Step::Format, "version 4294967295"),
    // As version 4 it may not have what version 5 defined; as version 2 it may not name its processor.
    (
        "version_4_with_mitigations",
        Says(|report| (report.version, report.launch_mit_vector) = (4, 1)),
        Step::Reserved,
        "0x1f8",
    ),
    ("version_2_with_cpuid", Says(|report| report.version = 2), Step::Reserved, "0x188"),
    ("reserved_4c", Says(|report| report.reserved_4c[3] = 1), Step::Reserved, "0x4c"),
    ("reserved_18b", Says(|report| report.reserved_18b[20] = 1), Step::Reserved, "0x18b"),
    (
        "reserved_of_current_version",
        Says(|report| report.current_version.reserved = 1),
        Step::Reserved,
        "0x1eb",
    ),
    (
        "reserved_of_committed_version",
        Says(|report| report.committed_version.reserved = 1),
        Step::Reserved,
        "0x1ef",
    ),
    ("reserved_208", Says(|report| report.reserved_208[151] = 1), Step::Reserved, "0x208"),
    ("reserved_of_current_tcb", Says(|report| report.current_tcb.0[4] = 1), Step::Reserved, "0x38"),
    ("reserved_of_reported_tcb", Says(|report| report.reported_tcb.0[5] = 1), Step::Reserved, "0x180"),
    ("reserved_of_committed_tcb", Says(|report| report.committed_tcb.0[4] = 1), Step::Reserved, "0x1e0"),
    ("reserved_of_launch_tcb", Says(|report| report.launch_tcb.0[5] = 1), Step::Reserved, "0x1f0"),
    ("reserved_after_signature", Bytes(|bytes| bytes[0x49f] = 1), Step::Reserved, "0x330"),
    ("r_above_the_curve", Bytes(|bytes| bytes[0x2a0 + 48] = 1), Step::Reserved, "0x2e8"),
    ("s_above_the_curve", Bytes(|bytes| bytes[0x2e8 + 71] = 1), Step::Reserved, "0x330"),
    ("policy_without_bit_17", Says(|report| report.policy.0 &= !(1 << 17)), Step::Reserved, "POLICY"),
    ("policy_with_bit_63", Says(|report| report.policy.0 |= 1 << 63), Step::Reserved, "POLICY"),
    ("key_info_reserved", Says(|report| report.key_info.0 |= 1 << 5), Step::Reserved, "KEY_INFO"),
    ("no_root_that_is_known", Endorsed(|collateral, _| collateral.root = None), Step::Root, "ARK"),
    (
        "another_root",
        Endorsed(|collateral, _| collateral.root = Some(collateral.intermediate.clone())),
        Step::Root,
        "SHA-256",
    ),
    (
        "no_intermediate",
        Endorsed(|collateral, _| collateral.intermediate.clear()),
        Step::Intermediate,
        "no ASK",
    ),
    (
        "intermediate_in_pem",
        Endorsed(|collateral, _| collateral.intermediate = b"-----BEGIN CERTIFICATE-----".to_vec()),
        Step::Intermediate,
        "ASK",
    ),
    (
        "intermediate_of_another_generation",
        Endorsed(|collateral, vendor| collateral.intermediate = other(vendor).intermediate(Key::Vcek)),
        Step::Intermediate,
        "issue",
    ),
    (
        "root_as_intermediate",
        Endorsed(|collateral, vendor| collateral.intermediate = vendor.root()),
        Step::EndorsementKey,
        "issue",
    ),
    ("no_endorsement_key", Endorsed(|collateral, _| collateral.vek.clear()), Step::EndorsementKey, "no VCEK"),
    (
        "endorsement_key_of_another_generation",
        Endorsed(|collateral, vendor| {
            collateral.vek =
                other(vendor).vek(Key::Vcek, platform_tcb(other(vendor).generation(), false), NOW, false)
        }),
        Step::EndorsementKey,
        "issue",
    ),
    (
        "intermediate_as_endorsement_key",
        Endorsed(|collateral, _| collateral.vek = collateral.intermediate.clone()),
        Step::EndorsementKey,
        "issue",
    ),
    (
        "bytes_after_endorsement_key",
        Endorsed(|collateral, _| collateral.vek.push(0)),
        Step::EndorsementKey,
        "VCEK",
    ),
    (
        "forged_endorsement_key",
        Endorsed(|collateral, _| *collateral.vek.last_mut().expect("a signature") ^= 1),
        Step::EndorsementKey,
        "signature",
    ),
    (
        "endorsement_key_expired",
        Endorsed(|collateral, vendor| {
            collateral.vek = vendor.vek(Key::Vcek, platform_tcb(vendor.generation(), false), NOW, true)
        }),
        Step::Validity,
        "SEV-VCEK",
    ),
    (
        "endorsement_key_not_yet_valid",
        Endorsed(|collateral, vendor| {
            collateral.vek =
                vendor.vek(Key::Vcek, platform_tcb(vendor.generation(), false), NOW + YEAR, false)
        }),
        Step::Validity,
        "SEV-VCEK",
    ),
    ("at_the_beginning_of_time", At(0), Step::Validity, "valid"),
    ("at_the_end_of_time", At(u64::MAX), Step::Validity, "valid"),
    (
        "no_revocation_list",
        Endorsed(|collateral, _| collateral.crl = None),
        Step::Revocation,
        "no revocation list",
    ),
    (
        "revocation_list_expired",
        Endorsed(|collateral, vendor| collateral.crl = Some(vendor.crl(NOW - 2 * YEAR, None))),
        Step::Revocation,
        "a list for",
    ),
    (
        "revocation_list_of_the_future",
        Endorsed(|collateral, vendor| collateral.crl = Some(vendor.crl(NOW + YEAR, None))),
        Step::Revocation,
        "a list for",
    ),
    (
        "revocation_list_of_another_root",
        Endorsed(|collateral, vendor| collateral.crl = Some(other(vendor).crl(NOW, None))),
        Step::Revocation,
        "list with",
    ),
    (
        "revocation_list_forged",
        Endorsed(|collateral, _| {
            *collateral.crl.as_mut().expect("a list").last_mut().expect("a signature") ^= 1
        }),
        Step::Revocation,
        "list with",
    ),
    (
        "revocation_list_empty",
        Endorsed(|collateral, _| collateral.crl = Some(Vec::new())),
        Step::Revocation,
        "list with",
    ),
    (
        "intermediate_revoked",
        Endorsed(|collateral, vendor| collateral.crl = Some(vendor.crl(NOW, Some(Key::Vcek)))),
        Step::Revocation,
        "revoked",
    ),
    (
        "intermediate_revoked_by_an_old_list",
        Endorsed(|collateral, vendor| collateral.crl = Some(vendor.crl(NOW - 2 * YEAR, Some(Key::Vcek)))),
        Step::Revocation,
        "revoked",
    ),
    ("processor_of_another_generation", Says(|report| report.cpuid_fam_id ^= 3), Step::Generation, "CPUID"),
    (
        "processor_of_an_unknown_generation",
        Says(|report| report.cpuid_mod_id = 0xff),
        Step::Generation,
        "CPUID",
    ),
    (
        "unsupported_algorithm_0",
        Says(|report| report.signature_algo = 0),
        Step::SigningKey,
        "SIGNATURE_ALGO 0",
    ),
    (
        "unsupported_algorithm_2",
        Says(|report| report.signature_algo = 2),
        Step::SigningKey,
        "SIGNATURE_ALGO 2",
    ),
    ("not_signed", Says(|report| report.key_info.0 = 7 << 2), Step::SigningKey, "none"),
    ("unknown_signing_key", Says(|report| report.key_info.0 = 2 << 2), Step::SigningKey, "SIGNING_KEY 2"),
    ("vlek_claimed_with_a_vcek", Says(|report| report.key_info.0 = 1 << 2), Step::SigningKey, "SEV-VCEK"),
    ("masked_chip_key", Says(|report| report.key_info.0 |= 1 << 1), Step::SigningKey, "MASK_CHIP_KEY"),
    ("invalid_report_signature", Bytes(|bytes| bytes[0x2a0] ^= 1), Step::Signature, "does not hold"),
    ("signature_of_zeros", Bytes(|bytes| bytes[0x2a0..0x2a0 + 144].fill(0)), Step::Signature, "no signature"),
    (
        "signature_of_ones",
        Bytes(|bytes| {
            bytes[0x2a0..0x2a0 + 48].fill(0xff);
            bytes[0x2e8..0x2e8 + 48].fill(0xff)
        }),
        Step::Signature,
        "no signature",
    ),
    (
        "r_and_s_exchanged",
        Bytes(|bytes| {
            let (r, s) = bytes[0x2a0..0x330].split_at_mut(72);
            r.swap_with_slice(s)
        }),
        Step::Signature,
        "does not hold",
    ),
    (
        "key_of_another_chip",
        Endorsed(|collateral, vendor| {
            collateral.vek = Amd::new(vendor.generation(), Seed([8; 32])).vek(
                Key::Vcek,
                platform_tcb(vendor.generation(), false),
                NOW,
                false,
            )
        }),
        Step::Signature,
        "does not hold",
    ),
    (
        "key_of_another_tcb",
        Endorsed(|collateral, vendor| {
            collateral.vek = vendor.vek(Key::Vcek, platform_tcb(vendor.generation(), true), NOW, false)
        }),
        Step::Signature,
        "does not hold",
    ),
    ("another_chip_with_this_key", Says(|report| report.chip_id[0] ^= 1), Step::ChipBinding, "hwID"),
    ("chip_masked", Says(|report| report.chip_id = [0; 64]), Step::ChipBinding, "hwID"),
    ("firmware_rolled_back", Says(|report| report.committed_version.minor = 54), Step::Firmware, "1.54"),
    ("debug_enabled", Says(|report| report.policy.0 |= 1 << 19), Step::Debug, "DEBUG"),
    ("migration_allowed", Says(|report| report.policy.0 |= 1 << 18), Step::Migration, "MIGRATE_MA"),
    ("migration_agent_bound", Says(|report| report.report_id_ma = [0; 32]), Step::Migration, "REPORT_ID_MA"),
    ("cxl_allowed", Says(|report| report.policy.0 |= 1 << 21), Step::Attributes, "CXL_ALLOW on"),
    ("asked_at_vmpl_1", Says(|report| report.vmpl = 1), Step::Vmpl, "VMPL 1"),
    ("asked_by_the_host", Says(|report| report.vmpl = u32::MAX), Step::Vmpl, "the host"),
    (
        "memory_aliases_not_checked",
        Says(|report| report.platform_info.0 &= !(1 << 5)),
        Step::PlatformInfo,
        "ALIAS_CHECK_COMPLETE off",
    ),
    ("host_data", Says(|report| report.host_data[31] = 1), Step::Configuration, "HOST_DATA"),
];

/// A vendor of another generation.
fn other(vendor: &Amd) -> Amd {
    let next = if vendor.generation() == Generation::Milan { Generation::Genoa } else { Generation::Milan };
    Amd::new(next, SEED)
}

fn appraise(vendor: &Amd, wrong: &Wrong) -> Result<Verified, Denied> {
    let mut evidence = vendor.issue(&amd_claims(5, Key::Vcek), NOW, None);
    let policy = amd_policy(vendor, &evidence.root);
    let mut collateral = AmdCollateral {
        vek: evidence.vek,
        intermediate: evidence.intermediate,
        root: Some(evidence.root),
        crl: Some(evidence.crl),
    };
    let mut now = NOW;
    match wrong {
        Says(change) => {
            let mut report = Report::parse(&evidence.report).expect("a report");
            change(&mut report);
            vendor.sign_report(&mut report, Key::Vcek);
            evidence.report = report.build().to_vec();
        }
        Bytes(change) => change(&mut evidence.report),
        Endorsed(change) => change(&mut collateral, vendor),
        At(time) => now = *time,
    }
    verify(&evidence.report, &Collateral::Amd(collateral), &policy, UnixTime(now))
}

#[test]
fn each_named_negative_is_denied_at_its_step_for_its_reason() {
    let mut wrong_verdicts = Vec::new();
    for generation in Generation::ALL {
        let vendor = Amd::new(generation, SEED);
        let unchanged = appraise(&vendor, &Says(|_| ()));
        assert!(unchanged.is_ok(), "{generation}: {unchanged:?}");
        for (name, wrong, step, found) in &NEGATIVES {
            let name = format!("{name} of {generation}");
            wrong_verdicts.extend(misjudged(&name, appraise(&vendor, wrong), *step, found));
        }
    }
    assert!(wrong_verdicts.is_empty(), "{}", wrong_verdicts.join("\n"));
}

#[test]
fn each_component_of_each_tcb_has_its_floor() {
    type Field = fn(&mut Report) -> &mut [u8; 8];
    let fields: [(Field, Step, &str); 4] = [
        (|report| &mut report.current_tcb.0, Step::Tcb, "CURRENT_TCB"),
        (|report| &mut report.committed_tcb.0, Step::Tcb, "COMMITTED_TCB"),
        (|report| &mut report.launch_tcb.0, Step::Tcb, "LAUNCH_TCB"),
        // The key is for this one, so its certificate is the first to differ.
        (|report| &mut report.reported_tcb.0, Step::TcbBinding, "a certificate for"),
    ];
    for generation in Generation::ALL {
        let vendor = Amd::new(generation, SEED);
        let evidence = vendor.issue(&amd_claims(5, Key::Vcek), NOW, None);
        let policy = amd_policy(&vendor, &evidence.root);
        let collateral = Collateral::Amd(AmdCollateral {
            vek: evidence.vek,
            intermediate: evidence.intermediate,
            root: Some(evidence.root),
            crl: Some(evidence.crl),
        });
        let good = Report::parse(&evidence.report).expect("a report");
        for (field, step, found) in fields {
            for at in (0..8).filter(|at| good.reported_tcb.0[*at] > 0) {
                // The strict policy's floor of fmcSPL is zero.
                if generation == Generation::Turin && at == 0 && step == Step::Tcb {
                    continue;
                }
                let mut report = good;
                field(&mut report)[at] = 0;
                vendor.sign_report(&mut report, Key::Vcek);
                let result = verify(&report.build(), &collateral, &policy, UnixTime(NOW));
                let wrong = misjudged(&format!("{generation} {at}"), result, step, found);
                assert_eq!(wrong, None);
            }
        }
    }
}
