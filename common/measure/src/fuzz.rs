//! Each parser as a function of bytes, for a fuzzer. None panics; none allocates more than a small multiple of
//! its input.

use crate::firmware::Firmware;
use crate::request::{Boot, Launch, Request, measure};
use crate::sgx::SigStruct;
use crate::snp::{IdAuth, IdBlock, Vmm};
use crate::tdx::{PageOrder, mrtd};

/// An OVMF file: its tables, and all that is made from them.
pub fn firmware(bytes: &[u8]) {
    let Ok(firmware) = Firmware::parse(bytes) else { return };
    assert!(firmware.address() < crate::firmware::FOUR_GIB);
    if let Ok(sections) = firmware.tdvf_sections() {
        assert!(sections.iter().all(|section| section.data.len() as u64 <= section.size));
        assert!(mrtd(&firmware, PageOrder::PageByPage).is_ok());
    }
    let boot = Boot { kernel: &[], initrd: &[], cmdline: &[] };
    for vmm in [Vmm::Qemu { vcpu_signature: 1 }, Vmm::Ec2, Vmm::Gce] {
        for boot in [None, Some(boot)] {
            let launch = Launch::FirmwareSnp { sev_features: 1, vmm, boot };
            let _ = measure(&Request { image: bytes, vcpus: 2, launch });
        }
    }
    let _ = crate::snp::svsm_digest(&firmware, 0, bytes, 1, 1);
}

/// A SIGSTRUCT: reading, and checking.
pub fn sigstruct(bytes: &[u8]) {
    if let Ok(structure) = SigStruct::parse(bytes) {
        let _ = structure.verify();
        let _ = structure.body();
    }
}

/// An ID block, followed by its authentication.
pub fn id_block(bytes: &[u8]) {
    let Some((block, auth)) = bytes.split_at_checked(size_of::<IdBlock>()) else { return };
    if let (Ok(block), Ok(auth)) = (IdBlock::parse(block), IdAuth::parse(auth)) {
        let _ = auth.verify(&block, false);
        let _ = auth.verify(&block, true);
    }
}
