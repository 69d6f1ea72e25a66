//! Names that are nearly the same, and were probably meant to be one tag.
//!
//! Each name is squeezed to its folded letters. Two that differ by a slip have a spelling in common once so many letters
//! are left out of either, so nobody is compared with everybody. Digits have to be the same: `Spring-2025` is no slip of
//! `Spring-2026`.

use crate::fold::fold;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Names of more letters than this have to be the same but for one slip.
const LONG: usize = 24;
/// Names that have a spelling in common with more than so many others are compared with the next few.
const CROWD: usize = 64;

/// A name as it is compared.
struct Squeezed {
    letters: Vec<char>,
    digits: String,
}

impl Squeezed {
    fn of(name: &str) -> Squeezed {
        let folded = fold(name);
        Squeezed {
            letters: folded.chars().filter(|letter| letter.is_alphabetic()).collect(),
            digits: folded.chars().filter(|letter| letter.is_numeric()).collect(),
        }
    }

    /// How many slips of the fingers it may be away.
    fn slips(&self) -> usize {
        match self.letters.len() {
            0..4 => 0,
            4..8 => 1,
            8..LONG => 2,
            _ => 1,
        }
    }

    /// The spellings with up to so many letters left out, as numbers.
    fn spellings(&self) -> Vec<u64> {
        let number = |without: &[usize]| {
            let mut hasher = DefaultHasher::new();
            self.digits.hash(&mut hasher);
            let letters = self.letters.iter().enumerate().filter(|(place, _)| !without.contains(place));
            letters.for_each(|(_, letter)| letter.hash(&mut hasher));
            hasher.finish()
        };
        let (length, slips) = (self.letters.len(), self.slips());
        let mut all = vec![number(&[])];
        if slips > 0 {
            all.extend((0..length).map(|one| number(&[one])));
        }
        if slips > 1 {
            all.extend((0..length).flat_map(|one| (0..one).map(move |other| [other, one])).map(|two| number(&two)));
        }
        all
    }

    fn is_near(&self, other: &Squeezed) -> bool {
        if self.digits != other.digits || (self.letters.is_empty() && other.letters.is_empty()) {
            return false;
        }
        let spell = |squeezed: &Squeezed| squeezed.letters.iter().collect::<String>();
        strsim::damerau_levenshtein(&spell(self), &spell(other)) <= self.slips().min(other.slips())
    }
}

/// Pairs of places in a list of names that are nearly the same.
pub fn pairs(names: &[&str]) -> Vec<(usize, usize)> {
    let squeezed: Vec<Squeezed> = names.iter().map(|name| Squeezed::of(name)).collect();
    let mut spelled: Vec<(u64, usize)> = Vec::new();
    for (place, one) in squeezed.iter().enumerate() {
        spelled.extend(one.spellings().into_iter().map(|number| (number, place)));
    }
    spelled.sort_unstable();
    let mut found = BTreeSet::new();
    for same in spelled.chunk_by(|one, other| one.0 == other.0) {
        for (at, (_, one)) in same.iter().enumerate() {
            for (_, other) in same[at + 1..].iter().take(CROWD) {
                let pair = (*one.min(other), *one.max(other));
                if one != other && !found.contains(&pair) && squeezed[*one].is_near(&squeezed[*other]) {
                    found.insert(pair);
                }
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(names: &[&str]) -> Vec<String> {
        pairs(names).into_iter().map(|(one, other)| format!("{} = {}", names[one], names[other])).collect()
    }

    #[test]
    fn slips_signs_and_accents_are_near_and_other_words_are_not() {
        let names = [
            "VIP",
            "v.i.p.",
            "Wholesale",
            "Wolesale",
            "Whole-sale",
            "Café",
            "Cafe",
            "Spring-2025",
            "Spring 2025",
            "Spring-2026",
            "Press",
            "Presse",
            "VIX",
            "Newsletter",
            "Newsletetr",
            "Retail",
            "Detail",
        ];
        let expected = [
            "VIP = v.i.p.",
            "Wholesale = Wolesale",
            "Wholesale = Whole-sale",
            "Wolesale = Whole-sale",
            "Café = Cafe",
            "Spring-2025 = Spring 2025",
            "Press = Presse",
            "Newsletter = Newsletetr",
            "Retail = Detail",
        ];
        assert_eq!(near(&names), expected);
        assert_eq!(near(&["1", "2", "-"]), [""; 0]);
    }

    #[test]
    fn ten_thousand_names_take_no_time_to_speak_of() {
        let names: Vec<String> = (0..10_000u32)
            .map(|n| format!("{}-{n}", ["Campaign", "Newsletter", "Warehouse"][n as usize % 3]))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["Newsletetr-4"]).collect();
        let began = std::time::Instant::now();
        assert_eq!(near(&names), ["Newsletter-4 = Newsletetr-4"]);
        // Comparing each with each takes minutes without optimisation.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
