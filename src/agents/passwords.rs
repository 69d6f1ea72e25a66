//! Which passwords are fit, and how they are kept: argon2id, never the password itself. No rules about kinds of
//! characters; length, and not being the first thing a guesser tries.

use crate::fold::fold;
use crate::web;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

const SHORTEST: usize = 12;
const LONGEST: usize = 128;

/// Passwords of twelve characters and more that lead every guesser's list.
const COMMON: &str = include_str!("passwords/common.txt");

/// The password as it may be used, or the sentence that says why not. `about` is what others know of this person.
pub fn fit(password: &str, about: &[&str]) -> Result<String, String> {
    match password.chars().count() {
        0 => return Err("Enter a password".into()),
        count if count < SHORTEST => return Err(format!("A password has at least {SHORTEST} characters")),
        count if count > LONGEST => return Err(format!("A password has at most {LONGEST} characters")),
        _ => {}
    }
    let plain = fold(password);
    let known = |word: &&str| fold(word) == plain;
    if COMMON.lines().any(|common| common == plain) || about.iter().any(known) || repeats(&plain) {
        return Err("This password is too easy to guess. Try a few unrelated words".into());
    }
    Ok(password.to_string())
}

/// `aaaaaaaaaaaa`, `abcabcabcabc`: a short piece over and over.
fn repeats(password: &str) -> bool {
    let letters: Vec<char> = password.chars().collect();
    (1..=4).any(|piece| letters.iter().zip(letters.iter().skip(piece)).all(|(one, other)| one == other))
}

/// Takes a moment on purpose: never on a thread that serves requests.
pub fn hash(password: &str) -> String {
    password_auth::generate_hash(password)
}

/// True when the password is the one behind the hash. Without a hash it takes as long and is false, so that an answer
/// does not tell who works here.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: LazyLock<String> = LazyLock::new(|| self::hash("nobody has this password"));
    let right = password_auth::verify_password(password, hash.unwrap_or(&NOBODY)).is_ok();
    right && hash.is_some()
}

/// Runs work that hashes on a worker thread, a few at a time: each takes 19 MiB of memory.
pub async fn slowly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, web::Error> {
    static PLACES: Semaphore = Semaphore::const_new(4);
    let _place = PLACES.acquire().await.map_err(anyhow::Error::from)?;
    Ok(actix_web::web::block(work).await.map_err(anyhow::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(fit("åäöåäöåäöåä", &[]).is_err(), "eleven letters");
        assert!(fit("blå båt på ö", &[]).is_ok(), "twelve letters");
        assert!(fit(&"ab cdé".repeat(22), &[]).is_err(), "132 letters");
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for password in ["password1234", "PASSWORD1234", "aaaaaaaaaaaa", "abcabcabcabcabc", "Mara@example.com"] {
            assert!(fit(password, &["mara@example.com"]).is_err(), "{password}");
        }
        assert!(fit("a kettle on the stove", &["mara@example.com"]).is_ok());
    }

    #[test]
    fn nobody_is_let_in_without_a_hash() {
        let kept = hash("a kettle on the stove");
        assert!(verify("a kettle on the stove", Some(&kept)) && !verify("a kettle on the stov", Some(&kept)));
        assert!(!verify("nobody has this password", None));
    }

    #[test]
    fn the_common_ones_are_written_as_they_are_compared() {
        for line in COMMON.lines() {
            assert!(line == fold(line) && line.chars().count() >= SHORTEST, "{line}");
        }
    }
}
