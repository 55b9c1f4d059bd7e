//! Networks: an address and how many of its bits count (RFC 4632 §3.1, RFC 4291 §2.3).

use std::net::IpAddr;
use std::str::FromStr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    base: u128,
    bits: u32,
    four: bool,
}

impl Network {
    /// Whether an address is of it. An IPv4 address inside IPv6 is the IPv4 address.
    pub(super) fn has(self, address: IpAddr) -> bool {
        let (number, four) = number(address.to_canonical());
        four == self.four && masked(number, self.bits, four) == self.base
    }
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), true),
        IpAddr::V6(address) => (u128::from(address), false),
    }
}

fn masked(number: u128, bits: u32, four: bool) -> u128 {
    let unused = if four { 32 - bits } else { 128 - bits };
    number.checked_shr(unused).and_then(|kept| kept.checked_shl(unused)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').ok_or(())?;
        let (number, four) = number(address.parse().map_err(|_| ())?);
        let canonical = bits.parse::<u32>().ok().filter(|number| number.to_string() == bits);
        let bits = canonical.filter(|bits| *bits <= if four { 32 } else { 128 }).ok_or(())?;
        let base = masked(number, bits, four);
        // bits beyond the prefix are a mistake of the writer
        if base == number { Ok(Self { base, bits, four }) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().has(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_of_a_network_or_not() {
        assert!(has("10.0.0.0/8", "10.255.0.1"));
        assert!(!has("10.0.0.0/8", "11.0.0.0"));
        assert!(has("0.0.0.0/0", "1.2.3.4"));
        assert!(has("192.0.2.7/32", "192.0.2.7"));
        assert!(!has("192.0.2.7/32", "192.0.2.6"));
        assert!(has("2001:db8::/32", "2001:db8:1::1"));
        assert!(!has("2001:db8::/32", "2001:db9::1"));
        assert!(has("::/0", "2001:db9::1"));
        assert!(has("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!has("::/0", "10.0.0.1"));
    }

    #[test]
    fn a_network_has_one_spelling_of_its_prefix() {
        for other in ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.1/8", "::/129", "x/8"] {
            assert!(other.parse::<Network>().is_err(), "{other}");
        }
    }
}
