//! MRTD and RTMRs.

mod support;

#[path = "support/ovmf.rs"]
mod ovmf;

use std::path::Path;

use holdfast_measure::Digest;
use holdfast_measure::firmware::Firmware;
use holdfast_measure::tdx::{PageOrder, Rtmr, mrtd};
use ovmf::Tdvf;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha384};
use support::{committed, digest, json, skipped, vectors};

#[derive(Deserialize)]
struct Known {
    firmware: Vec<KnownFirmware>,
}

#[derive(Deserialize)]
struct KnownFirmware {
    name: String,
    sha256: String,
    page_by_page: String,
    add_then_extend: String,
}

/// Firmware that distributions install, if one of the known files is here.
#[test]
fn installed_firmware() {
    let known = String::from_utf8(committed("tdx-mrtd.toml")).expect("text");
    let known: Known = toml::from_str(&known).expect("the list");
    assert_eq!(known.firmware.len(), 5);
    let mut seen = 0;
    for folder in
        [Path::new("/usr/share/ovmf"), Path::new("/usr/share/OVMF"), &vectors().join("measure/firmware")]
    {
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(file) = std::fs::read(file.path()) else { continue };
            let hash = Digest::<32>(Sha256::digest(&file).into()).to_string();
            for known in known.firmware.iter().filter(|known| known.sha256 == hash) {
                let firmware = Firmware::parse(&file).expect("a firmware");
                let name = &known.name;
                assert_eq!(mrtd(&firmware, PageOrder::PageByPage), Ok(digest(&known.page_by_page)), "{name}");
                assert_eq!(
                    mrtd(&firmware, PageOrder::AddThenExtend),
                    Ok(digest(&known.add_then_extend)),
                    "{name}"
                );
                seen += 1;
            }
        }
    }
    if seen == 0 {
        skipped("installed_firmware", "none of the known firmware is installed");
    }
}

/// The four registers of a quote that the hardware signed, from its event log.
#[test]
fn registers_of_a_quote() {
    let registers = json("dstack/rtmr.json");
    let registers = registers.as_array().expect("a list");
    assert_eq!(registers.len(), 4);
    for register in registers {
        let events = register["events"].as_array().expect("a list");
        let events: Vec<_> = events.iter().map(|event| digest(event.as_str().expect("a digest"))).collect();
        assert!(!events.is_empty());
        let expected = digest(register["rtmr"].as_str().expect("a digest"));
        assert_eq!(Rtmr::replay(&events).value(), expected);
        assert_ne!(Rtmr::replay(&events[1..]).value(), expected, "an event is missing");
    }
}

/// The operations of a TD's launch, one after the other, as one list of bytes.
fn slow(file: &[u8], sections: &[Tdvf], order: PageOrder) -> Vec<u8> {
    let record = |operation: &[u8], address: u64| {
        let mut record = operation.to_vec();
        record.resize(16, 0);
        record.extend(address.to_le_bytes());
        record.resize(128, 0);
        record
    };
    let mut all = Vec::new();
    for section in sections {
        let (extended, added) = (section.attributes & 1 != 0, section.attributes & 2 == 0);
        if !added {
            continue;
        }
        let mut content = file[section.offset as usize..(section.offset + section.raw) as usize].to_vec();
        content.resize(section.size as usize, 0);
        let (mut adds, mut extends, mut both) = (Vec::new(), Vec::new(), Vec::new());
        for (index, page) in content.chunks(4096).enumerate() {
            let address = section.address + 4096 * index as u64;
            let add = record(b"MEM.PAGE.ADD", address);
            let mut extend = Vec::new();
            for (chunk, bytes) in page.chunks(256).enumerate() {
                if extended {
                    extend.extend(record(b"MR.EXTEND", address + 256 * chunk as u64));
                    extend.extend(bytes);
                }
            }
            both.extend([&add[..], &extend].concat());
            adds.extend(add);
            extends.extend(extend);
        }
        match order {
            PageOrder::PageByPage => all.extend(both),
            PageOrder::AddThenExtend => all.extend([adds, extends].concat()),
        }
    }
    Sha384::digest(all).to_vec()
}

fn section() -> impl Strategy<Value = Tdvf> {
    (0_u32..2000, 0_u32..2000, 0_u64..1 << 40, 1_u64..4, 0_u32..9, 0_u32..3).prop_map(
        |(offset, raw, page, pages, kind, attributes)| {
            let (address, size) = (page * 4096, pages * 4096);
            Tdvf { offset, raw, address, size, kind, attributes }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn firmware_equals_the_slow_one(sections in vec(section(), 0..5)) {
        let file = ovmf::firmware(&ovmf::tdvf(&sections), &[(ovmf::TDVF_METADATA, ovmf::METADATA_OFFSET)]);
        let firmware = Firmware::parse(&file).expect("a firmware");
        for order in [PageOrder::PageByPage, PageOrder::AddThenExtend] {
            let found = mrtd(&firmware, order).expect("an MRTD");
            prop_assert_eq!(found.0.to_vec(), slow(&file, &sections, order));
        }
    }
}
