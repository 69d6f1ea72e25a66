//! How handing one message over may end, whichever way it leaves. Three kinds of failure, because three different things
//! follow: try again, give up, or ask a person.

use std::fmt;

/// Somebody else has the message now and promised to carry it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What they answered, for the history of the recipient.
    pub said: String,
}

/// The sentence inside says what happened, for the history of the recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody has it, and later somebody may take it.
    Temporary(String),
    /// Nobody has it, and trying again changes nothing.
    Permanent(String),
    /// It was handed over, and nobody said that it was taken. Sent again it might arrive twice.
    Unknown(String),
}

impl Failure {
    pub fn said(&self) -> &str {
        match self {
            Failure::Temporary(said) | Failure::Permanent(said) | Failure::Unknown(said) => said,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said())
    }
}

impl std::error::Error for Failure {}

/// What strangers answer is shown to people: one line, no control characters, not longer than anybody reads.
pub(super) fn tidy(said: &str) -> String {
    const LONGEST: usize = 500;
    let words = said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_say_becomes_one_short_line() {
        assert_eq!(tidy("  550 5.1.1\r\n\tno such\0user \u{1b}[31m "), "550 5.1.1 no such user [31m");
        assert_eq!(tidy(&"é".repeat(501)).chars().count(), 501);
        assert_eq!(tidy(&"é".repeat(500)), "é".repeat(500));
    }
}
