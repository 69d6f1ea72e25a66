//! Where messages may go: out into the world, and nowhere inside the network Muster runs in. An admin could otherwise
//! make Muster knock at doors that are open to it alone (a database, the settings of a cloud machine).
//!
//! The address is checked as it was understood, whatever its spelling, and the addresses its name stands for are checked
//! as they are looked up: those and no others are connected to, so a name cannot mean something else a moment later.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use url::{Host, Url};

/// Hosts that an admin trusts, compared as they are understood: `127.1` is `127.0.0.1`.
#[derive(Clone)]
pub struct Allowed(Arc<Vec<Host>>);

impl Allowed {
    /// One that makes no sense allows nothing.
    pub fn new(hosts: &[String]) -> Allowed {
        let read = |host: &String| {
            let host = host.trim();
            let host = Host::parse(host).or_else(|_| Host::parse(&format!("[{host}]"))).ok()?;
            Some(plain(host))
        };
        Allowed(Arc::new(hosts.iter().filter_map(read).collect()))
    }

    fn has(&self, host: &Host) -> bool {
        self.0.contains(&plain(host.clone()))
    }
}

/// A name with a full stop at its end is the same name.
fn plain(host: Host) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_string()),
        number => number,
    }
}

/// The address of a gateway, or the sentence that says why it is none.
pub fn check(typed: &str, allowed: &Allowed) -> Result<Url, String> {
    let url =
        Url::parse(typed.trim()).map_err(|_| format!("“{typed}” is not an address like https://example.com/sms."))?;
    let host =
        url.host().map(|host| host.to_owned()).ok_or("An address names a host, like https://example.com/sms.")?;
    let trusted = allowed.has(&host);
    match url.scheme() {
        "https" => {}
        "http" if trusted => {}
        _ => return Err("The address of a gateway begins with https://, unless an admin allows its host.".into()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("An address holds no user and no password: they would be seen in logs.".into());
    }
    if url.fragment().is_some() {
        return Err("What follows a # never leaves Muster: leave it out.".into());
    }
    let number = match host {
        Host::Domain(_) => None, // looked up and checked when a message is sent
        Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
    };
    match number {
        Some(ip) if !trusted && !is_public(ip) => Err(NotPublic { host: host.to_string(), ip }.to_string()),
        _ => Ok(url),
    }
}

/// A host that leads to where no message may go.
#[derive(Debug)]
pub struct NotPublic {
    host: String,
    ip: IpAddr,
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotPublic { host, ip } = self;
        write!(f, "{host} leads to {ip}, which is not a public address. An admin may allow this host.")
    }
}

impl std::error::Error for NotPublic {}

/// Looks names up for one gateway.
pub struct Guard {
    allowed: Allowed,
}

impl Guard {
    pub fn new(allowed: Allowed) -> Guard {
        Guard { allowed }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (host, allowed) = (name.as_str().to_string(), self.allowed.clone());
        Box::pin(async move {
            let look_up = move || {
                let found = (host.as_str(), 0).to_socket_addrs()?.collect();
                checked(&host, found, &allowed).map_err(Into::into)
            };
            let found = tokio::task::spawn_blocking(look_up).await?;
            found.map(|found| Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// All addresses of a name, if all may be connected to. One that may not spoils the others: nobody mixes them in earnest.
fn checked(host: &str, found: Vec<SocketAddr>, allowed: &Allowed) -> Result<Vec<SocketAddr>, NotPublic> {
    let trusted = Host::parse(host).is_ok_and(|host| allowed.has(&host));
    match found.iter().find(|address| !trusted && !is_public(address.ip())) {
        Some(inside) => Err(NotPublic { host: host.to_string(), ip: inside.ip() }),
        None => Ok(found),
    }
}

/// Whether an address belongs to the world: to nobody's own network, machine or experiment.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match inner(ip) {
            Some(ip) => is_public_v4(ip),
            None => is_public_v6(ip),
        },
    }
}

/// What IANA's registry of special IPv4 addresses does not call globally reachable, and one more.
const NOT_PUBLIC_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),        // this network
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // shared by the customers of a provider
    ([127, 0, 0, 0], 8),      // this machine
    ([168, 63, 129, 16], 32), // what a machine in Azure asks for its settings
    ([169, 254, 0, 0], 16),   // link-local, and what other clouds ask there
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocols
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 88, 99, 0], 24),   // relays of 6to4
    ([192, 168, 0, 0], 16),   // private
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// Only 2000::/3 is given out to the world; these parts of it are not.
const NOT_PUBLIC_V6: [([u16; 3], u32); 4] = [
    ([0x2001, 0, 0], 23),     // protocols: Teredo, benchmarks, ORCHID
    ([0x2001, 0xdb8, 0], 32), // documentation
    ([0x2002, 0, 0], 16),     // 6to4: an IPv4 address in disguise, by relays of whoever
    ([0x3fff, 0, 0], 20),     // documentation
];

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let within = |(net, bits): &([u8; 4], u32)| (ip.to_bits() ^ u32::from_be_bytes(*net)) >> (32 - bits) == 0;
    !NOT_PUBLIC_V4.iter().any(within)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let given_out = ip.segments()[0] >> 13 == 1;
    let within = |([a, b, c], bits): &([u16; 3], u32)| {
        (ip.to_bits() ^ Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0).to_bits()) >> (128 - bits) == 0
    };
    given_out && !NOT_PUBLIC_V6.iter().any(within)
}

/// The IPv4 address that is really connected to: the last four bytes after `::ffff:` and, where a network translates
/// (NAT64), after `64:ff9b::`.
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = ip.segments();
    let carries = matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]);
    carries.then(|| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_and_what_is_not() {
        let inside = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 \
            127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 \
            192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 \
            203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 \
            :: ::1 ::7f00:1 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 \
            ::ffff:192.168.1.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 \
            64:ff9b:1::1 64:ff9b:1::8.8.8.8 100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 \
            2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe:: 2002:808:808:: 3fff::1 \
            3fff:fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 febf::1 fec0::1 ff02::1 ffff::1";
        let outside = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 \
            168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 \
            192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 \
            203.0.112.255 203.0.114.0 223.255.255.255 \
            ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:200::1 2001:4860:4860::8888 2003::1 2400:cb00::1 2606:4700::1111 \
            2a00:1450:4001::1 3ffe:ffff::1 3fff:1000::1";
        for (list, expected) in [(inside, false), (outside, true)] {
            for text in list.split_whitespace() {
                assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
            }
        }
    }

    fn allowed(hosts: &[&str]) -> Allowed {
        Allowed::new(&hosts.iter().map(|host| host.to_string()).collect::<Vec<_>>())
    }

    /// Whatever an address inside is spelled like, the parsed host is it.
    #[test]
    fn no_spelling_of_an_address_inside_gets_past() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.1.",
            "127.0.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0x7F.0.0.0x1",
            "017700000001",
            "0177.0.0.1",
            "0300.0250.0.1",
            "0",
            "0.0.0.0",
            "10.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0xa9.254.0251.0xfe",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "①②⑦.0.0.1",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
        ] {
            for rest in ["", ":8443/sms", "/?a=b"] {
                let url = format!("https://{host}{rest}");
                let said = check(&url, &allowed(&[])).expect_err(&url);
                assert!(said.contains("not a public address"), "{url}: {said}");
            }
        }
    }

    #[test]
    fn only_plain_addresses_of_the_web_are_taken() {
        for (url, word) in [
            ("http://example.com/sms", "https"),
            ("http://8.8.8.8/", "https"),
            ("ftp://example.com/", "https"),
            ("file:///etc/passwd", "host"),
            ("gopher://127.0.0.1:25/", "https"),
            ("data:text/plain,x", "host"),
            ("https://ana@example.com/", "password"),
            ("https://ana:secret@example.com/", "password"),
            ("https://:secret@example.com/", "password"),
            ("https://example.com@127.0.0.1/", "password"),
            ("https://example.com/#top", "#"),
            ("https://example.com/#", "#"),
            ("https://", "address"),
            ("https://[::1%25eth0]/", "address"),
            ("https://256.0.0.1/", "address"),
            ("https://exa mple.com/", "address"),
            ("//example.com/", "address"),
            ("example.com/sms", "address"),
            ("", "address"),
        ] {
            let said = check(url, &allowed(&["gateway.internal"])).expect_err(url);
            assert!(said.contains(word), "{url}: {said}");
        }
        for url in [
            "https://example.com",
            " https://example.com:8443/sms?to=x ",
            "https://8.8.8.8/",
            "https://[2606:4700::1]/",
        ] {
            assert!(check(url, &allowed(&[])).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_allowed_host_is_taken_in_every_spelling_and_no_other_is() {
        let known = allowed(&["Gateway.Internal", "127.0.0.1", "::1", " [fd00::7] ", "10.0.0.9.", "what is this?", ""]);
        for url in [
            "http://gateway.internal/",
            "https://GATEWAY.internal.:81/",
            "http://127.1/",
            "https://0x7f.1/",
            "http://[::1]/",
            "https://[fd00:0::7]/",
            "http://10.0.0.9/",
        ] {
            assert!(check(url, &known).is_ok(), "{url}");
        }
        for url in [
            "http://sub.gateway.internal/",
            "http://gateway.internal.example.com/",
            "https://127.0.0.2/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fd00::8]/",
            "https://10.0.0.8/",
        ] {
            assert!(check(url, &known).is_err(), "{url}");
        }
    }

    #[test]
    fn every_address_of_a_name_is_checked() {
        let found = |ips: &[&str]| ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>();
        let known = allowed(&["gateway.internal"]);
        for (host, ips, taken) in [
            ("example.com", &["8.8.8.8", "2606:4700::1111"][..], true),
            ("example.com", &["127.0.0.1"], false),
            ("example.com", &["8.8.8.8", "10.0.0.1"], false),
            ("example.com", &["8.8.8.8", "::ffff:169.254.169.254"], false),
            ("example.com", &["8.8.8.8", "fe80::1"], false),
            ("gateway.internal", &["10.0.0.1"], true),
            ("Gateway.internal.", &["10.0.0.1"], true),
            ("gateway.internal.example.com", &["10.0.0.1"], false),
            ("example.com", &[], true), // nobody to connect to
        ] {
            let answer = checked(host, found(ips), &known);
            assert_eq!(answer.is_ok(), taken, "{host} {ips:?}");
            if let Ok(left) = answer {
                assert_eq!(left, found(ips));
            }
        }
    }
}
