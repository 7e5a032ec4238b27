//! Names of machines: in a Keep only numbers and `localhost`.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that `name` stands for; none if it is not known.
#[must_use]
pub fn resolve(name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Ok(address) = name.parse() {
        return Vec::from([address]);
    }
    // RFC 6761: `localhost` and all below it is loopback, without asking anybody.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.eq_ignore_ascii_case("localhost") {
        return Vec::from([Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_localhost_only() {
        assert_eq!(resolve("10.1.2.3"), [IpAddr::from([10, 1, 2, 3])]);
        assert_eq!(resolve("fe80::1"), ["fe80::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(resolve("LocalHost").len(), 2);
        assert_eq!(resolve("a.localhost.").len(), 2);
        for unknown in ["", "example.org", "localhost.example.org", "1.2.3", "::1%lo", "notlocalhost"] {
            assert!(resolve(unknown).is_empty(), "{unknown}");
        }
    }
}
