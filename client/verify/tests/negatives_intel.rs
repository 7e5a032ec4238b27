//! Ways for a SGX or TDX quote to be wrong, by name, each in evidence that is right in all else: changed quotes and
//! changed collateral are signed again, so that the step for what was changed decides, and not a signature.
//!
//! The names are those of `dcap-qvl`'s own suite, and more in their manner.

mod support;

use holdfast_evidence::quote::{Body, Certification, Quote, SgxReport, TdReport10, TdReport15};
use holdfast_sim::Seed;
use holdfast_sim::intel::{self, Claims, Form, Intel, PckCa, Tee};
use holdfast_verify::{Collateral, Denied, Policy, Step, UnixTime, Verified, verify};
use support::misjudged;
use support::simulated::{ENCLAVE, NOW, REPORT_DATA, SEED, TD, collateral, quote_policy};

/// What is wrong.
enum Wrong {
    /// What the quote says. Both its signatures are made again.
    Says(fn(&mut Quote)),
    /// The quote's parts as they come.
    Parts(fn(&mut Quote)),
    /// The bytes as they come.
    Bytes(fn(&mut Vec<u8>)),
    /// What TCB info or identity say: a text in the place of another. They are signed again.
    TcbInfo(&'static str, &'static str),
    Identity(&'static str, &'static str),
    /// The collateral as it comes; the vendor can issue other.
    Collateral(fn(&mut intel::Collateral, &Intel)),
    /// The time, in seconds since 1970.
    At(u64),
}

use Wrong::{At, Bytes, Collateral as Endorsed, Identity, Parts, Says, TcbInfo};

const DAY: u64 = 86_400;

/// The name, what is wrong, the step that must say so, and a part of what it must say.
type Negative = (&'static str, Wrong, Step, &'static str);

/// Wrong in every kind of quote.
const ALL: [Negative; 63] = [
    ("empty", Bytes(Vec::clear), Step::Format, "0"),
    ("truncated_quote", Bytes(|bytes| bytes.truncate(bytes.len() - 1)), Step::Format, "bytes"),
    ("header_alone", Bytes(|bytes| bytes.truncate(48)), Step::Format, "48"),
    ("trailing_byte", Bytes(|bytes| bytes.push(0)), Step::Format, "1 bytes follow"),
    ("unsupported_version_1", Says(|quote| quote.header.version = 1), Step::Format, "version 1"),
    ("unsupported_version_2", Says(|quote| quote.header.version = 2), Step::Format, "version 2"),
    ("unsupported_version_6", Says(|quote| quote.header.version = 6), Step::Format, "version 6"),
    ("unsupported_version_255", Says(|quote| quote.header.version = 255), Step::Format, "version 255"),
    ("unsupported_key_type_0", Says(|quote| quote.header.attestation_key_type = 0), Step::Format, "0"),
    ("unsupported_key_type_1", Says(|quote| quote.header.attestation_key_type = 1), Step::Format, "1"),
    ("unsupported_key_type_3", Says(|quote| quote.header.attestation_key_type = 3), Step::Format, "3"),
    ("unsupported_key_type_255", Says(|quote| quote.header.attestation_key_type = 255), Step::Format, "0xff"),
    ("wrong_report_data", Says(|quote| *report_data(quote) = [1; 64]), Step::ReportData, "REPORT_DATA"),
    ("cert_type_1", Parts(|quote| quote.signature.certification.kind = 1), Step::PckChain, "PCK"),
    (
        "cert_type_3_without_pck_chain",
        Parts(|quote| quote.signature.certification = Certification { kind: 3, data: vec![7; 404] }),
        Step::PckChain,
        "type 3",
    ),
    ("no_pck_chain", Parts(|quote| quote.signature.certification.data.clear()), Step::PckChain, "no chain"),
    ("pck_chain_too_long", Parts(|quote| keep(quote, &[0, 1, 2, 2, 2, 2])), Step::PckChain, "6 certificates"),
    (
        "tcb_chain_too_long",
        Endorsed(|all, _| all.tcb_info_issuer_chain = all.tcb_info_issuer_chain.repeat(3)),
        Step::TcbInfo,
        "6 certificates",
    ),
    (
        "foreign_certificate_in_pck_chain",
        Parts(|quote| {
            let other = Intel::new(PckCa::Processor, Seed([8; 32]));
            quote
                .signature
                .certification
                .data
                .extend(pem::encode(&pem::Pem::new("CERTIFICATE", other.tcb_signing())).into_bytes());
        }),
        Step::PckChain,
        "a certificate with SHA-256",
    ),
    (
        "foreign_root_in_pck_chain",
        Parts(|quote| {
            let other = Intel::new(PckCa::Processor, Seed([8; 32]));
            let own = core::mem::take(&mut quote.signature.certification.data);
            quote.signature.certification.data =
                [pem::encode(&pem::Pem::new("CERTIFICATE", other.root())).into_bytes(), own].concat();
        }),
        Step::Root,
        "a root with SHA-256",
    ),
    ("pck_chain_without_authority", Parts(|quote| keep(quote, &[0, 2])), Step::PckChain, "UnknownIssuer"),
    ("pck_chain_of_authorities", Parts(|quote| keep(quote, &[1, 2])), Step::PckChain, ""),
    (
        "tcb_expired",
        Endorsed(|all, vendor| tcb_info(all, of(all, vendor, NOW - 40 * DAY))),
        Step::TcbInfo,
        "expired",
    ),
    (
        "tcb_issue_date_future",
        Endorsed(|all, vendor| tcb_info(all, of(all, vendor, NOW + 40 * DAY))),
        Step::TcbInfo,
        "future",
    ),
    ("invalid_tcb_json", TcbInfo("{", "{,"), Step::TcbInfo, "TcbInfo"),
    (
        "fmspc_mismatch",
        Endorsed(|all, vendor| {
            let other = Intel::new(PckCa::Processor, Seed([8; 32])).collateral(tee(all), NOW, false);
            all.tcb_info = other.tcb_info;
            vendor.sign_collateral(all);
        }),
        Step::TcbInfo,
        "mspc",
    ),
    ("pce_id_mismatch", TcbInfo(r#""pceId":"0000""#, r#""pceId":"0001""#), Step::TcbInfo, "pceId 0001"),
    (
        "short_tcb_chain",
        Endorsed(|all, vendor| {
            all.tcb_info_issuer_chain = pem::encode(&pem::Pem::new("CERTIFICATE", vendor.root()))
        }),
        Step::TcbInfo,
        "",
    ),
    ("empty_tcb_chain", Endorsed(|all, _| all.tcb_info_issuer_chain.clear()), Step::TcbInfo, "empty"),
    (
        "invalid_cert_format",
        Endorsed(|all, _| all.tcb_info_issuer_chain = all.tcb_info_issuer_chain.replace("MII", "AAA")),
        Step::TcbInfo,
        "",
    ),
    (
        "ca_used_as_end_entity_tcb",
        Endorsed(|all, _| all.tcb_info_issuer_chain.clone_from(&all.pck_crl_issuer_chain)),
        Step::TcbInfo,
        "CaUsedAsEndEntity",
    ),
    ("invalid_tcb_signature", Endorsed(|all, _| all.tcb_info_signature[63] ^= 1), Step::TcbInfo, "ignature"),
    ("zero_tcb_signature", Endorsed(|all, _| all.tcb_info_signature = [0; 64]), Step::TcbInfo, "ignature"),
    (
        "tcb_info_changed",
        Endorsed(|all, _| all.tcb_info = all.tcb_info.replace("OutOfDate", "UpToDate")),
        Step::TcbInfo,
        "ignature",
    ),
    (
        "component_svn_mismatch",
        TcbInfo(r#"[{"svn":3},{"svn":3},{"svn":2}"#, r#"[{"svn":3},{"svn":2},{"svn":3}"#),
        Step::TcbStatus,
        "OutOfDate",
    ),
    (
        "component_svn_below_every_level",
        TcbInfo(r#"{"svn":5}"#, r#"{"svn":6}"#),
        Step::TcbStatus,
        "No matching",
    ),
    ("pce_svn_below_every_level", TcbInfo(r#""pcesvn":"#, r#""pcesvn":9"#), Step::TcbStatus, "No matching"),
    (
        "unknown_tcb_status",
        TcbInfo(r#""tcbLevels":[{"tcb":{"sgx"#, r#""tcbLevels":[],"x":[{"tcb":{"sgx"#),
        Step::TcbStatus,
        "No matching",
    ),
    ("unheard_of_tcb_status", TcbInfo("UpToDate", "Splendid"), Step::TcbInfo, "Splendid"),
    ("revoked_platform_tcb", TcbInfo("UpToDate", "Revoked"), Step::TcbStatus, "Revoked"),
    (
        "advisory_open",
        TcbInfo(r#""tcbStatus":"UpToDate""#, r#""tcbStatus":"UpToDate","advisoryIDs":["INTEL-SA-99999"]"#),
        Step::TcbStatus,
        "INTEL-SA-99999",
    ),
    (
        "old_tcb_evaluation",
        TcbInfo(r#""tcbEvaluationDataNumber":18"#, r#""tcbEvaluationDataNumber":17"#),
        Step::TcbEvaluation,
        "17",
    ),
    (
        "qe_identity_expired",
        Endorsed(|all, vendor| identity(all, of(all, vendor, NOW - 40 * DAY))),
        Step::QeIdentity,
        "expired",
    ),
    (
        "qe_identity_issue_date_future",
        Endorsed(|all, vendor| identity(all, of(all, vendor, NOW + 40 * DAY))),
        Step::QeIdentity,
        "future",
    ),
    ("invalid_qe_identity_json", Identity("{", "{,"), Step::QeIdentity, "QeIdentity"),
    (
        "short_qe_identity_chain",
        Endorsed(|all, vendor| {
            all.qe_identity_issuer_chain = pem::encode(&pem::Pem::new("CERTIFICATE", vendor.root()))
        }),
        Step::QeIdentity,
        "",
    ),
    (
        "invalid_qe_identity_signature",
        Endorsed(|all, _| all.qe_identity_signature[0] ^= 1),
        Step::QeIdentity,
        "ignature",
    ),
    (
        "ca_used_as_end_entity_qe",
        Endorsed(|all, _| all.qe_identity_issuer_chain.clone_from(&all.pck_crl_issuer_chain)),
        Step::QeIdentity,
        "CaUsedAsEndEntity",
    ),
    (
        "qe_report_hash_mismatch",
        Says(|quote| quote.signature.qe_report.report_data[0] ^= 1),
        Step::QuotingEnclave,
        "hash",
    ),
    (
        "qe_auth_data_mismatch",
        Says(|quote| quote.signature.qe_auth_data[0] ^= 1),
        Step::QuotingEnclave,
        "hash",
    ),
    (
        "invalid_qe_report_signature",
        Parts(|quote| quote.signature.qe_report_signature[0] ^= 1),
        Step::QuotingEnclave,
        "qe_report",
    ),
    (
        "invalid_quote_signature",
        Parts(|quote| quote.signature.signature[0] ^= 1),
        Step::Signature,
        "ISV enclave report signature",
    ),
    (
        "qe_mrsigner_mismatch",
        Says(|quote| quote.signature.qe_report.mr_signer[0] ^= 1),
        Step::QuotingEnclave,
        "MRSIGNER",
    ),
    (
        "qe_isvprodid_mismatch",
        Says(|quote| quote.signature.qe_report.isv_prod_id += 1),
        Step::QuotingEnclave,
        "ISVPRODID",
    ),
    (
        "qe_miscselect_mismatch",
        Says(|quote| quote.signature.qe_report.misc_select = 1),
        Step::QuotingEnclave,
        "MISCSELECT",
    ),
    (
        "qe_attributes_mismatch",
        Says(|quote| quote.signature.qe_report.attributes.0 |= 1 << 6),
        Step::QuotingEnclave,
        "ATTRIBUTES",
    ),
    (
        "qe_debug_enabled",
        Says(|quote| quote.signature.qe_report.attributes.0 |= 1 << 1),
        Step::QuotingEnclave,
        "",
    ),
    ("qe_isvsvn_too_low", Says(|quote| quote.signature.qe_report.isv_svn = 0), Step::TcbStatus, "ISVSVN"),
    ("revoked_qe_tcb", Identity("UpToDate", "Revoked"), Step::TcbStatus, "Revoked"),
    (
        "empty_crl_issuer_chain",
        Endorsed(|all, _| all.pck_crl_issuer_chain.clear()),
        Step::Revocation,
        "empty",
    ),
    (
        "foreign_crl_issuer",
        Endorsed(|all, _| {
            let other = Intel::new(PckCa::Processor, Seed([8; 32]));
            all.pck_crl_issuer_chain = other.collateral(tee(all), NOW, false).pck_crl_issuer_chain;
        }),
        Step::Revocation,
        "SHA-256",
    ),
    (
        "pck_revoked",
        Endorsed(|all, vendor| all.pck_crl = vendor.collateral(tee(all), NOW, true).pck_crl),
        Step::Revocation,
        "evoked",
    ),
    ("at_the_beginning_of_time", At(0), Step::TcbInfo, "future"),
];

/// Wrong in a quote of a TD.
const TDX: [Negative; 26] = [
    ("tdx_quote_of_version_3", Says(|quote| quote.header.version = 3), Step::Format, ""),
    ("tdx_missing_components", TcbInfo("tdxtcbcomponents", "tdxtcbcomponent"), Step::TcbInfo, "component"),
    ("tdx_qe_identity_id_mismatch", Identity("TD_QE", "QE"), Step::QeIdentity, "QE"),
    ("tdx_quote_with_sgx_tcb_info", TcbInfo(r#""id":"TDX""#, r#""id":"SGX""#), Step::TcbInfo, "non-TDX"),
    ("tdx_tcb_info_version_2", TcbInfo(r#""version":3"#, r#""version":2"#), Step::TcbInfo, "non-TDX"),
    ("tdx_unknown_tee", Says(|quote| quote.header.tee_type = 7), Step::Format, ""),
    ("tdx_debug_enabled", Says(|quote| td(quote).td_attributes.0 |= 1), Step::Debug, "TDATTRIBUTES"),
    (
        "tdx_reserved_debug_bit",
        Says(|quote| td(quote).td_attributes.0 |= 1 << 5),
        Step::Debug,
        "TDATTRIBUTES",
    ),
    ("tdx_migratable", Says(|quote| td(quote).td_attributes.0 |= 1 << 29), Step::Migration, "igration"),
    (
        "tdx_service_td_extension",
        Says(|quote| td(quote).td_attributes.0 |= 1 << 17),
        Step::ServiceTd,
        "SERVTD_EXT",
    ),
    (
        "tdx_sept_ve_disabled",
        Says(|quote| td(quote).td_attributes.0 &= !(1 << 28)),
        Step::Attributes,
        "SEPT_VE_DISABLE",
    ),
    ("tdx_reserved_bits_set", Says(|quote| td(quote).td_attributes.0 |= 1 << 50), Step::Attributes, ""),
    // Others accept these two; the strict policy does not.
    ("tdx_pks_enabled", Says(|quote| td(quote).td_attributes.0 |= 1 << 30), Step::Attributes, "TDATTRIBUTES"),
    ("tdx_kl_enabled", Says(|quote| td(quote).td_attributes.0 |= 1 << 31), Step::Attributes, "TDATTRIBUTES"),
    ("tdx_unknown_extension", Says(|quote| td(quote).xfam |= 1 << 63), Step::Extensions, "XFAM"),
    (
        "tdx_component_svn_mismatch",
        Says(|quote| td(quote).tee_tcb_svn[2] = 2),
        Step::TcbStatus,
        "INTEL-SA-00000",
    ),
    (
        "tdx_component_svn_below_every_level",
        Says(|quote| td(quote).tee_tcb_svn[2] = 1),
        Step::TcbStatus,
        "No matching",
    ),
    ("tdx_module_out_of_date", Says(|quote| td(quote).tee_tcb_svn[0] = 2), Step::TcbStatus, "INTEL-SA-00000"),
    ("tdx_module_below_every_level", Says(|quote| td(quote).tee_tcb_svn[0] = 1), Step::TcbStatus, ""),
    (
        "tdx_module_of_an_unknown_version",
        Says(|quote| td(quote).tee_tcb_svn[1] = 9),
        Step::TdxModule,
        "TDX_09",
    ),
    (
        "tdx_module_signed_by_another",
        Says(|quote| td(quote).mr_signer_seam[0] = 1),
        Step::TdxModule,
        "MRSIGNER",
    ),
    (
        "tdx_module_for_debugging",
        Says(|quote| td(quote).seam_attributes = 1),
        Step::TdxModule,
        "SEAMATTRIBUTES",
    ),
    ("tdx_mr_config_id", Says(|quote| td(quote).mr_config_id[0] = 1), Step::Configuration, "MRCONFIGID"),
    ("tdx_mr_owner", Says(|quote| td(quote).mr_owner[0] = 1), Step::Configuration, "MROWNER"),
    (
        "tdx_mr_owner_config",
        Says(|quote| td(quote).mr_owner_config[0] = 1),
        Step::Configuration,
        "MROWNERCONFIG",
    ),
    ("tdx_measurement", Says(|quote| td(quote).mr_td[0] ^= 1), Step::Measurement, "MRTD"),
];

/// Wrong in a quote of a TD with TDX 1.5.
const TDX_15: [Negative; 2] = [
    ("tdx_service_td", Says(|quote| td15(quote).mr_service_td[0] = 1), Step::ServiceTd, "MRSERVICETD"),
    (
        "tdx_second_svn_below_every_level",
        Says(|quote| td15(quote).tee_tcb_svn_2 = [0; 16]),
        Step::TcbStatus,
        "",
    ),
];

/// Wrong in a quote of an enclave.
const SGX: [Negative; 17] = [
    ("invalid_sgx_v4", Says(|quote| quote.header.version = 4), Step::Format, "version 4"),
    ("invalid_quote_v5", Parts(|quote| quote.header.version = 5), Step::Format, ""),
    ("sgx_tcb_id_mismatch", TcbInfo(r#""id":"SGX""#, r#""id":"TDX""#), Step::TcbInfo, "SGX"),
    ("sgx_tcb_info_version_2", TcbInfo(r#""version":3"#, r#""version":2"#), Step::TcbInfo, "version 2"),
    ("sgx_unknown_tee", Says(|quote| quote.header.tee_type = 7), Step::Reserved, "header"),
    ("sgx_quote_with_td_qe_identity", Identity(r#""id":"QE""#, r#""id":"TD_QE""#), Step::QeIdentity, "QE"),
    ("debug_sgx_v3", Says(|quote| sgx(quote).attributes.0 |= 1 << 1), Step::Debug, "DEBUG"),
    ("sgx_provisioning_key", Says(|quote| sgx(quote).attributes.0 |= 1 << 4), Step::Attributes, "ATTRIBUTES"),
    ("sgx_not_initialized", Says(|quote| sgx(quote).attributes.0 &= !1), Step::Attributes, "ATTRIBUTES"),
    ("sgx_unknown_extension", Says(|quote| sgx(quote).xfrm |= 1 << 63), Step::Extensions, "XFRM"),
    ("sgx_misc_select", Says(|quote| sgx(quote).misc_select = 1), Step::Extensions, "MISCSELECT"),
    ("sgx_reserved_bytes", Says(|quote| sgx(quote).reserved_96[0] = 1), Step::Reserved, "report"),
    ("sgx_measurement", Says(|quote| sgx(quote).mr_enclave[0] ^= 1), Step::Measurement, "MRENCLAVE"),
    ("sgx_signer", Says(|quote| sgx(quote).mr_signer[0] ^= 1), Step::Signer, "MRSIGNER"),
    ("sgx_product", Says(|quote| sgx(quote).isv_prod_id += 1), Step::Signer, "ISVPRODID"),
    ("sgx_security_version", Says(|quote| sgx(quote).isv_svn = 3), Step::Signer, "ISVSVN 3"),
    ("sgx_config_id", Says(|quote| sgx(quote).config_id[0] = 1), Step::Configuration, "CONFIGID"),
];

fn report_data(quote: &mut Quote) -> &mut [u8; 64] {
    match &mut quote.body {
        Body::Sgx(report) => &mut report.report_data,
        Body::Td10(report) => &mut report.report_data,
        Body::Td15(report) => &mut report.base.report_data,
    }
}

fn td(quote: &mut Quote) -> &mut TdReport10 {
    match &mut quote.body {
        Body::Sgx(_) => panic!("an enclave's quote"),
        Body::Td10(report) => report,
        Body::Td15(report) => &mut report.base,
    }
}

fn td15(quote: &mut Quote) -> &mut TdReport15 {
    let Body::Td15(report) = &mut quote.body else { panic!("not of TDX 1.5") };
    report
}

fn sgx(quote: &mut Quote) -> &mut SgxReport {
    let Body::Sgx(report) = &mut quote.body else { panic!("a TD's quote") };
    report
}

/// Leaves some certificates of the PCK's chain.
fn keep(quote: &mut Quote, which: &[usize]) {
    let data = &mut quote.signature.certification.data;
    let chain = pem::parse_many(&*data).expect("PEM");
    let kept: Vec<_> = which.iter().map(|at| chain[*at].clone()).collect();
    *data = pem::encode_many(&kept).into_bytes();
}

fn tee(collateral: &intel::Collateral) -> Tee {
    if collateral.tcb_info.contains(r#""id":"TDX""#) { Tee::Tdx } else { Tee::Sgx }
}

/// The same collateral at another time.
fn of(collateral: &intel::Collateral, vendor: &Intel, now: u64) -> intel::Collateral {
    vendor.collateral(tee(collateral), now, false)
}

fn tcb_info(to: &mut intel::Collateral, from: intel::Collateral) {
    (to.tcb_info, to.tcb_info_signature) = (from.tcb_info, from.tcb_info_signature);
}

fn identity(to: &mut intel::Collateral, from: intel::Collateral) {
    (to.qe_identity, to.qe_identity_signature) = (from.qe_identity, from.qe_identity_signature);
}

fn edit(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "{text} is without {from}");
    *text = text.replace(from, to);
}

fn policy(root: &[u8]) -> Policy {
    let mut policy = quote_policy(root);
    policy.sgx.as_mut().expect("[sgx]").minimum_isv_svn = ENCLAVE.isv_svn;
    policy
}

fn appraise(vendor: &Intel, form: Form, wrong: &Wrong) -> Result<Verified, Denied> {
    let mut evidence = vendor.issue(&Claims { form, report_data: REPORT_DATA }, NOW, None);
    let policy = policy(&evidence.root);
    let mut quote = Quote::parse(&evidence.quote).expect("a quote");
    let mut now = NOW;
    match wrong {
        Says(change) => {
            change(&mut quote);
            vendor.sign_quote(&mut quote);
            evidence.quote = quote.build();
        }
        Parts(change) => {
            change(&mut quote);
            evidence.quote = quote.build();
        }
        Bytes(change) => change(&mut evidence.quote),
        TcbInfo(from, to) => {
            edit(&mut evidence.collateral.tcb_info, from, to);
            vendor.sign_collateral(&mut evidence.collateral);
        }
        Identity(from, to) => {
            edit(&mut evidence.collateral.qe_identity, from, to);
            vendor.sign_collateral(&mut evidence.collateral);
        }
        Endorsed(change) => change(&mut evidence.collateral, vendor),
        At(time) => now = *time,
    }
    let collateral = Collateral::Intel(Box::new(collateral(&evidence.collateral)));
    verify(&evidence.quote, &collateral, &policy, UnixTime(now))
}

#[test]
fn each_named_negative_is_denied_at_its_step_for_its_reason() {
    let forms: [(&str, Form, &[&[Negative]]); 4] = [
        ("SGX", Form::SgxV3(ENCLAVE), &[&ALL, &SGX]),
        ("TDX 4", Form::TdxV4(TD), &[&ALL, &TDX]),
        ("TDX 5, 1.0", Form::TdxV5Td10(TD), &[&ALL, &TDX]),
        ("TDX 5, 1.5", Form::TdxV5Td15(TD), &[&ALL, &TDX, &TDX_15]),
    ];
    let mut wrong_verdicts = Vec::new();
    for ca in [PckCa::Processor, PckCa::Platform] {
        let vendor = Intel::new(ca, SEED);
        for (label, form, lists) in forms {
            let unchanged = appraise(&vendor, form, &Says(|_| ()));
            assert!(unchanged.is_ok(), "{label}: {unchanged:?}");
            for (name, wrong, step, found) in lists.iter().copied().flatten() {
                let name = format!("{name} of {label}");
                wrong_verdicts.extend(misjudged(&name, appraise(&vendor, form, wrong), *step, found));
            }
        }
    }
    assert!(wrong_verdicts.is_empty(), "{}", wrong_verdicts.join("\n"));
}

/// Collateral that brings the chain which the quote leaves out.
#[test]
fn cert_type_3_with_pck_chain_is_accepted() {
    for form in [Form::SgxV3(ENCLAVE), Form::TdxV4(TD), Form::TdxV5Td15(TD)] {
        let vendor = Intel::new(PckCa::Platform, SEED);
        let evidence = vendor.issue(&Claims { form, report_data: REPORT_DATA }, NOW, None);
        let mut quote = Quote::parse(&evidence.quote).expect("a quote");
        let encrypted = Certification { kind: 3, data: vec![7; 404] };
        let chain = std::mem::replace(&mut quote.signature.certification, encrypted);
        let mut collateral = collateral(&evidence.collateral);
        collateral.pck_certificate_chain = Some(String::from_utf8(chain.data).expect("PEM"));
        let collateral = Collateral::Intel(Box::new(collateral));
        let result = verify(&quote.build(), &collateral, &policy(&evidence.root), UnixTime(NOW));
        assert!(result.is_ok(), "{}", result.expect_err("denied").verdict());
    }
}

/// Security versions above what the vendor asks for are as good.
#[test]
fn component_svn_all_higher_is_accepted() {
    for form in [Form::SgxV3(ENCLAVE), Form::TdxV4(TD)] {
        let vendor = Intel::new(PckCa::Processor, SEED);
        let lower = TcbInfo(r#"[{"svn":3},{"svn":3}"#, r#"[{"svn":2},{"svn":2}"#);
        let result = appraise(&vendor, form, &lower);
        assert!(result.is_ok(), "{}", result.expect_err("denied").verdict());
    }
}
