//! What the address of an unsubscribe link ends with: which campaign, which customer, which channel, sealed with the
//! workspace's key. Nobody can read or make one without it, and none is stored: a link works as long as the key lives,
//! also when the customer or the campaign is long gone.

use super::key::{Key, mac};
use crate::customers::Channel;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// How many bytes of it are the nonce; the rest is sealed.
const NONCE: usize = 24;
const CONTENT: usize = 17;

/// Who says no, to which channel, and what made her say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub campaign: i64,
    pub customer: i64,
    pub channel: Channel,
}

impl Token {
    /// 76 letters that need no quoting in a link, the same ones each time. A random nonce would make them new ones each
    /// time, so it follows from the content.
    pub fn seal(&self, key: &Key) -> String {
        let content = self.content();
        let mut bytes = mac(&key.nonces, &[&content])[..NONCE].to_vec();
        // Sealing so few bytes cannot fail; if it did, the link would open nothing.
        bytes.extend(cipher(key).encrypt(&nonce(&bytes), content.as_slice()).unwrap_or_default());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for whatever was not sealed with this key, or was changed since.
    pub fn open(text: &str, key: &Key) -> Option<Token> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce_bytes, sealed) = bytes.split_at_checked(NONCE)?;
        Token::read(&cipher(key).decrypt(&nonce(nonce_bytes), sealed).ok()?)
    }

    fn content(&self) -> [u8; CONTENT] {
        let mut content = [0; CONTENT];
        content[..8].copy_from_slice(&self.campaign.to_be_bytes());
        content[8..16].copy_from_slice(&self.customer.to_be_bytes());
        content[16] = number(self.channel);
        content
    }

    fn read(content: &[u8]) -> Option<Token> {
        let (campaign, rest) = content.split_first_chunk()?;
        let (customer, rest) = rest.split_first_chunk()?;
        let [channel] = rest else { return None };
        let channel = Channel::ALL.into_iter().find(|known| number(*known) == *channel)?;
        Some(Token { campaign: i64::from_be_bytes(*campaign), customer: i64::from_be_bytes(*customer), channel })
    }
}

/// Never another one for the same channel: links were sent with it.
fn number(channel: Channel) -> u8 {
    match channel {
        Channel::Email => 1,
        Channel::Sms => 2,
        Channel::Whatsapp => 3,
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&key.tokens).into())
}

fn nonce(bytes: &[u8]) -> XNonce {
    let mut nonce = XNonce::default();
    nonce.copy_from_slice(bytes);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: Token = Token { campaign: 3, customer: 0x0102_0304_0506_0708, channel: Channel::Email };

    fn key(byte: u8) -> Key {
        Key::new(&[byte; 32])
    }

    #[test]
    fn what_was_sealed_is_what_is_opened() {
        for channel in Channel::ALL {
            for (campaign, customer) in [(1, 1), (1, 2), (0, i64::MAX), (i64::MIN, -1)] {
                let token = Token { campaign, customer, channel };
                let text = token.seal(&key(1));
                assert_eq!(Token::open(&text, &key(1)), Some(token));
                assert_eq!(text.len(), 76);
                assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{text}");
            }
        }
    }

    #[test]
    fn the_same_recipient_has_the_same_token_each_time_and_nobody_else_has_it() {
        assert_eq!(ANA.seal(&key(1)), ANA.seal(&key(1)));
        let others =
            [Token { campaign: 4, ..ANA }, Token { customer: 9, ..ANA }, Token { channel: Channel::Sms, ..ANA }];
        for other in others {
            assert_ne!(
                other.seal(&key(1))[..32],
                ANA.seal(&key(1))[..32],
                "the nonce is never used for something else"
            );
        }
    }

    /// Links are in mails for years: what one looks like is a promise.
    #[test]
    fn a_token_sent_by_an_older_muster_still_opens() {
        let sent = "CrpSqtiOiFwZF0C8c5boy415SeNjHXlZLac9ZwdKM3gj5RJhBQa2t1TaCUKbxlYpgcvMtEyeVz_6";
        assert_eq!(ANA.seal(&key(1)), sent);
        assert_eq!(Token::open(sent, &key(1)), Some(ANA));
    }

    #[test]
    fn a_changed_character_opens_nothing() {
        let text = ANA.seal(&key(1));
        for at in 0..text.len() {
            for other in ['A', 'z', '-', '.', ' '] {
                let changed: String = text.chars().enumerate().map(|(n, c)| if n == at { other } else { c }).collect();
                assert!(changed == text || Token::open(&changed, &key(1)).is_none(), "{changed}");
            }
            assert_eq!(Token::open(&text[..at], &key(1)), None);
        }
        for junk in [format!("{text}A"), format!("{text}="), format!(" {text}"), "é".repeat(40), String::new()] {
            assert_eq!(Token::open(&junk, &key(1)), None, "{junk}");
        }
    }

    #[test]
    fn another_key_opens_nothing() {
        assert_eq!(Token::open(&ANA.seal(&key(1)), &key(2)), None);
    }

    #[test]
    fn the_ids_are_not_to_be_seen_in_it() {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(ANA.seal(&key(1))).unwrap();
        for id in [ANA.customer.to_be_bytes(), ANA.customer.to_le_bytes()] {
            assert!(!bytes.windows(4).any(|window| id.windows(4).any(|part| part == window)));
        }
        assert!(!bytes.windows(3).any(|window| window == [0, 0, 0]), "nor that the campaign has a small one");
    }
}
