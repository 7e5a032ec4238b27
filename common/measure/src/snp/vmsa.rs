//! The VM save area: the registers with which a vCPU starts, as the launch measures them.
//!
//! Layout: AMD 24593, *APM volume 2*, table B-4, "VMSA Layout, State Save Area for SEV-ES"; Linux,
//! `struct sev_es_save_area` in `arch/x86/include/asm/svm.h`.

use core::mem::offset_of;

use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::PAGE;

/// A segment register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VmsaSegment {
    /// Selector.
    pub selector: u16,
    /// Type, S, DPL, P in bits 7:0; AVL, L, D/B, G in bits 11:8.
    pub attrib: u16,
    /// Limit in bytes.
    pub limit: u32,
    /// Base address.
    pub base: u64,
}

impl VmsaSegment {
    /// A segment with selector and base 0, of 64 KiB.
    #[must_use]
    pub const fn flat16(attrib: u16) -> Self {
        Self { selector: 0, attrib, limit: 0xffff, base: 0 }
    }
}

/// The save area, one page. Fields that no launch here sets are only named as far as layout needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[allow(missing_docs, reason = "the fields are the processor's registers, by their names")]
pub struct Vmsa {
    pub es: VmsaSegment,
    pub cs: VmsaSegment,
    pub ss: VmsaSegment,
    pub ds: VmsaSegment,
    pub fs: VmsaSegment,
    pub gs: VmsaSegment,
    pub gdtr: VmsaSegment,
    pub ldtr: VmsaSegment,
    pub idtr: VmsaSegment,
    pub tr: VmsaSegment,
    reserved_0xa0: [u8; 42],
    pub vmpl: u8,
    pub cpl: u8,
    reserved_0xcc: [u8; 4],
    pub efer: u64,
    reserved_0xd8: [u8; 104],
    pub xss: u64,
    pub cr4: u64,
    pub cr3: u64,
    pub cr0: u64,
    pub dr7: u64,
    pub dr6: u64,
    pub rflags: u64,
    pub rip: u64,
    reserved_0x180: [u8; 88],
    pub rsp: u64,
    reserved_0x1e0: [u8; 136],
    pub g_pat: u64,
    reserved_0x270: [u8; 152],
    pub rcx: u64,
    pub rdx: u64,
    pub rbx: u64,
    reserved_0x320: [u8; 8],
    pub rbp: u64,
    pub rsi: u64,
    pub rdi: u64,
    reserved_0x340: [u8; 112],
    pub sev_features: u64,
    reserved_0x3b8: [u8; 48],
    pub xcr0: u64,
    reserved_0x3f0: [u8; 24],
    pub mxcsr: u32,
    pub x87_ftw: u16,
    pub x87_fsw: u16,
    pub x87_fcw: u16,
    reserved_0x412: [u8; 3054],
}

const _: () = {
    assert!(size_of::<Vmsa>() == PAGE);
    assert!(offset_of!(Vmsa, tr) == 0x90);
    assert!(offset_of!(Vmsa, vmpl) == 0xca);
    assert!(offset_of!(Vmsa, efer) == 0xd0);
    assert!(offset_of!(Vmsa, xss) == 0x140);
    assert!(offset_of!(Vmsa, rip) == 0x178);
    assert!(offset_of!(Vmsa, rsp) == 0x1d8);
    assert!(offset_of!(Vmsa, g_pat) == 0x268);
    assert!(offset_of!(Vmsa, rdx) == 0x310);
    assert!(offset_of!(Vmsa, rdi) == 0x338);
    assert!(offset_of!(Vmsa, sev_features) == 0x3b0);
    assert!(offset_of!(Vmsa, xcr0) == 0x3e8);
    assert!(offset_of!(Vmsa, mxcsr) == 0x408);
    assert!(offset_of!(Vmsa, x87_fcw) == 0x410);
};

/// Secure virtual machine enable: KVM sets it in every guest's EFER.
pub(crate) const EFER_SVME: u64 = 1 << 12;
/// Machine-check enable: KVM takes the host's.
pub(crate) const CR4_MCE: u64 = 1 << 6;

impl Vmsa {
    /// The registers that KVM leaves as a reset leaves them (APM volume 2, table 14-1): what every VMM
    /// starts from. All others are zero.
    #[must_use]
    pub(crate) fn after_reset() -> Self {
        let mut vmsa = Self::new_zeroed();
        for segment in [&mut vmsa.es, &mut vmsa.ss, &mut vmsa.ds, &mut vmsa.fs, &mut vmsa.gs] {
            *segment = VmsaSegment::flat16(0x93);
        }
        vmsa.gdtr = VmsaSegment::flat16(0);
        vmsa.idtr = VmsaSegment::flat16(0);
        vmsa.ldtr = VmsaSegment::flat16(0x82);
        vmsa.tr = VmsaSegment::flat16(0x8b);
        vmsa.efer = EFER_SVME;
        vmsa.cr4 = CR4_MCE;
        vmsa.cr0 = 0x10;
        vmsa.dr7 = 0x400;
        vmsa.dr6 = 0xffff_0ff0;
        vmsa.rflags = 2;
        vmsa.g_pat = 0x0007_0406_0007_0406;
        vmsa.xcr0 = 1;
        vmsa.mxcsr = 0x1f80;
        vmsa.x87_fcw = 0x037f;
        vmsa
    }

    /// Makes it start in real mode at the physical address `eip`, as at a reset.
    pub(crate) fn start_at(&mut self, eip: u32) {
        self.cs =
            VmsaSegment { selector: 0xf000, attrib: 0x9b, limit: 0xffff, base: u64::from(eip & 0xffff_0000) };
        self.rip = u64::from(eip & 0xffff);
    }

    /// The page that is measured.
    #[must_use]
    pub fn page(&self) -> &[u8; PAGE] {
        zerocopy::transmute_ref!(self)
    }
}
