//! The steps of an appraisal.

use core::fmt::{self, Display, Formatter};

/// Declares the steps once: name, question, source. All else is derived from it.
macro_rules! steps {
    ($($variant:ident $name:literal, $question:literal, $source:literal;)+) => {
        /// A check. Each kind of evidence has its list ([`Step::snp`], [`Step::sgx`], [`Step::tdx`]), and every
        /// step of the list is in every verdict on evidence of that kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step {
            $(#[doc = $question] #[doc = ""] #[doc = $source] $variant,)+
        }

        impl Step {
            /// All steps of all kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name, as verdicts show it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the step asks.
            #[must_use]
            pub const fn question(self) -> &'static str {
                match self { $(Self::$variant => $question,)+ }
            }

            /// The specification that it follows.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)+ }
            }
        }
    };
}

steps! {
    Policy "policy", "Does the policy speak of this kind of evidence?", "RFC 9334, section 8.5";
    Format "format", "Is it exactly one structure of a known version?", "AMD 56860, table ATTESTATION_REPORT; Intel DCAP Quoting Library API, appendix Quote Format";
    Reserved "reserved", "Are all reserved bytes and bits as specified?", "AMD 56860, table ATTESTATION_REPORT; Intel SDM 3D, REPORT";
    Root "root", "Is the chain's root pinned here?", "AMD 57230, section 2; Intel SGX PCK Certificate and CRL Profile, section 1.2";
    Intermediate "intermediate", "Did the root sign the certificate of the intermediate authority?", "AMD 57230, section 2; RFC 5280, section 6.1";
    EndorsementKey "endorsement-key", "Did the intermediate authority sign the endorsement key's certificate?", "AMD 57230, section 3; RFC 5280, section 6.1";
    Validity "validity", "Are all certificates valid at the time of the appraisal?", "RFC 5280, section 4.1.2.5";
    Revocation "revocation", "Is there a fresh, signed revocation list, and does it name none of the certificates?", "RFC 5280, section 6.3";
    Generation "generation", "Do report and certificates name the same processor generation?", "AMD 57230, section 3.1; AMD 56860, CPUID_FAM_ID";
    SigningKey "signing-key", "Is the report signed, by the kind of key that the certificate is for, with ECDSA P-384?", "AMD 56860, KEY_INFO and SIGNATURE_ALGO";
    Signature "signature", "Does the signature hold for the received bytes?", "AMD 56860, chapter 10; Intel DCAP Quoting Library API, appendix Quote Format";
    TcbBinding "tcb-binding", "Is the key's certificate for the reported TCB?", "AMD 57230, section 3.1; AMD 56860, REPORTED_TCB";
    ChipBinding "chip-binding", "Is the key's certificate for the chip, or the provider, of the report?", "AMD 57230, section 3.1; AMD 56860, CHIP_ID";
    Tcb "tcb", "Are all TCBs at or above the policy's floor?", "AMD 56860, TCB_VERSION";
    Firmware "firmware", "Is the committed firmware at or above the policy's floor?", "AMD 56860, COMMITTED_VERSION";
    Collateral "collateral", "Is the collateral complete and well formed, and for this kind of TEE?", "Intel PCS API v4";
    PckChain "pck-chain", "Does the PCK certificate chain to the root, valid and not revoked?", "Intel SGX PCK Certificate and CRL Profile";
    TcbInfo "tcb-info", "Is the TCB info signed by the vendor, for this platform, and of this time?", "Intel PCS API v4, TCB Info V3";
    QeIdentity "qe-identity", "Is the identity of the quoting enclave signed by the vendor and of this time?", "Intel PCS API v4, Enclave Identity V2";
    QuotingEnclave "quoting-enclave", "Is the quoting enclave the vendor's, and the attestation key its own?", "Intel DCAP Quoting Library API, appendix Quote Format; Intel PCS API v4, Enclave Identity V2";
    TdxModule "tdx-module", "Is the TDX module Intel's, and one that the policy accepts?", "Intel PCS API v4, TCB Info V3, tdxModuleIdentities";
    TcbStatus "tcb-status", "Is the platform's TCB status one that the policy accepts, with its advisories?", "Intel PCS API v4, TCB Info V3, tcbStatus";
    TcbEvaluation "tcb-evaluation", "Is the collateral's TCB evaluation data number at or above the floor?", "Intel PCS API v4, tcbEvaluationDataNumber";
    Debug "debug", "Is debugging off?", "AMD 56860, Guest Policy; Intel SDM 3D, ATTRIBUTES; Intel TDX Module ABI, TDATTRIBUTES";
    Migration "migration", "Is migration off, and no migration agent bound?", "AMD 56860, Guest Policy and REPORT_ID_MA; Intel TDX Module ABI, TDATTRIBUTES";
    ServiceTd "service-td", "Is no service TD bound?", "Intel TDX Module ABI, TDINFO_STRUCT, SERVTD_HASH";
    Attributes "attributes", "Do the attributes have the values that the policy demands?", "AMD 56860, Guest Policy; Intel SDM 3D, ATTRIBUTES; Intel TDX Module ABI, TDATTRIBUTES";
    Extensions "extensions", "Do the extended features (XFAM, XFRM, MISCSELECT) have the values that the policy demands?", "Intel TDX Module ABI, XFAM; Intel SDM 3D, ATTRIBUTES.XFRM and MISCSELECT";
    Vmpl "vmpl", "Did a privilege level that the policy accepts ask for the report?", "AMD 56860, VMPL";
    PlatformInfo "platform-info", "Is the host configured as the policy demands?", "AMD 56860, PLATFORM_INFO";
    Mitigations "mitigations", "Are the mitigations in force that the policy demands?", "AMD 56860, LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR";
    PlatformIdentity "platform-identity", "Is it a machine that the policy names?", "AMD 56860, CHIP_ID; Intel SGX PCK Certificate and CRL Profile, PPID and FMSPC";
    Measurement "measurement", "Is the measurement one that the policy accepts?", "AMD 56860, MEASUREMENT; Intel SDM 3D, MRENCLAVE; Intel TDX Module ABI, MRTD and RTMR";
    Signer "signer", "Is the signer, product and security version one that the policy accepts?", "AMD 56860, ID_KEY_DIGEST and GUEST_SVN; Intel SDM 3D, MRSIGNER, ISVPRODID and ISVSVN";
    Configuration "configuration", "Is what the host or owner bound at launch what the policy accepts?", "AMD 56860, HOST_DATA; Intel TDX Module ABI, MRCONFIGID, MROWNER and MROWNERCONFIG; Intel SDM 3D, CONFIGID";
    ReportData "report-data", "Does the evidence bind what was asked for?", "AMD 56860, REPORT_DATA; Intel SDM 3D, REPORTDATA; RFC 9334, section 10";
}

impl Step {
    /// The steps for a SEV-SNP report, in the order in which verdicts show them.
    #[must_use]
    pub const fn snp() -> &'static [Self] {
        &[
            Self::Policy,
            Self::Format,
            Self::Reserved,
            Self::Root,
            Self::Intermediate,
            Self::EndorsementKey,
            Self::Validity,
            Self::Revocation,
            Self::Generation,
            Self::SigningKey,
            Self::Signature,
            Self::TcbBinding,
            Self::ChipBinding,
            Self::Tcb,
            Self::Firmware,
            Self::Debug,
            Self::Migration,
            Self::Attributes,
            Self::Vmpl,
            Self::PlatformInfo,
            Self::Mitigations,
            Self::PlatformIdentity,
            Self::Measurement,
            Self::Signer,
            Self::Configuration,
            Self::ReportData,
        ]
    }

    /// The steps for an SGX quote.
    #[must_use]
    pub const fn sgx() -> &'static [Self] {
        &[
            Self::Policy,
            Self::Format,
            Self::Reserved,
            Self::Collateral,
            Self::Root,
            Self::Revocation,
            Self::TcbInfo,
            Self::QeIdentity,
            Self::PckChain,
            Self::QuotingEnclave,
            Self::Signature,
            Self::TcbStatus,
            Self::TcbEvaluation,
            Self::Debug,
            Self::Attributes,
            Self::Extensions,
            Self::PlatformIdentity,
            Self::Measurement,
            Self::Signer,
            Self::Configuration,
            Self::ReportData,
        ]
    }

    /// The steps for a TDX quote.
    #[must_use]
    pub const fn tdx() -> &'static [Self] {
        &[
            Self::Policy,
            Self::Format,
            Self::Reserved,
            Self::Collateral,
            Self::Root,
            Self::Revocation,
            Self::TcbInfo,
            Self::QeIdentity,
            Self::PckChain,
            Self::QuotingEnclave,
            Self::Signature,
            Self::TdxModule,
            Self::TcbStatus,
            Self::TcbEvaluation,
            Self::Debug,
            Self::Migration,
            Self::ServiceTd,
            Self::Attributes,
            Self::Extensions,
            Self::PlatformIdentity,
            Self::Measurement,
            Self::Configuration,
            Self::ReportData,
        ]
    }
}

impl Display for Step {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl serde::Serialize for Step {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
