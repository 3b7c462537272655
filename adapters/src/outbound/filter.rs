//! Which addresses exist on the public internet. Our own list: the predicates of the standard
//! library let more than a third of the known tricks pass.
//!
//! Must not be clever: an address that embeds another one (mapped, translated, tunnelled) is
//! refused whatever it embeds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To a host on the public internet.
    Public,
    /// To this machine.
    Loopback,
    /// To a private network: RFC 1918, unique local.
    Private,
    /// Nowhere a webhook has any business.
    Never,
}

/// A range of IPv4: first address, length of the prefix.
type Range4 = (Ipv4Addr, u32);
/// A range of IPv6: first address, length of the prefix.
type Range6 = (Ipv6Addr, u32);

const PRIVATE_V4: [Range4; 3] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

const NEVER_V4: [Range4; 17] = [
    (Ipv4Addr::UNSPECIFIED, 8),            // this network
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT, metadata of Alibaba
    (Ipv4Addr::new(168, 63, 129, 16), 32), // metadata of Azure, on a public address
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, metadata of most clouds
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments, metadata of Oracle
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24),  // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24),  // multicast tunnels
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 175, 48, 0), 24),  // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved
    (Ipv4Addr::BROADCAST, 32),             // broadcast
    (Ipv4Addr::new(233, 252, 0, 0), 24),   // documentation of multicast
];

/// What IANA has handed out so far. Everything else is refused until it is handed out too:
/// mapped, compatible, NAT64, discard, segment routing, link-local, site-local, multicast.
const GLOBAL_V6: Range6 = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const UNIQUE_LOCAL_V6: Range6 = (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// Amazon's metadata address: unique local, but never a receiver.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Holes in the global range.
const NEVER_V6: [Range6; 6] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // Teredo, ORCHID, benchmarks, AMT
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16), // 6bone, given back
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Returns where `address` leads.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    if address.is_loopback() {
        Reach::Loopback
    } else if PRIVATE_V4.iter().any(|range| holds_v4(range, address)) {
        Reach::Private
    } else if NEVER_V4.iter().any(|range| holds_v4(range, address)) {
        Reach::Never
    } else {
        Reach::Public
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if address == Ipv6Addr::LOCALHOST {
        Reach::Loopback
    } else if address == METADATA_V6 {
        Reach::Never
    } else if holds_v6(&UNIQUE_LOCAL_V6, address) {
        Reach::Private
    } else if !holds_v6(&GLOBAL_V6, address)
        || NEVER_V6.iter().any(|range| holds_v6(range, address))
    {
        Reach::Never
    } else {
        Reach::Public
    }
}

fn holds_v4(&(first, length): &Range4, address: Ipv4Addr) -> bool {
    (first.to_bits() ^ address.to_bits()).leading_zeros() >= length
}

fn holds_v6(&(first, length): &Range6, address: Ipv6Addr) -> bool {
    (first.to_bits() ^ address.to_bits()).leading_zeros() >= length
}

#[cfg(test)]
mod tests {
    use super::{NEVER_V4, NEVER_V6, PRIVATE_V4, Reach, reach};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn of(address: &str) -> Reach {
        reach(address.parse().unwrap())
    }

    #[test]
    fn both_ends_of_every_forbidden_range_are_refused() {
        for (first, length) in PRIVATE_V4.into_iter().chain(NEVER_V4) {
            let last = Ipv4Addr::from_bits(
                first.to_bits() | u32::MAX.checked_shr(length).unwrap_or_default(),
            );
            assert_ne!(reach(IpAddr::V4(first)), Reach::Public, "{first}");
            assert_ne!(reach(IpAddr::V4(last)), Reach::Public, "{last}");
        }
        for (first, length) in NEVER_V6 {
            let last = Ipv6Addr::from_bits(first.to_bits() | u128::MAX >> length);
            assert_eq!(reach(IpAddr::V6(first)), Reach::Never, "{first}");
            assert_eq!(reach(IpAddr::V6(last)), Reach::Never, "{last}");
        }
    }

    #[test]
    fn the_neighbours_of_forbidden_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "3ffd::",
            "3fff:1000::",
        ] {
            assert_eq!(of(address), Reach::Public, "{address}");
        }
    }

    #[test]
    fn an_address_that_embeds_another_is_refused_even_if_that_one_is_public() {
        for address in [
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::8.8.8.8",
            "2002:808:808::1",
            "2001:0:808:808::1",
        ] {
            assert_eq!(of(address), Reach::Never, "{address}");
        }
    }

    #[test]
    fn loopback_and_private_networks_are_told_apart() {
        assert_eq!(of("127.0.0.1"), Reach::Loopback);
        assert_eq!(of("127.255.255.254"), Reach::Loopback);
        assert_eq!(of("::1"), Reach::Loopback);
        assert_eq!(of("172.31.0.1"), Reach::Private);
        assert_eq!(of("fd12:3456::1"), Reach::Private);
        assert_eq!(of("fd00:ec2::254"), Reach::Never);
        assert_eq!(of("::ffff:127.0.0.1"), Reach::Never);
    }

    #[test]
    fn unknown_parts_of_ipv6_are_refused() {
        for address in ["1000::1", "4000::1", "8000::1", "e000::1", "fe00::1", "5f00::1", "100::1"]
        {
            assert_eq!(of(address), Reach::Never, "{address}");
        }
    }
}
