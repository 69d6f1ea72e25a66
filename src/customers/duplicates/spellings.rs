//! Other ways to write what a customer has, so that an index finds whoever has one of them. What is not found here, because
//! no index could: an address at Google's with more than two dots elsewhere, an external id with spaces inside, a number
//! that was kept without its country where hers has one of another length, and a close name whose first word differs.

use super::alike;

/// Addresses at Google's longer than this are tried without dots alone: each letter doubles the ways to write one.
const DOTTED: usize = 14;

/// The same address as it may be written exactly.
pub fn emails(email: &str) -> Vec<String> {
    let Some(bare) = alike::email(email) else { return Vec::new() };
    let Some((local, domain)) = bare.rsplit_once('@') else { return Vec::new() };
    if domain != "gmail.com" {
        return vec![bare];
    }
    let letters: Vec<char> = local.chars().collect();
    let dotted = |places: &[usize]| {
        let mut text = String::new();
        for (at, letter) in letters.iter().enumerate() {
            if places.contains(&at) {
                text.push('.');
            }
            text.push(*letter);
        }
        text
    };
    let mut locals = vec![local.to_string()];
    if letters.len() <= DOTTED {
        for one in 1..letters.len() {
            locals.push(dotted(&[one]));
            locals.extend((one + 1..letters.len()).map(|two| dotted(&[one, two])));
        }
    }
    locals.iter().flat_map(|local| ["gmail.com", "googlemail.com"].map(|domain| format!("{local}@{domain}"))).collect()
}

/// Where addresses with a `+tag` lie, and those with the same beginning at any domain.
pub fn email_ranges(email: &str) -> Vec<(String, String)> {
    let Some(bare) = alike::email(email) else { return Vec::new() };
    let typed = email.to_lowercase();
    let own = typed.split(['+', '@']).next().unwrap_or_default();
    let mut locals = vec![bare.split('@').next().unwrap_or_default(), own];
    locals.dedup();
    // In the order of characters `,` follows `+`, and `A` follows `@`.
    let tagged = locals.iter().map(|local| (format!("{local}+"), format!("{local},")));
    let mut ranges: Vec<(String, String)> = tagged.collect();
    if alike::local(&bare).is_some() {
        ranges.extend(locals.iter().map(|local| (format!("{local}@"), format!("{local}A"))));
    }
    ranges
}

/// With `+`, without it, with 00; and without the country, which has one to three digits.
pub fn phones(phone: &str) -> Vec<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    let mut all = vec![format!("+{digits}"), digits.to_string(), format!("00{digits}"), format!("0{digits}")];
    if phone.starts_with('+') {
        for code in 1..=3usize.min(digits.len()) {
            let national = &digits[code..];
            all.extend([national.to_string(), format!("0{national}")]);
        }
    }
    all
}

/// Without spaces, and with more or fewer zeros in front.
pub fn external_ids(id: &str) -> Vec<String> {
    let Some(bare) = alike::external_id(id) else { return Vec::new() };
    let mut all: Vec<String> = (0..=8).map(|zeros| format!("{}{bare}", "0".repeat(zeros))).collect();
    all.push(crate::fold::fold(id));
    all
}

/// The name as it is, and turned round: `müller anna`, `müller, anna`.
pub fn names(folded: &str) -> Vec<String> {
    let parts: Vec<&str> =
        folded.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !part.is_empty()).collect();
    let mut all = vec![folded.to_string(), parts.join(" ")];
    for at in 1..parts.len() {
        let (first, last) = (parts[..at].join(" "), parts[at..].join(" "));
        all.extend([format!("{last} {first}"), format!("{last}, {first}")]);
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Where names lie that begin with the same word and the next letter.
pub fn name_range(folded: &str) -> Option<(String, String)> {
    let (first, rest) = folded.split_once(' ')?;
    let next = rest.chars().next()?;
    let from = format!("{first} {next}");
    let to = format!("{first} {}", char::from_u32(next as u32 + 1)?);
    Some((from, to))
}
