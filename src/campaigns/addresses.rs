//! An address that must not be written to again, kept as a mark: it can be compared with an address at hand, and nobody
//! who reads the list without the workspace's key learns an address from it. So it may stay when the customer is erased.

use super::key::{Key, mac};
use crate::customers::Channel;
use crate::fold::fold;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The mark of an address: 43 letters. The same phone has another one for SMS than for WhatsApp, as saying no to one of
/// them is not saying no to the other.
pub fn hash(key: &Key, channel: Channel, address: &str) -> String {
    let normal = normal(channel, address);
    BASE64_URL_SAFE_NO_PAD.encode(mac(&key.addresses, &[channel.key().as_bytes(), b"\0", normal.as_bytes()]))
}

/// How addresses are compared. Mail servers do not tell `Ana@` from `ana@`, and a bounce may spell it either way. Accents
/// are left out too: of two addresses that differ only by one, rather none is written to than the wrong one.
pub fn normal(channel: Channel, address: &str) -> String {
    match channel {
        Channel::Email => fold(address),
        Channel::Sms | Channel::Whatsapp => address.trim().to_string(), // E.164 already
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(channel: Channel, address: &str) -> String {
        hash(&Key::new(&[1; 32]), channel, address)
    }

    #[test]
    fn case_and_outer_spaces_do_not_make_another_address() {
        for same in ["ana@example.com", "ANA@Example.COM", " Ana@example.com\n", "ａｎａ@example.com"] {
            assert_eq!(of(Channel::Email, same), of(Channel::Email, "Ana@Example.com"), "{same}");
        }
        assert_eq!(normal(Channel::Email, "JOSÉ@Straße.example"), normal(Channel::Email, "josé@STRASSE.example"));
        assert_eq!(of(Channel::Sms, " +4670123456 "), of(Channel::Sms, "+4670123456"));
    }

    #[test]
    fn other_addresses_channels_and_keys_give_other_marks() {
        let known = of(Channel::Email, "ana@example.com");
        let others = [
            of(Channel::Email, "bo@example.com"),
            of(Channel::Email, "ana+news@example.com"),
            of(Channel::Sms, "ana@example.com"),
            hash(&Key::new(&[2; 32]), Channel::Email, "ana@example.com"),
        ];
        assert!(others.iter().all(|other| *other != known));
        assert_ne!(of(Channel::Sms, "+4670123456"), of(Channel::Whatsapp, "+4670123456"));
        assert_eq!((known.len(), known.contains('@')), (43, false));
    }

    /// Marks outlive every version of the program.
    #[test]
    fn a_mark_kept_by_an_older_muster_is_still_the_same() {
        assert_eq!(of(Channel::Email, "ana@example.com"), "lso3YOFsHyLayuRVaNrIdxuu5bNHoZZHfXNFiFlII6g");
    }
}
