//! Linked programs as [`holdfast_launch::pack::pack`] takes them, made by hand: static
//! position-independent ELF files (System V ABI, "Object Files"; gABI 4.1).

use holdfast_launch::headers::{STAGE0_MAGIC, Stage0Header};
use holdfast_launch::layout::{PAGE, STAGE0};
use holdfast_launch::pack::{STAGE0_HEADER_SYMBOL, pack};
use zerocopy::IntoBytes;

pub(crate) const READ: u32 = 4;
pub(crate) const WRITE: u32 = 2;
pub(crate) const EXECUTE: u32 = 1;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const R_X86_64_RELATIVE: u32 = 8;

/// Where a header lies in a program.
pub(crate) const HEADER: u64 = 0x100;
/// Where the pages start that a program may write.
pub(crate) const DATA: u64 = 2 * PAGE;
/// Where the relocations of [`Program::relocations`] lie.
const TABLE: u64 = DATA + 0x800;
const DYNAMIC: u64 = DATA + 0x400;

/// A segment: type, flags, address, bytes in the file, bytes in memory.
pub(crate) type Segment = (u32, u32, u64, Vec<u8>, u64);

#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) segments: Vec<Segment>,
    /// Offset, type, addend.
    pub(crate) relocations: Vec<(u64, u32, u64)>,
    pub(crate) entry: u64,
    /// Name and address.
    pub(crate) symbol: (&'static str, u64),
}

impl Program {
    /// Two pages of code that hold `header` at [`HEADER`], one page of data, one of zeros.
    fn new(header: &[u8]) -> Self {
        let mut code: Vec<u8> = (0..DATA).map(|at| (at % 251) as u8).collect();
        code[HEADER as usize..][..header.len()].copy_from_slice(header);
        Self {
            segments: vec![
                (PT_LOAD, READ | EXECUTE, 0, code, DATA),
                (PT_LOAD, READ | WRITE, DATA, vec![0xda; PAGE as usize], 2 * PAGE),
            ],
            relocations: vec![(DATA + 8, R_X86_64_RELATIVE, 0x123)],
            entry: HEADER,
            symbol: (STAGE0_HEADER_SYMBOL, HEADER),
        }
    }

    pub(crate) fn stage0() -> Self {
        Self::new(stage0_header().as_bytes())
    }

    pub(crate) fn body() -> Self {
        Self { symbol: ("main", 0), entry: 0x40, ..Self::new(&[]) }
    }

    /// The ELF file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut segments = self.segments.clone();
        self.put_relocations(&mut segments);
        let headers = 64 + 56 * segments.len();
        let mut file = vec![0; headers];
        let mut table = Vec::new();
        for (kind, flags, address, data, memory) in &segments {
            // What lies inside another segment has its bytes there; these readers use the address alone.
            table.extend(words32(&[*kind, *flags]));
            let (at, length) = (file.len() as u64, data.len() as u64);
            table.extend(words(&[at, *address, *address, length, *memory, 1]));
            file.extend(data);
        }
        file[64..headers].copy_from_slice(&table);
        let sections = self.symbols(&mut file);
        let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
        head.extend(words(&[self.entry, 64, sections]));
        head.extend([0; 4]);
        head.extend([64, 56, segments.len() as u16, 64, 3, 2].iter().flat_map(|half| half.to_le_bytes()));
        file[..64].copy_from_slice(&head);
        file
    }

    fn put_relocations(&self, segments: &mut Vec<Segment>) {
        let Some((.., data, _)) =
            segments.iter_mut().find(|segment| segment.2 == DATA && segment.0 == PT_LOAD)
        else {
            return;
        };
        let table: Vec<u8> = self
            .relocations
            .iter()
            .flat_map(|(offset, kind, addend)| words(&[*offset, u64::from(*kind), *addend]))
            .collect();
        let at = (TABLE - DATA) as usize;
        data[at..at + table.len()].copy_from_slice(&table);
        // DT_RELA, DT_RELASZ, DT_NULL.
        let dynamic = words(&[7, TABLE, 8, table.len() as u64, 0, 0]);
        let length = dynamic.len() as u64;
        segments.push((PT_DYNAMIC, READ, DYNAMIC, dynamic, length));
    }

    /// Sections: none, symbols, their names. Returns where the table lies.
    fn symbols(&self, file: &mut Vec<u8>) -> u64 {
        let (name, address) = self.symbol;
        let names = file.len() as u64;
        file.push(0);
        file.extend(name.as_bytes());
        file.push(0);
        file.resize(file.len().next_multiple_of(8), 0);
        let symbols = file.len() as u64;
        file.extend([0; 24]);
        // st_name 1; a global object; in an absolute section.
        file.extend([1, 0, 0, 0, 0x11, 0, 0xf1, 0xff]);
        file.extend(words(&[address, 0]));
        let table = file.len() as u64;
        file.extend([0; 64]);
        file.extend(words32(&[0, 2]));
        file.extend(words(&[0, 0, symbols, 48]));
        file.extend(words32(&[2, 1]));
        file.extend(words(&[8, 24]));
        file.extend(words32(&[0, 3]));
        file.extend(words(&[0, 0, names, name.len() as u64 + 2]));
        file.extend(words32(&[0, 0]));
        file.extend(words(&[1, 0]));
        table
    }
}

/// With addresses in stage 0 that are easily told apart.
pub(crate) fn stage0_header() -> Stage0Header {
    Stage0Header {
        magic: STAGE0_MAGIC,
        machine_entry: STAGE0 + 0x400,
        vcpu_entry: STAGE0 + 0x410,
        process_entry: STAGE0 + 0x420,
        exceptions: core::array::from_fn(
            |vector| if vector == 9 { 0 } else { STAGE0 + 0x500 + vector as u64 },
        ),
        interrupt: STAGE0 + 0x600,
        stack: 0,
        body_length: 0,
        body_hash: [0; 32],
    }
}

/// An image of the two programs.
pub(crate) fn image() -> Vec<u8> {
    pack(&Program::stage0().file(), &Program::body().file()).expect("an image")
}

fn words(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn words32(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
