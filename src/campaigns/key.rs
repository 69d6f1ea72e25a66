//! The workspace's key for campaigns. It is one secret of 32 bytes; whatever is made with it uses a key of its own that
//! follows from it, so that nothing made for one purpose means anything to another.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// No `Debug`: a key is not to be found in a log.
#[derive(Clone)]
pub struct Key {
    pub(super) tokens: [u8; 32],
    pub(super) nonces: [u8; 32],
    pub(super) addresses: [u8; 32],
    messages: [u8; 32],
    answers: [u8; 32],
    webhook_tests: [u8; 32],
}

impl Key {
    /// The names of the purposes are part of what was made already: changing one makes every link in every mail useless.
    pub fn new(secret: &[u8; 32]) -> Key {
        let of = |purpose: &str| mac(secret, &[b"muster campaigns 1: ", purpose.as_bytes()]);
        Key {
            tokens: of("tokens"),
            nonces: of("nonces of tokens"),
            addresses: of("addresses"),
            messages: of("ids of messages"),
            answers: of("ids of answers"),
            webhook_tests: of("webhook tests"),
        }
    }

    /// For the ids of messages.
    pub fn for_messages(&self) -> &[u8; 32] {
        &self.messages
    }

    /// For the ids of what agents write in conversations.
    pub fn for_answers(&self) -> &[u8; 32] {
        &self.answers
    }

    /// For what tries out a gateway: messages that belong to no campaign.
    pub fn for_webhook_tests(&self) -> &[u8; 32] {
        &self.webhook_tests
    }
}

/// HMAC-SHA256 of the parts one after the other. Where they may be of any length, whoever calls puts something between.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // What HMAC says about keys: a long one is hashed first, a short one is filled up with zeros.
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new((&block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two marks are the same, in a time that does not tell where they part.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| std::hint::black_box(differ | (a ^ b)));
    one.len() == other.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaigns::webhook::hex;

    #[test]
    fn the_examples_of_rfc_4231() {
        for (key, text, expected) in [
            (&[0x0b; 20][..], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&mac(key, &[text.as_bytes()])), expected, "{text}");
        }
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let key = Key::new(&[7; 32]);
        let all = [&key.tokens, &key.nonces, &key.addresses, key.for_webhook_tests(), &[7; 32]];
        for (n, one) in all.iter().enumerate() {
            assert!(all[..n].iter().all(|other| other != one));
        }
    }
}
