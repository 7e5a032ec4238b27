//! MRTD and RTMRs.

mod support;

use std::path::Path;

use holdfast_measure::Digest;
use holdfast_measure::firmware::Firmware;
use holdfast_measure::tdx::{PageOrder, Rtmr, mrtd};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use support::{committed, digest, json, vectors};

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
        println!("skipped: installed_firmware: no vectors (none of the known firmware is installed)");
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
