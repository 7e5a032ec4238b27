//! Keeps in assembly: an image whose stage 0 does one small thing, on either backend, without a body
//! worth the name.

use std::arch::global_asm;

use holdfast_gate::{ABI_VERSION, DOORBELL_PORT, NOTE_NAME, NOTE_TYPE, window};
use holdfast_launch::headers::{
    BODY_MAGIC, BodyHeader, BodySegment, EXCEPTION_VECTORS, STAGE0_MAGIC, Stage0Header,
};
use holdfast_launch::layout::{self, PAGE};
use zerocopy::IntoBytes;

/// What the Keep does. The numbers are those in the assembly.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// Ends itself.
    Exit = 0,
    /// Sends back what it receives, until there is no more, then ends itself.
    Echo = 1,
    /// Makes a call that does not exist.
    WrongOperation = 2,
    /// Runs for ever.
    Spin = 3,
    /// Reads memory that it does not have.
    Fault = 4,
    /// Makes a system call that its filter forbids (process only).
    Getpid = 5,
    /// Asks for memory that is writable and executable (process only).
    WritableAndExecutable = 6,
    /// Maps and uses memory, then ends itself (process only).
    Memory = 7,
    /// Sleeps for 20 ms by the clock of the gate, then ends itself.
    Sleep = 8,
    /// Starts vCPU 7, which it does not have, and ends itself if the host refuses.
    NoVcpu = 9,
}

global_asm!(
    ".pushsection .rodata.test_keep, \"a\"",
    "test_keep:",
    "test_keep_process: xor r14d, r14d",
    "jmp 2f",
    "test_keep_machine: mov r14d, 1",
    "2: movabs r15, {mailbox}",
    "movabs rax, {number}",
    "mov eax, [rax]",
    "xor ebx, ebx",
    "cmp eax, 1",
    "je 10f",
    "cmp eax, 2",
    "je 20f",
    "cmp eax, 3",
    "je 30f",
    "cmp eax, 4",
    "je 40f",
    "cmp eax, 5",
    "je 50f",
    "cmp eax, 6",
    "je 60f",
    "cmp eax, 7",
    "je 70f",
    "cmp eax, 8",
    "je 80f",
    "cmp eax, 9",
    "je 90f",
    // Exit: operation 9, code 0.
    "3: mov eax, 9",
    "xor esi, esi",
    "xor edi, edi",
    "call test_keep_ring",
    "ud2",
    // Echo: park for reading, read, write all of it.
    "10: mov eax, 2",
    "mov esi, 1",
    "mov rdi, -1",
    "call test_keep_ring",
    "mov eax, 5",
    "xor esi, esi",
    "mov edi, {bounce}",
    "call test_keep_ring",
    "cmp dword ptr [r15 + 136], 1",
    "je 10b",
    "mov r12, [r15 + 144]",
    "test r12, r12",
    "jz 3b",
    // A write may take less; then what is left is moved to the start of the buffer.
    "11: mov eax, 6",
    "xor esi, esi",
    "mov rdi, r12",
    "call test_keep_ring",
    "cmp dword ptr [r15 + 136], 1",
    "je 12f",
    "mov rcx, r12",
    "mov rax, [r15 + 144]",
    "sub rcx, rax",
    "mov r12, rcx",
    "jz 10b",
    "movabs rdi, {buffer}",
    "lea rsi, [rdi + rax]",
    "rep movsb",
    "jmp 11b",
    "12: mov eax, 2",
    "mov esi, 2",
    "mov rdi, -1",
    "call test_keep_ring",
    "jmp 11b",
    "20: mov eax, 99",
    "call test_keep_ring",
    "ud2",
    "30: pause",
    "jmp 30b",
    "40: xor eax, eax",
    "mov rax, [rax]",
    "ud2",
    "50: mov eax, 39",
    "syscall",
    "jmp 3b",
    "60: mov edx, 7",
    "call test_keep_map",
    "jmp 3b",
    "70: mov edx, 3",
    "call test_keep_map",
    "movabs rcx, 0x200000000000",
    "cmp rax, rcx",
    "jne 40b",
    "mov byte ptr [rax], 1",
    "jmp 3b",
    "80: mov eax, 2",
    "xor esi, esi",
    "mov edi, 20000000",
    "call test_keep_ring",
    "jmp 3b",
    "90: mov eax, 1",
    "mov esi, 7",
    "xor edi, edi",
    "call test_keep_ring",
    "cmp dword ptr [r15 + 136], 3",
    "je 3b",
    "jmp 40b",
    // mmap(0x200000000000, 1 MiB, EDX, PRIVATE|FIXED|ANONYMOUS|NORESERVE, -1, 0)
    "test_keep_map: movabs rdi, 0x200000000000",
    "mov esi, 0x100000",
    "mov r10d, 0x4032",
    "mov r8, -1",
    "xor r9d, r9d",
    "mov eax, 9",
    "syscall",
    "ret",
    // A call: operation EAX, arguments RSI and RDI; RBX counts.
    "test_keep_ring: inc rbx",
    "mov [r15 + 64], rbx",
    "mov [r15 + 72], rax",
    "mov [r15 + 80], rsi",
    "mov [r15 + 88], rdi",
    "test r14d, r14d",
    "jz 5f",
    "out {port}, al",
    "ret",
    "5: mov dword ptr [r15], 1",
    "mov rdi, r15",
    "mov esi, 1",
    "mov edx, 1",
    "mov eax, 202",
    "syscall",
    "6: cmp dword ptr [r15], 2",
    "je 7f",
    "mov rdi, r15",
    "xor esi, esi",
    "mov edx, 1",
    "xor r10d, r10d",
    "mov eax, 202",
    "syscall",
    "jmp 6b",
    "7: mov dword ptr [r15], 0",
    "ret",
    "test_keep_end:",
    ".popsection",
    mailbox = const layout::WINDOW + window::MAILBOXES,
    number = const layout::STAGE0 + NUMBER as u64,
    bounce = const window::BOUNCE_SIZE,
    buffer = const layout::WINDOW + window::BOUNCE,
    port = const DOORBELL_PORT,
);

/// Where in stage 0 the program's number is.
const NUMBER: usize = 0xff8;

/// Where in stage 0 the code is.
const CODE: usize = 0x400;

/// An image that does this.
pub(crate) fn image(program: Program) -> Vec<u8> {
    unsafe extern "C" {
        static test_keep: u8;
        static test_keep_machine: u8;
        static test_keep_process: u8;
        static test_keep_end: u8;
    }
    let start = &raw const test_keep;
    let length = (&raw const test_keep_end).addr() - start.addr();
    // SAFETY: the bytes between the two labels, in constant data.
    let code = unsafe { std::slice::from_raw_parts(start, length) };
    let address = |label: *const u8| layout::STAGE0 + (CODE + label.addr() - start.addr()) as u64;
    let body = BodyHeader {
        magic: BODY_MAGIC,
        entry: 0,
        memory: PAGE,
        tls_offset: 0,
        tls_initialised: 0,
        tls_length: 0,
        tls_alignment: 1,
        segment_count: 0,
        segments: [BodySegment::default(); 8],
    };
    let header = Stage0Header {
        magic: STAGE0_MAGIC,
        machine_entry: address(&raw const test_keep_machine),
        vcpu_entry: 0,
        process_entry: address(&raw const test_keep_process),
        exceptions: [0; EXCEPTION_VECTORS],
        interrupt: 0,
        stack: 0,
        body_length: PAGE,
        body_hash: [0; 32],
    };
    let mut stage0 = header.as_bytes().to_vec();
    stage0.resize(CODE, 0);
    stage0.extend(code);
    stage0.resize(NUMBER, 0);
    stage0.extend((program as u64).to_le_bytes());
    let mut body = body.as_bytes().to_vec();
    body.resize(PAGE as usize, 0);
    elf(&stage0, &[0; PAGE as usize], &body)
}

fn elf(stage0: &[u8], data: &[u8], body: &[u8]) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [NOTE_NAME.len() as u32 + 1, 4, NOTE_TYPE] {
        note.extend(word.to_le_bytes());
    }
    note.extend(NOTE_NAME.as_bytes());
    note.resize(note.len() + 4 - NOTE_NAME.len() % 4, 0);
    note.extend(ABI_VERSION.to_le_bytes());
    let mut file = Vec::new();
    file.extend(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0");
    for word in [layout::STAGE0, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 4, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let headers = 64 + 4 * 56;
    let mut at = PAGE;
    let mut segment = |kind: u32, flags: u32, offset: u64, address: u64, length: u64| {
        file.extend(kind.to_le_bytes());
        file.extend(flags.to_le_bytes());
        for word in [offset, address, address, length, length, 4] {
            file.extend(word.to_le_bytes());
        }
    };
    for (flags, address, part) in [
        (5, layout::STAGE0, stage0),
        (6, layout::STAGE0 + stage0.len() as u64, data),
        (4, layout::BODY, body),
    ] {
        segment(1, flags, at, address, part.len() as u64);
        at += part.len() as u64;
    }
    segment(4, 4, headers, 0, note.len() as u64);
    file.extend(note);
    file.resize(PAGE as usize, 0);
    for part in [stage0, data, body] {
        file.extend(part);
    }
    file
}
