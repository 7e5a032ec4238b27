/// The security versions of the simulated platform.
pub(super) struct Platform {
    /// SGX TCB components, as CPUSVN has them.
    pub(super) cpu_svn: [u8; 16],
    /// PCESVN.
    pub(super) pce_svn: u16,
    /// TEE_TCB_SVN: the TDX module's ISVSVN and major version, then TDX TCB components.
    pub(super) tee_tcb_svn: [u8; 16],
}

impl Platform {
    /// As it is when all is well, or with firmware of years ago.
    pub(super) const fn new(old: bool) -> Self {
        if old {
            Self {
                cpu_svn: [2, 2, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
                pce_svn: 5,
                tee_tcb_svn: [2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            }
        } else {
            Self {
                cpu_svn: [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
                pce_svn: 13,
                tee_tcb_svn: [6, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            }
        }
    }
}
