//! A mistake in the text form as a person sees it: the place marked under the line, and the nearest word to take instead.

use super::fields::Fields;
use super::text::is_bare;
use super::{Mistake, Rule};

/// A mistake in the text form, with the place under it.
pub struct Caret {
    pub line: String,
    /// Spaces up to the place, then carets under the word there.
    pub mark: String,
    pub words: String,
    /// The nearest known word, and the text with it in place, where that reads further.
    pub mended: Option<(String, String)>,
}

impl Caret {
    pub fn under(typed: &str, mistake: &Mistake, fields: &Fields) -> Caret {
        let before = mistake.position.saturating_sub(1);
        let word = typed.chars().skip(before).take_while(|c| is_bare(*c)).count();
        let mended = mistake.suggestion.as_ref().filter(|_| mistake.position > 0).and_then(|suggestion| {
            let (start, rest): (String, String) =
                (typed.chars().take(before).collect(), typed.chars().skip(before + word).collect());
            let text = format!("{start}{suggestion}{rest}");
            let further = match Rule::read(&text, fields) {
                Ok(_) => true,
                Err(next) => next.position > mistake.position,
            };
            further.then(|| (suggestion.clone(), text))
        });
        Caret {
            line: typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            mark: format!("{}{}", " ".repeat(before), "^".repeat(word.max(1))),
            words: mistake.to_string(),
            mended,
        }
    }
}
