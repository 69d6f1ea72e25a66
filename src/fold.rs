//! How text is compared everywhere: SPEC's rule is NFKC, trim, case fold, accent fold (`são` finds `Sao`).

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The form text is compared, searched and sorted by. Empty when nothing but white space was there.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.trim().to_ascii_lowercase();
    }
    let cased = caseless::default_case_fold_str(&text.nfkc().collect::<String>());
    let bare: String = cased.nfd().filter(|c| !is_combining_mark(*c)).nfc().collect();
    bare.trim().to_string()
}

/// The form names are unique by: as [`fold`], but accents still tell two names apart.
pub fn key(text: &str) -> String {
    if text.is_ascii() {
        return text.trim().to_ascii_lowercase();
    }
    caseless::default_case_fold_str(&text.nfkc().collect::<String>()).nfkc().collect::<String>().trim().to_string()
}

/// `None` for what SPEC calls empty: missing, `""` or only white space, which is all that characters without a shape are.
pub fn filled(text: &str) -> Option<String> {
    let trimmed = text.trim();
    let shapeless = |c: char| {
        c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    };
    (!trimmed.chars().all(shapeless)).then(|| trimmed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_width_and_outer_spaces_do_not_matter() {
        assert_eq!(fold("  São PAULO "), "sao paulo");
        assert_eq!(fold("Straße"), fold("STRASSE"));
        assert_eq!(fold("ＶＩＰ"), "vip");
        assert_eq!(fold("100%_Sure\\"), "100%_sure\\");
        assert_eq!(fold(" \u{a0}\t"), "");
    }

    #[test]
    fn plain_letters_take_a_short_way_to_the_same() {
        let all: String = (0u8..128).map(char::from).collect();
        let long = |text: &str| text.nfkc().collect::<String>().to_lowercase().trim().to_string();
        for text in [all.as_str(), " A b\tC\n", "\u{b}x\u{c}", "\u{1c}x\u{1f}"] {
            assert_eq!((fold(text), key(text)), (long(text), long(text)), "{text:?}");
            // With a letter that takes the long way, the others come to the same.
            let beside = format!("{text}é{text}");
            assert_eq!(key(&beside), long(&beside));
        }
    }

    #[test]
    fn names_keep_their_accents() {
        assert_eq!(key(" Vip "), key("VIP"));
        assert_ne!(key("Cafe"), key("Café"));
    }
}
