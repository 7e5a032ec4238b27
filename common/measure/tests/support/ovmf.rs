//! Firmware made for a test: one page, laid out as edk2 does.
#![allow(dead_code, reason = "each test takes what it needs")]

use holdfast_measure::PAGE;

pub(crate) const SEV_METADATA: &str = "dc886566-984a-4798-a75e-5585a7bf67cc";
pub(crate) const TDVF_METADATA: &str = "e47a6535-984a-4798-865e-4685a7bf8ec2";
pub(crate) const RESET_BLOCK: &str = "00f771de-1a7e-4fcb-890e-68c77e2fb44e";
pub(crate) const HASH_TABLE: &str = "7255371f-3a3b-4b04-927b-1da6efa8d454";
const FOOTER: &str = "96b582de-1fb2-45f7-baea-a366c55a082d";

/// Where the metadata begins in the page.
pub(crate) const METADATA_AT: usize = 1;

/// A page that begins with a byte and `metadata`, with these entries of one number each. The metadata lies at
/// an odd offset, as it may.
pub(crate) fn firmware(metadata: &[u8], entries: &[(&str, u32)]) -> Vec<u8> {
    let mut file: Vec<u8> = (0..PAGE).map(|index| index as u8).collect();
    file[METADATA_AT..METADATA_AT + metadata.len()].copy_from_slice(metadata);
    let mut table = Vec::new();
    for (guid, value) in entries {
        table.extend(value.to_le_bytes());
        table.extend(22_u16.to_le_bytes());
        table.extend(guid_bytes(guid));
    }
    table.extend((table.len() as u16 + 18).to_le_bytes());
    table.extend(guid_bytes(FOOTER));
    let end = PAGE - 32;
    file[end - table.len()..end].copy_from_slice(&table);
    file
}

/// The entry's number for metadata that begins there: the offset from the end.
pub(crate) const METADATA_OFFSET: u32 = (PAGE - METADATA_AT) as u32;

/// SEV metadata: address, size and type of each section.
pub(crate) fn sev(sections: &[[u32; 3]]) -> Vec<u8> {
    let header = [16 + 12 * sections.len() as u32, 1, sections.len() as u32];
    [b"ASEV".to_vec(), words(&header), words(sections.as_flattened())].concat()
}

/// A section of TDVF metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tdvf {
    pub(crate) offset: u32,
    pub(crate) raw: u32,
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) kind: u32,
    pub(crate) attributes: u32,
}

/// TDVF metadata.
pub(crate) fn tdvf(sections: &[Tdvf]) -> Vec<u8> {
    let mut bytes = b"TDVF".to_vec();
    bytes.extend(words(&[16 + 32 * sections.len() as u32, 1, sections.len() as u32]));
    for section in sections {
        bytes.extend(words(&[section.offset, section.raw]));
        bytes.extend(section.address.to_le_bytes());
        bytes.extend(section.size.to_le_bytes());
        bytes.extend(words(&[section.kind, section.attributes]));
    }
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn guid_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    let mut bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}
