use holdfast_evidence::quote::{
    Body, Content, Header, QE_VENDOR_INTEL, Quote, SgxAttributes, SgxReport, TdAttributes, TdReport10,
    TdReport15,
};

use super::field::{Explained, Mood, bits, hex, number};

pub(super) fn explain(quote: &Quote, extra: usize) -> Explained {
    let tee = match quote.body {
        Body::Sgx(_) => "SGX",
        Body::Td10(_) => "TDX 1.0",
        Body::Td15(_) => "TDX 1.5",
    };
    let mut out = Explained::new(format!("{tee} quote, version {}", quote.header.version));
    header(&mut out, &quote.header);
    match &quote.body {
        Body::Sgx(report) => sgx(&mut out, report),
        Body::Td10(report) => td(&mut out, report),
        Body::Td15(report) => td15(&mut out, report),
    }
    let signature = &quote.signature;
    out.says("signature", hex(&signature.signature), "by the attestation key; `holdfast verify` checks it");
    out.says("attestation key", hex(&signature.attestation_key), "P-256, made by the quoting enclave");
    out.says("QE MRENCLAVE", hex(&signature.qe_report.mr_enclave), "the quoting enclave");
    out.says("QE MRSIGNER", hex(&signature.qe_report.mr_signer), "who signed the quoting enclave");
    out.says("QE ISVSVN", signature.qe_report.isv_svn, "its security version");
    out.plain("QE auth data", format!("{} bytes", signature.qe_auth_data.len()));
    let certification = &signature.certification;
    let content = match certification.content() {
        Content::PpidPlain => "the platform's PPID",
        Content::PpidRsa2048 | Content::PpidRsa3072 => {
            "the platform's PPID, encrypted: its certificate is elsewhere"
        }
        Content::PckLeaf => "the platform's certificate (PCK), without its chain",
        Content::PckChain => "the platform's certificate (PCK) with its chain, in PEM",
        Content::QeReport => "a quoting enclave's report, where the platform's certificate is due",
        Content::PlatformManifest => "the platform's manifest",
        Content::Unknown(_) => "a type that is not known here",
    };
    let value = format!("type {}, {} bytes", certification.kind, certification.data.len());
    out.says("certification data", value, content);
    if extra > 0 {
        out.field("trailing bytes", extra, "they follow the quote, and nothing signs them", Mood::Notice);
    }
    out
}

fn header(out: &mut Explained, header: &Header) {
    out.says("ATT_KEY_TYPE", header.attestation_key_type, "ECDSA P-256");
    if header.version > 3 {
        let tee = if header.tee_type == 0 { "SGX" } else { "TDX" };
        out.says("TEE_TYPE", number(header.tee_type), tee);
    } else {
        out.says("QE_SVN", header.qe_svn, "security version of the quoting enclave");
        out.says("PCE_SVN", header.pce_svn, "security version of the provisioning enclave");
    }
    match header.qe_vendor_id {
        QE_VENDOR_INTEL => out.says("QE_VENDOR_ID", hex(&header.qe_vendor_id), "Intel"),
        other => out.field("QE_VENDOR_ID", hex(&other), "not Intel's quoting enclave", Mood::Danger),
    }
    out.says("USER_DATA", hex(&header.user_data), "begins with the name of the platform");
}

fn sgx(out: &mut Explained, report: &SgxReport) {
    out.says("CPUSVN", hex(&report.cpu_svn), "security versions of the processor's parts");
    out.plain("MISCSELECT", number(report.misc_select));
    let words = bits(report.attributes.0, &SgxAttributes::BITS);
    match report.attributes.debug() {
        true => {
            let words = words + ": the host may read and write this enclave's memory";
            out.field("ATTRIBUTES", number(report.attributes.0), words, Mood::Danger);
        }
        false => out.says("ATTRIBUTES", number(report.attributes.0), words),
    }
    out.says("XFRM", number(report.xfrm), "extended processor states that the enclave may use");
    out.says("MRENCLAVE", hex(&report.mr_enclave), "what was loaded");
    out.says("MRSIGNER", hex(&report.mr_signer), "who signed it");
    out.plain("ISVPRODID", report.isv_prod_id);
    out.says("ISVSVN", report.isv_svn, "its security version");
    out.bytes("CONFIGID", &report.config_id, "none");
    out.plain("CONFIGSVN", report.config_svn);
    out.bytes("ISVEXTPRODID", &report.isv_ext_prod_id, "none");
    out.bytes("ISVFAMILYID", &report.isv_family_id, "none");
    let reserved = [&report.reserved_96[..], &report.reserved_160, &report.reserved_262];
    if reserved.iter().any(|part| part.iter().any(|byte| *byte != 0)) {
        out.field("reserved", "not zero", "must be zero", Mood::Danger);
    }
    out.bytes("REPORTDATA", &report.report_data, "the enclave bound nothing");
}

fn td(out: &mut Explained, report: &TdReport10) {
    out.says("TEE_TCB_SVN", hex(&report.tee_tcb_svn), "security versions of the TDX module and its parts");
    out.says("MRSEAM", hex(&report.mr_seam), "the TDX module");
    out.bytes("MRSIGNERSEAM", &report.mr_signer_seam, "Intel signed it");
    out.plain("SEAMATTRIBUTES", number(report.seam_attributes));
    let words = bits(report.td_attributes.0, &TdAttributes::BITS);
    let (mood, words) = match report.td_attributes {
        attributes if attributes.debug() => {
            (Mood::Danger, words + ": the host may read and write this TD's memory")
        }
        attributes if attributes.migratable() => (Mood::Notice, words + ": it may be migrated"),
        _ => (Mood::Plain, words),
    };
    out.field("TDATTRIBUTES", number(report.td_attributes.0), words, mood);
    out.says("XFAM", number(report.xfam), "extended processor states that the TD may use");
    out.says("MRTD", hex(&report.mr_td), "what was loaded: `holdfast measure` computes the expected value");
    out.bytes("MRCONFIGID", &report.mr_config_id, "none");
    out.bytes("MROWNER", &report.mr_owner, "none");
    out.bytes("MROWNERCONFIG", &report.mr_owner_config, "none");
    for (name, rtmr) in ["RTMR0", "RTMR1", "RTMR2", "RTMR3"].into_iter().zip(&report.rtmr) {
        out.bytes(name, rtmr, "never extended");
    }
    out.bytes("REPORTDATA", &report.report_data, "the TD bound nothing");
}

fn td15(out: &mut Explained, report: &TdReport15) {
    td(out, &report.base);
    out.says("TEE_TCB_SVN_2", hex(&report.tee_tcb_svn_2), "of the TDX module that runs now");
    match report.mr_service_td {
        [0, ..] if report.mr_service_td.iter().all(|byte| *byte == 0) => {
            out.says("MRSERVICETD", hex(&report.mr_service_td), "no service TD is bound");
        }
        _ => out.field("MRSERVICETD", hex(&report.mr_service_td), "a service TD is bound", Mood::Notice),
    }
}
