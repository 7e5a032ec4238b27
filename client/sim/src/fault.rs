/// What is wrong with issued evidence, and nothing else: the rest of it is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The certificate of the signing key (VCEK, VLEK, PCK) ended the day before.
    Expired,
    /// A certificate of the chain is on its issuer's current revocation list: the ASK or ASVK, the PCK.
    Revoked,
    /// The guest may be debugged by its host.
    Debug,
    /// The platform has old firmware; the certificate says so too.
    OldTcb,
    /// The evidence is signed, but by another key than the certified one.
    WrongKey,
    /// The report data is not what was asked for: its first bit is flipped.
    WrongReportData,
    /// The version is one above the newest there is.
    UnknownVersion,
    /// The last byte is missing.
    Truncated,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Expired,
        Self::Revoked,
        Self::Debug,
        Self::OldTcb,
        Self::WrongKey,
        Self::WrongReportData,
        Self::UnknownVersion,
        Self::Truncated,
    ];
}
