//! Names and addresses of machines.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char, c_int};
use core::net::{IpAddr, SocketAddr};
use core::ptr;

use crate::net::{Address, resolve};

/// One result of `getaddrinfo`, with the address that it points to.
#[repr(C)]
struct Answer {
    info: libc::addrinfo,
    address: libc::sockaddr_in6,
}

/// The kinds of sockets that a caller may want, if it does not say.
const KINDS: [(c_int, c_int); 2] =
    [(libc::SOCK_STREAM, libc::IPPROTO_TCP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)];

/// # Safety
/// `text` is null or a C string.
unsafe fn text<'a>(text: *const c_char) -> Result<Option<&'a str>, c_int> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises; it is not null.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| libc::EAI_NONAME)
}

/// Knows numbers and `localhost`; nobody outside the Keep is asked.
///
/// # Safety
/// As POSIX has it: `node` and `service` are null or C strings, `hints` is null or valid, `result` is
/// valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut *mut libc::addrinfo,
) -> c_int {
    // SAFETY: as the caller promises.
    let node = unsafe { text(node) };
    // SAFETY: as the caller promises.
    let service = unsafe { text(service) };
    let (node, service) = match (node, service) {
        (Ok(None), Ok(None)) => return libc::EAI_NONAME,
        (Ok(node), Ok(service)) => (node, service),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    // SAFETY: as the caller promises.
    let hints = unsafe { hints.as_ref() };
    let (flags, family, kind) =
        hints.map_or((0, libc::AF_UNSPEC, 0), |hints| (hints.ai_flags, hints.ai_family, hints.ai_socktype));
    let Ok(port) = service.unwrap_or("0").parse::<u16>() else { return libc::EAI_SERVICE };
    let passive = flags & libc::AI_PASSIVE != 0;
    let addresses: Vec<IpAddr> = match node {
        Some(name) if flags & libc::AI_NUMERICHOST != 0 => name.parse().into_iter().collect(),
        Some(name) => resolve(name),
        None if passive => Vec::from([[0; 4].into(), [0_u16; 8].into()]),
        None => resolve("localhost"),
    };
    let wanted = addresses.into_iter().filter(|address| match family {
        libc::AF_INET => address.is_ipv4(),
        libc::AF_INET6 => address.is_ipv6(),
        _ => true,
    });
    let mut list = ptr::null_mut();
    let answers: Vec<_> = wanted
        .flat_map(|address| KINDS.map(|(kind, protocol)| (address, kind, protocol)))
        .filter(|(_, offered, _)| kind == 0 || kind == *offered)
        .collect();
    // From the last to the first, as each points to the next.
    for (address, kind, protocol) in answers.into_iter().rev() {
        list = answer(SocketAddr::new(address, port), kind, protocol, list);
    }
    if list.is_null() {
        return libc::EAI_NONAME;
    }
    // SAFETY: as the caller promises.
    unsafe { result.write(list) };
    0
}

fn answer(
    address: SocketAddr,
    kind: c_int,
    protocol: c_int,
    next: *mut libc::addrinfo,
) -> *mut libc::addrinfo {
    let (bytes, length) = Address::Inet(address).encode();
    const _: () = assert!(size_of::<libc::sockaddr_in6>() == 28);
    // SAFETY: the structure is made of integers, is as long as the bytes, and any bytes are valid.
    let raw = unsafe { core::mem::transmute::<[u8; 28], libc::sockaddr_in6>(bytes) };
    let info = libc::addrinfo {
        ai_flags: 0,
        ai_family: if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 },
        ai_socktype: kind,
        ai_protocol: protocol,
        ai_addrlen: length as u32,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: next,
    };
    let answer = Box::leak(Box::new(Answer { info, address: raw }));
    answer.info.ai_addr = (&raw mut answer.address).cast();
    (&raw mut *answer).cast()
}

/// # Safety
/// As POSIX has it: `list` is null or comes from `getaddrinfo`, and is not used any more.
#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(mut list: *mut libc::addrinfo) {
    while !list.is_null() {
        // SAFETY: each element is an `Answer` that was leaked in `answer`, and it starts with the element.
        let answer = unsafe { Box::from_raw(list.cast::<Answer>()) };
        list = answer.info.ai_next;
    }
}

#[unsafe(no_mangle)]
extern "C" fn gai_strerror(error: c_int) -> *const c_char {
    match error {
        libc::EAI_NONAME => c"Name or service not known",
        libc::EAI_SERVICE => c"Servname not supported for ai_socktype",
        _ => c"Unknown error",
    }
    .as_ptr()
}

/// There is no resolver to set up anew.
#[unsafe(no_mangle)]
extern "C" fn __res_init() -> c_int {
    0
}
