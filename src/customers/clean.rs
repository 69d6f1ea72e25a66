//! What may be stored about a customer, made from what was typed or imported.
//!
//! Each function takes the raw text and gives what is stored: `None` for empty, and an `Err` that is a sentence for the
//! person at the screen. Forms, CSV lines and the API all come through here, so they cannot disagree.

use super::Consent;
use crate::fold::{filled, fold};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use email_address::{EmailAddress, Options};
use isolang::Language;
use phonenumber::metadata::DATABASE;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

/// The longest name.
pub const NAME: usize = 200;
/// The longest city.
pub const CITY: usize = 200;
const EXTERNAL_ID: usize = 200;
/// What mail servers take.
const EMAIL: usize = 254;
/// The longest that is looked at as a phone number: with brackets, spaces and dashes.
const PHONE: usize = 60;

/// Plain text of one line: trimmed, NFC, at most `max` characters.
pub fn text(raw: &str, max: usize) -> Result<Option<String>, String> {
    let Some(text) = filled(raw) else { return Ok(None) };
    let text: String = text.nfc().collect();
    if text.contains(['\n', '\r']) {
        return Err("Line breaks have no place here. Write it on one line.".into());
    }
    if text.contains('\0') || text.chars().any(char::is_control) {
        return Err("There is an invisible control character in it. Type it again.".into());
    }
    let length = text.chars().count();
    if length > max {
        return Err(format!("{length} characters are too many; {max} fit."));
    }
    Ok(Some(text))
}

/// Lower-cased, with a domain that has a dot.
pub fn email(raw: &str) -> Result<Option<String>, String> {
    let Some(typed) = text(raw, EMAIL)? else { return Ok(None) };
    let address = typed.to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err("An email address has an @, for example ana@example.com.".into());
    };
    if local.is_empty() {
        return Err("Something is missing before the @.".into());
    }
    if !domain.trim_matches('.').contains('.') {
        return Err("The part after the @ needs a dot, for example example.com.".into());
    }
    let odd = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '(' | ')' | ',' | ';' | ':' | '\\');
    let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
    if address.contains(odd) || EmailAddress::parse_with_options(&address, options).is_err() {
        return Err(format!("“{typed}” is not an email address."));
    }
    Ok(Some(address))
}

/// True for `5.51E+12`: the digits a spreadsheet dropped cannot be guessed.
pub fn shortened(text: &str) -> bool {
    let text = text.strip_prefix('+').unwrap_or(text);
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    whole.len() == 1 && number(whole) && number(part) && exponent.strip_prefix('+').is_some_and(number)
}

/// Why such a number is refused.
pub const SHORTENED: &str = "A spreadsheet shortened this number. Enter all digits.";

/// The business's own key for a customer.
pub fn external_id(raw: &str) -> Result<Option<String>, String> {
    match text(raw, EXTERNAL_ID)? {
        Some(id) if shortened(&id) => Err(SHORTENED.into()),
        id => Ok(id),
    }
}

/// E.164, with a length that is possible in its country. A number without `+` is read as one of `default_country`.
pub fn phone(raw: &str, default_country: Option<&str>) -> Result<Option<String>, String> {
    let Some(typed) = text(raw, PHONE)? else { return Ok(None) };
    if shortened(&typed) {
        return Err(SHORTENED.into());
    }
    let odd = |c: char| !(c.is_ascii_digit() || c.is_whitespace() || "+-()./\u{2010}\u{2011}\u{2013}".contains(c));
    if typed.contains(odd) || typed.rfind('+').is_some_and(|at| at > 0) {
        return Err("A phone number has digits only, with + and the country code in front.".into());
    }
    let mut digits: String = typed.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    // 00 is dialled where others write +; no number begins with it otherwise.
    if let Some(rest) = digits.strip_prefix("00") {
        digits = format!("+{rest}");
    }
    let country = default_country.and_then(|code| code.parse().ok());
    if !digits.starts_with('+') && country.is_none() {
        return Err("Begin with + and the country code, for example +46 70 123 45 67.".into());
    }
    let number = phonenumber::parse(country, &digits).map_err(|error| match error {
        phonenumber::ParseError::InvalidCountryCode => format!("No country has the code that “{typed}” begins with."),
        phonenumber::ParseError::TooLong => format!("“{typed}” has too many digits for a phone number."),
        _ => format!("“{typed}” is too short for a phone number."),
    })?;
    let (code, national) = (number.code().value(), number.national().to_string());
    let lengths = lengths(code);
    let length = national.len() as u16;
    if lengths.contains(&length) {
        return Ok(Some(format!("+{code}{national}")));
    }
    let words = if lengths.first().is_some_and(|least| length < *least) { "too few" } else { "too many" };
    match lengths.is_empty() {
        true => Err(format!("No country has the code +{code}.")),
        false => Err(format!("“{typed}” has {words} digits for a number with +{code}.")),
    }
}

/// How many digits a number of this country code may have. *Possible* is all that is asked: rules about which numbers
/// were given out age, and would refuse customers who answer the phone.
fn lengths(code: u16) -> BTreeSet<u16> {
    let kinds = |region: &phonenumber::Metadata| {
        let kinds = region.descriptors();
        [kinds.mobile(), kinds.fixed_line(), kinds.toll_free(), kinds.premium_rate()]
            .into_iter()
            .flatten()
            .flat_map(|kind| kind.possible_length().to_vec())
            .collect::<Vec<u16>>()
    };
    DATABASE.by_code(&code).unwrap_or_default().into_iter().flat_map(kinds).collect()
}

/// What people say where ISO says something longer.
const SAID: &[(&str, &str)] = &[
    ("america", "US"),
    ("united states", "US"),
    ("u.s.a.", "US"),
    ("u.s.", "US"),
    ("uk", "GB"),
    ("u.k.", "GB"),
    ("united kingdom", "GB"),
    ("great britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northern ireland", "GB"),
    ("holland", "NL"),
    ("netherlands", "NL"),
    ("the netherlands", "NL"),
    ("czech republic", "CZ"),
    ("turkey", "TR"),
    ("russia", "RU"),
    ("south korea", "KR"),
    ("korea", "KR"),
    ("north korea", "KP"),
    ("vietnam", "VN"),
    ("taiwan", "TW"),
    ("iran", "IR"),
    ("syria", "SY"),
    ("bolivia", "BO"),
    ("venezuela", "VE"),
    ("tanzania", "TZ"),
    ("moldova", "MD"),
    ("macedonia", "MK"),
    ("ivory coast", "CI"),
    ("cape verde", "CV"),
    ("swaziland", "SZ"),
    ("laos", "LA"),
    ("brunei", "BN"),
    ("palestine", "PS"),
    ("vatican", "VA"),
    ("vatican city", "VA"),
    ("uae", "AE"),
    ("emirates", "AE"),
    ("philippines", "PH"),
    ("bahamas", "BS"),
    ("gambia", "GM"),
    ("sudan", "SD"),
    ("niger", "NE"),
    ("dominican republic", "DO"),
];

/// ISO 3166 alpha-2, from the code or the English name.
pub fn country(raw: &str) -> Result<Option<String>, String> {
    let Some(typed) = text(raw, 100)? else { return Ok(None) };
    let wanted = fold(&typed);
    // Codes first: a file has one in every line, and folding two hundred names takes longer than the rest of the line.
    let coded = |country: &&rust_iso3166::CountryCode| {
        [country.alpha2, country.alpha3].iter().any(|code| code.eq_ignore_ascii_case(&wanted))
    };
    let all = || rust_iso3166::ALL.iter();
    let by_name = all().find(coded).or_else(|| all().find(|country| fold(country.name) == wanted));
    let by_word = || SAID.iter().find(|(word, _)| *word == wanted).map(|(_, code)| (*code).to_string());
    match by_name.map(|country| country.alpha2.to_string()).or_else(by_word) {
        Some(code) => Ok(Some(code)),
        None => Err(format!("There is no country “{typed}”. Type its name or code, for example Sweden or SE.")),
    }
}

/// The English name; the code itself where it has none.
pub fn country_name(code: &str) -> String {
    rust_iso3166::from_alpha2(&code.to_uppercase()).map_or_else(|| code.to_string(), |found| found.name.to_string())
}

/// An ISO 639 code, from a code (`sv`, `swe`, `sv-SE`) or the English name. A region is kept: `pt-BR`.
pub fn language(raw: &str) -> Result<Option<String>, String> {
    let Some(typed) = text(raw, 100)? else { return Ok(None) };
    let none = || format!("There is no language “{typed}”. Type its name or code, for example Swedish or sv.");
    let code = |language: Language| language.to_639_1().unwrap_or_else(|| language.to_639_3()).to_string();
    let lower = typed.to_lowercase();
    let by_code = |code: &str| Language::from_639_1(code).or_else(|| Language::from_639_3(code));
    if let Some((first, region)) = lower.split_once(['-', '_']) {
        let region = region.to_uppercase();
        let found = by_code(first).filter(|_| rust_iso3166::from_alpha2(&region).is_some()).ok_or_else(none)?;
        return Ok(Some(format!("{}-{region}", code(found))));
    }
    let by_name = || Language::from_name(&capitals(&lower));
    let by_word = || (lower == "greek").then_some(Language::Ell);
    by_code(&lower).or_else(by_name).or_else(by_word).map(|found| Some(code(found))).ok_or_else(none)
}

/// As the table of languages writes names: `Norwegian Bokmål`.
fn capitals(lower: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    lower.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The English name: `Portuguese (Brazil)`; the code itself where it has none.
pub fn language_name(code: &str) -> String {
    let (language, region) = code.split_once('-').unwrap_or((code, ""));
    let Some(found) = Language::from_639_1(language).or_else(|| Language::from_639_3(language)) else {
        return code.to_string();
    };
    let name = found.to_name().split(" (").next().unwrap_or_default();
    match region {
        "" => name.to_string(),
        region => format!("{name} ({})", country_name(region)),
    }
}

/// The years a time may lie in. What is outside is a slip or a placeholder such as 0001-01-01, never a customer's day.
pub const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// RFC 3339, or a date alone, which is midnight where the business is. UTC in whole microseconds.
pub fn time(raw: &str, zone: Tz) -> Result<Option<NaiveDateTime>, String> {
    let Some(typed) = text(raw, 60)? else { return Ok(None) };
    let at = match NaiveDate::parse_from_str(&typed, "%Y-%m-%d") {
        Ok(date) if typed.len() == 10 => midnight(date, zone),
        _ => DateTime::parse_from_rfc3339(&typed).ok().map(|at| at.with_timezone(&Utc)),
    };
    match at {
        Some(at) if YEARS.contains(&chrono::Datelike::year(&at)) => Ok(Some(crate::workspace::stamp(at))),
        Some(_) => Err(format!("“{typed}” lies outside the years {} to {}.", YEARS.start(), YEARS.end())),
        None => Err(format!("“{typed}” is not a time. Write 2026-09-07 or 2026-09-07T14:30:00Z.")),
    }
}

/// When a local day begins. Where clocks jump over midnight it begins later.
pub fn midnight(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    local(date.and_time(NaiveTime::MIN), zone)
}

/// The moment a clock on the wall shows; the first of two, and the next one where clocks jump over it.
pub fn local(shown: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    (0..8)
        .find_map(|quarters| zone.from_local_datetime(&(shown + TimeDelta::minutes(15 * quarters))).earliest())
        .map(|at| at.with_timezone(&Utc))
}

/// The words of SPEC 4, and the API's own keys.
pub fn consent(raw: &str) -> Result<Option<Consent>, String> {
    Ok(match fold(raw).replace(['_', '-'], " ").as_str() {
        "" => None,
        "true" | "yes" | "1" | "opted in" => Some(Consent::OptedIn),
        "false" | "no" | "0" | "opted out" => Some(Consent::OptedOut),
        "unknown" => Some(Consent::Unknown),
        _ => return Err(format!("“{}” is not a consent. Write opted in, opted out or unknown.", raw.trim())),
    })
}

#[cfg(test)]
mod tests;
