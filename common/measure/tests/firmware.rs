//! Firmware files that are refused, each for its reason.

#[path = "support/ovmf.rs"]
mod ovmf;

use holdfast_measure::PAGE;
use holdfast_measure::firmware::{FOUR_GIB, Firmware, FirmwareError, MAX_ADDED, SevSectionKind};
use ovmf::{METADATA_OFFSET, SEV_METADATA, TDVF_METADATA, Tdvf};

/// Where the footer's length lies.
const FOOTER: usize = PAGE - 32 - 18;

fn sev_file(sections: &[[u32; 3]]) -> Vec<u8> {
    ovmf::firmware(&ovmf::sev(sections), &[(SEV_METADATA, METADATA_OFFSET)])
}

fn tdvf_file(section: Tdvf) -> Vec<u8> {
    ovmf::firmware(&ovmf::tdvf(&[section]), &[(TDVF_METADATA, METADATA_OFFSET)])
}

fn damaged(error: FirmwareError) -> bool {
    matches!(error, FirmwareError::Damaged(_))
}

#[test]
fn sizes() {
    let file = sev_file(&[]);
    for bytes in [&[][..], &file[1..], &file[..100]] {
        assert_eq!(Firmware::parse(bytes).err(), Some(FirmwareError::Size(bytes.len())));
    }
    for end in [0, 1, FOUR_GIB + PAGE as u64] {
        assert_eq!(Firmware::parse_ending_at(&file, end).err(), Some(FirmwareError::Size(PAGE)));
    }
    let firmware = Firmware::parse(&file).expect("a firmware");
    assert_eq!((firmware.address(), firmware.bytes()), (FOUR_GIB - PAGE as u64, &file[..]));
}

#[test]
fn tables() {
    let good = sev_file(&[]);
    let mut file = good.clone();
    file[FOOTER + 2] ^= 1;
    assert_eq!(Firmware::parse(&file).err(), Some(FirmwareError::NoTable));
    // Shorter than its footer; longer than the file; an entry cut in two.
    for length in [0_u16, 17, 0xffff, 18 + 21] {
        let mut file = good.clone();
        file[FOOTER..FOOTER + 2].copy_from_slice(&length.to_le_bytes());
        assert!(Firmware::parse(&file).is_err_and(damaged), "table of {length} bytes");
    }
    // The entry's own length.
    for length in [0_u16, 17, 23, 0xffff] {
        let mut file = good.clone();
        file[FOOTER - 18..FOOTER - 16].copy_from_slice(&length.to_le_bytes());
        assert!(Firmware::parse(&file).is_err_and(damaged), "entry of {length} bytes");
    }
    let mut empty = good;
    empty[FOOTER..FOOTER + 2].copy_from_slice(&18_u16.to_le_bytes());
    let firmware = Firmware::parse(&empty).expect("a firmware without entries");
    for missing in [
        firmware.sev_sections().err(),
        firmware.tdvf_sections().err(),
        firmware.reset_eip().err(),
        firmware.hash_table().err(),
        firmware.svsm_entry().err(),
    ] {
        assert!(matches!(missing, Some(FirmwareError::Missing(_))), "{missing:?}");
    }
}

#[test]
fn two_entries() {
    let entries = [(ovmf::RESET_BLOCK, 1), (ovmf::RESET_BLOCK, 2), (ovmf::HASH_TABLE, 0)];
    let file = ovmf::firmware(&[], &entries);
    let firmware = Firmware::parse(&file).expect("a firmware");
    assert_eq!(firmware.reset_eip(), Ok(2), "QEMU takes the one that is nearer to the end");
    assert_eq!(firmware.hash_table(), Err(FirmwareError::Missing("where kernel hashes go")), "0 is nowhere");
}

#[test]
fn sev_sections() {
    let sections = |sections: &[[u32; 3]]| {
        let file = sev_file(sections);
        Firmware::parse(&file).expect("a firmware").sev_sections()
    };
    let good = sections(&[[0x80_0000, 0x9000, 1], [0x81_0000, 0x1000, 0x10]]).expect("sections");
    assert_eq!((good[0].address, good[0].size, good[0].kind), (0x80_0000, 0x9000, SevSectionKind::SecMem));
    assert_eq!(good[1].kind, SevSectionKind::KernelHashes);
    for bad in [[1, 0x1000, 1], [0, 0x1001, 1], [0, 0, 1], [0, 0x2000, 2], [0, 0x2000, 3], [0, 0x2000, 0x10]]
    {
        assert!(sections(&[bad]).is_err_and(damaged), "{bad:x?}");
    }
    for kind in [0, 5, 0x11, u32::MAX] {
        let unknown = FirmwareError::SectionType { table: "SEV", kind };
        assert_eq!(sections(&[[0, 0x1000, kind]]), Err(unknown));
    }
    let half = (MAX_ADDED / 2) as u32;
    assert!(sections(&[[0, half, 1], [0, half, 4]]).is_ok());
    let too_much = FirmwareError::TooMuch(MAX_ADDED + PAGE as u64);
    assert_eq!(sections(&[[0, half, 1], [0, half, 4], [0, 0x1000, 1]]), Err(too_much));
}

/// Both headers have the same four fields.
#[test]
fn headers() {
    let section = Tdvf { offset: 0, raw: 0, address: 0, size: 0x1000, kind: 3, attributes: 0 };
    header(&ovmf::sev(&[[0, 0x1000, 1]]), SEV_METADATA, |firmware| firmware.sev_sections().map(drop));
    header(&ovmf::tdvf(&[section]), TDVF_METADATA, |firmware| firmware.tdvf_sections().map(drop));
}

fn header(good: &[u8], guid: &str, read: fn(&Firmware<'_>) -> Result<(), FirmwareError>) {
    let sections = |metadata: &[u8], offset| {
        let file = ovmf::firmware(metadata, &[(guid, offset)]);
        read(&Firmware::parse(&file).expect("a firmware"))
    };
    assert_eq!(sections(good, METADATA_OFFSET), Ok(()));
    // Signature; size below the sections'; size beyond the file; version; more sections than there are.
    let beyond = PAGE as u32;
    for (at, value) in [(0, 0), (4, 27), (4, 0), (4, beyond), (8, 0), (8, 2), (12, 2), (12, u32::MAX)] {
        let mut metadata = good.to_vec();
        metadata[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        assert!(sections(&metadata, METADATA_OFFSET).is_err_and(damaged), "{guid}: {value:#x} at {at}");
    }
    for offset in [0, 15, PAGE as u32 + 1, u32::MAX] {
        assert!(sections(good, offset).is_err_and(damaged), "{guid}: offset {offset:#x}");
    }
}

#[test]
fn tdvf_sections() {
    const GOOD: Tdvf = Tdvf { offset: 0, raw: 4096, address: 0x1000, size: 0x2000, kind: 0, attributes: 1 };
    let sections = |section| {
        let file = tdvf_file(section);
        Firmware::parse(&file).expect("a firmware").tdvf_sections().map(|sections| {
            (sections[0].data == &file[..4096], sections[0].size, sections[0].extended, sections[0].added)
        })
    };
    assert_eq!(sections(GOOD), Ok((true, 0x2000, true, true)));
    for bad in [
        Tdvf { offset: 1, ..GOOD },
        Tdvf { offset: u32::MAX, raw: u32::MAX, ..GOOD },
        Tdvf { address: 1, ..GOOD },
        Tdvf { address: !0xfff, ..GOOD },
        Tdvf { size: 0, ..GOOD },
        Tdvf { size: 0x2001, ..GOOD },
        Tdvf { attributes: 3, ..GOOD },
        Tdvf { attributes: 4, ..GOOD },
    ] {
        assert!(sections(bad).is_err_and(damaged), "{bad:x?}");
    }
    let unknown = FirmwareError::SectionType { table: "TDX", kind: 9 };
    assert_eq!(sections(Tdvf { kind: 9, ..GOOD }), Err(unknown));
    let large = Tdvf { size: MAX_ADDED + 0x1000, ..GOOD };
    assert_eq!(sections(large), Err(FirmwareError::TooMuch(large.size)));
    assert!(sections(Tdvf { attributes: 2, ..large }).is_ok(), "not added, so no work");

    // Data as long as its memory, and longer: the file has two pages here.
    let data = |raw| {
        let file = [vec![7; PAGE], tdvf_file(Tdvf { raw, size: 0x1000, ..GOOD })].concat();
        let firmware = Firmware::parse(&file).expect("a firmware");
        firmware.tdvf_sections().map(|sections| sections[0].data.len())
    };
    assert_eq!(data(4096), Ok(4096));
    assert!(data(4097).is_err_and(damaged));
}
