//! Calls on the host.

use core::arch::asm;

use holdfast_gate::{Answer, CHANNEL, Call, Ending, window};
use holdfast_launch::layout;
use holdfast_stage0::doorbell;

use super::{boot, moved, tcb, vcpu};
use crate::errno::Errno;

/// Makes a call for the calling thread's vCPU. A wrong answer is the Keep's end.
pub(super) fn call(call: Call) -> Answer {
    call_as(tcb::current_index(), call)
}

/// The same for vCPU `index`, which is the calling one.
pub(super) fn call_as(index: u32, call: Call) -> Answer {
    let sequence = vcpu::next_sequence(index);
    let Some(mailbox) = window::mailbox(index) else { abort(Ending::Aborted) };
    let request = call.encode(sequence);
    let reply = vcpu::outside(index, || doorbell::ring(boot::platform(), mailbox, &request));
    match call.check(sequence, &reply) {
        Ok(answer) => answer,
        Err(_) => abort(Ending::GateViolation(call.operation())),
    }
}

/// The end of the Keep.
pub fn abort(ending: Ending) -> ! {
    let index = tcb::current_index();
    loop {
        // Whatever the host answers: there is nothing more to do here.
        let request = Call::Exit(ending).encode(vcpu::next_sequence(index));
        let mailbox = window::mailbox(index).unwrap_or(window::MAILBOXES);
        doorbell::ring(boot::platform(), mailbox, &request);
    }
}

/// Reads what the client sent, without waiting; 0: it sends no more.
///
/// # Errors
/// `EAGAIN` when nothing is there.
pub fn channel_read(buffer: &mut [u8]) -> Result<usize, Errno> {
    let length = cap(buffer.len());
    if length == 0 {
        return Ok(0);
    }
    let read = match call(Call::Read { stream: CHANNEL, length }) {
        // A reset is an end like any other: TLS, not the host, says whether it came too early.
        Answer::Closed => 0,
        answer => moved(answer)?,
    };
    let Some(buffer) = buffer.get_mut(..read) else { return Err(Errno::EIO) };
    // SAFETY: the buffer is ours and `read` bytes long; the source is this vCPU's bounce buffer.
    unsafe { copy(buffer.as_mut_ptr() as u64, bounce(), read) };
    Ok(read)
}

/// Writes to the client, without waiting.
///
/// # Errors
/// `EAGAIN` when nothing fits, `EPIPE` when it is gone.
pub fn channel_write(buffer: &[u8]) -> Result<usize, Errno> {
    let length = cap(buffer.len());
    if length == 0 {
        return Ok(0);
    }
    // SAFETY: the buffer is at least `length` long; the target is this vCPU's bounce buffer.
    unsafe { copy(bounce(), buffer.as_ptr() as u64, length as usize) };
    moved(call(Call::Write { stream: CHANNEL, length }))
}

/// Nothing more will be written.
///
/// # Errors
/// `EPIPE` when the client is gone.
pub fn channel_shutdown() -> Result<(), Errno> {
    match call(Call::Shutdown { stream: CHANNEL }) {
        Answer::Done => Ok(()),
        _ => Err(Errno::EPIPE),
    }
}

fn cap(length: usize) -> u32 {
    length.min(window::BOUNCE_SIZE as usize) as u32
}

/// Address of the calling vCPU's bounce buffer.
fn bounce() -> u64 {
    layout::WINDOW + window::bounce(tcb::current_index()).unwrap_or(window::BOUNCE)
}

/// Copies bytes to or from the window. The host may change its side meanwhile: this is the one copy, made
/// by the CPU's string instruction so that no assumption about it enters the compiled code.
///
/// # Safety
/// Both ranges are mapped, `to` may be written, and no reference to it is in use.
unsafe fn copy(to: u64, from: u64, length: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") length => _,
            options(nostack, preserves_flags));
    }
}
