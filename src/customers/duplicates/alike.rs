//! Whether two customers look like one person, and by what.

use super::Dates;
use crate::customers::Customer;
use crate::fold::fold;

/// Why two look like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Email,
    Phone,
    ExternalId,
    /// A name, and what supports it.
    Name(Names, Sign),
}

/// How two names are like each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Same,
    /// The same words in another order.
    Turned,
    /// A letter or two apart.
    Close,
}

/// What two people of one name have in common besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The part of the email address before the @.
    Local,
    /// The last digits of the phone number.
    Tail,
    /// A day in a field of the business's own, a birthday for example.
    Day,
    City,
}

impl Reason {
    pub fn words(&self) -> String {
        match self {
            Reason::Email => "same email, written otherwise".into(),
            Reason::Phone => "same phone, written otherwise".into(),
            Reason::ExternalId => "same external id, written otherwise".into(),
            Reason::Name(names, sign) => {
                let names = match names {
                    Names::Same => "same name",
                    Names::Turned => "first and last name turned round",
                    Names::Close => "nearly the same name",
                };
                let sign = match sign {
                    Sign::Local => "same beginning of the email",
                    Sign::Tail => "same end of the phone",
                    Sign::Day => "same date",
                    Sign::City => "same city",
                };
                format!("{names}, {sign}")
            }
        }
    }

    /// The lower, the surer.
    pub fn weight(&self) -> u8 {
        match self {
            Reason::Email => 0,
            Reason::Phone => 1,
            Reason::ExternalId => 2,
            Reason::Name(Names::Same, sign) => 3 + *sign as u8,
            Reason::Name(_, sign) => 7 + *sign as u8,
        }
    }
}

/// What of a customer is compared.
#[derive(Clone, Debug, Default)]
pub struct Traits {
    pub name: String,
    /// The words of the name in order of the alphabet.
    pub words: Vec<String>,
    pub email: Option<String>,
    pub local: Option<String>,
    pub phone: Option<Phone>,
    pub external_id: Option<String>,
    pub city: Option<String>,
    pub dates: Vec<(i64, i64)>,
}

/// Digits from the first that is no zero. Only with a country in front do they say all.
#[derive(Clone, Debug, PartialEq)]
pub struct Phone {
    pub digits: String,
    pub whole: bool,
}

/// So many digits at the end tell people of one name apart.
const TAIL: usize = 7;
/// A phone number without its country has so many at least.
const NATIONAL: usize = 7;
/// Shorter beginnings of addresses, and these, are many people's.
const LOCAL: usize = 4;
const EVERYBODY: [&str; 10] =
    ["info", "mail", "contact", "office", "hello", "sales", "admin", "kontakt", "post", "support"];

/// One address however it is written: no `+tag`, and at Google's no dots.
pub fn email(email: &str) -> Option<String> {
    let email = email.to_lowercase();
    let (local, domain) = email.rsplit_once('@')?;
    let local = local.split('+').next().filter(|local| !local.is_empty())?;
    Some(match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    })
}

pub fn phone(phone: &str) -> Option<Phone> {
    let whole = phone.starts_with('+') || phone.starts_with("00");
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0').to_string();
    (digits.len() >= NATIONAL).then_some(Phone { digits, whole })
}

impl Phone {
    fn is(&self, other: &Phone) -> bool {
        self.digits == other.digits
            || (!self.whole && other.digits.ends_with(&self.digits))
            || (!other.whole && self.digits.ends_with(&other.digits))
    }

    pub fn tail(&self) -> &str {
        &self.digits[self.digits.len() - TAIL.min(self.digits.len())..]
    }
}

/// No case, spaces, or zeros in front.
pub fn external_id(id: &str) -> Option<String> {
    let bare: String = fold(id).chars().filter(|c| !c.is_whitespace()).collect();
    let bare = bare.trim_start_matches('0');
    (!bare.is_empty()).then(|| bare.to_string())
}

/// The words of a folded name, in order of the alphabet.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = name
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect();
    words.sort_unstable();
    words
}

/// What stands before the @ and says something about one person.
pub fn local(email: &str) -> Option<String> {
    let local = email.split('@').next()?.replace(['.', '_', '-'], "");
    (local.chars().count() >= LOCAL && !EVERYBODY.contains(&local.as_str())).then_some(local)
}

impl Traits {
    pub fn of(customer: &Customer, dates: &Dates) -> Traits {
        let name = customer.name.as_deref().map(fold).unwrap_or_default();
        let email = customer.email.as_deref().and_then(email);
        Traits {
            words: words(&name),
            local: email.as_deref().and_then(local),
            phone: customer.phone.as_deref().and_then(phone),
            external_id: customer.external_id.as_deref().and_then(external_id),
            city: customer.city.as_deref().map(fold).filter(|city| !city.is_empty()),
            dates: dates.get(&customer.id).cloned().unwrap_or_default(),
            name,
            email,
        }
    }

    /// By what these two look like one person; nothing when they do not.
    pub fn alike(&self, other: &Traits) -> Vec<Reason> {
        fn both<T>(one: &Option<T>, other: &Option<T>, same: impl Fn(&T, &T) -> bool) -> bool {
            matches!((one, other), (Some(one), Some(other)) if same(one, other))
        }
        let mut reasons = Vec::new();
        if both(&self.email, &other.email, |a, b| a == b) {
            reasons.push(Reason::Email);
        }
        if both(&self.phone, &other.phone, Phone::is) {
            reasons.push(Reason::Phone);
        }
        if both(&self.external_id, &other.external_id, |a, b| a == b) {
            reasons.push(Reason::ExternalId);
        }
        if let Some(names) = self.names(other) {
            // Of a name of one word there are too many in any city.
            let full = self.words.len() > 1 && other.words.len() > 1;
            let sign = if both(&self.local, &other.local, |a, b| a == b && self.says_more(a)) {
                Some(Sign::Local)
            } else if both(&self.phone, &other.phone, |a, b| a.tail() == b.tail()) {
                Some(Sign::Tail)
            } else if self.dates.iter().any(|day| other.dates.contains(day)) {
                Some(Sign::Day)
            } else {
                (full && both(&self.city, &other.city, |a, b| a == b)).then_some(Sign::City)
            };
            reasons.extend(sign.map(|sign| Reason::Name(names, sign)));
        }
        reasons
    }

    /// An address that is made of the name says nothing that the name does not say; with a year in it, it does.
    fn says_more(&self, local: &str) -> bool {
        let digits = local.chars().filter(char::is_ascii_digit).count();
        let mut parts = self.name.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() > 2);
        digits > 1 || !parts.any(|part| local.contains(part))
    }

    fn names(&self, other: &Traits) -> Option<Names> {
        if self.name.is_empty() || other.name.is_empty() {
            None
        } else if self.name == other.name {
            Some(Names::Same)
        } else if self.words == other.words {
            Some(Names::Turned)
        } else {
            let (one, two) = (self.name.chars().count(), other.name.chars().count());
            let allowed = match one.min(two) {
                0..6 => 0,
                6..10 => 1,
                _ => 2,
            };
            (one.abs_diff(two) <= allowed && strsim_within(&self.name, &other.name, allowed)).then_some(Names::Close)
        }
    }
}

/// Whether one text becomes the other by so many letters put in, taken out or changed.
fn strsim_within(one: &str, other: &str, most: usize) -> bool {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let (mut corner, mut best) = (row[0], i + 1);
        row[0] = i + 1;
        for (j, against) in other.iter().enumerate() {
            let cost = corner + usize::from(letter != *against);
            corner = row[j + 1];
            row[j + 1] = cost.min(corner + 1).min(row[j] + 1);
            best = best.min(row[j + 1]);
        }
        if best > most {
            return false;
        }
    }
    row[other.len()] <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_written_in_many_ways() {
        assert_eq!(email("A.Na+news@GoogleMail.com").as_deref(), Some("ana@gmail.com"));
        assert_eq!(email("a.na+x@shop.example").as_deref(), Some("a.na@shop.example"));
        let same = |one, other| phone(one).zip(phone(other)).is_some_and(|(one, other)| one.is(&other));
        assert!(same("+46701234567", "0701234567") && same("0046701234567", "+46701234567"));
        assert!(!same("+46701234567", "+47701234567"), "another country is another number");
        assert_eq!(external_id(" 00C 12").as_deref(), Some("c12"));
        assert!(strsim_within("anna muller", "ana muler", 2) && !strsim_within("anna muller", "ana mulen", 2));
    }
}
