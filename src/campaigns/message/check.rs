//! What is wrong with a message while somebody writes it. Whatever passes here can be said to every customer.

use super::{Content, Part, Person, Prepared, Problem, tree};

/// A subject longer than this is cut off by every mail program.
const SUBJECT: usize = 200;
/// A part of this size is no letter any more; mail programs cut at half of it.
const PART: usize = 256 * 1024;

/// One plain sentence, and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub part: Part,
    pub line: usize,
    pub words: String,
}

impl From<Problem> for Mistake {
    fn from(Problem { part, line, words }: Problem) -> Mistake {
        Mistake { part, line, words }
    }
}

/// All that would fail for somebody. `custom_keys` are those of the business, without `custom.`.
pub fn check(content: &Content, custom_keys: &[String]) -> Vec<Mistake> {
    let mut mistakes = sizes(content);
    if !mistakes.is_empty() {
        return mistakes;
    }
    for (part, source) in content.parts() {
        mistakes.extend(tree::mistakes(part, source, custom_keys));
    }
    if mistakes.is_empty() {
        mistakes.extend(tried(content).err().map(Mistake::from));
    }
    mistakes
}

fn sizes(content: &Content) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut say = |part, words: String| mistakes.push(Mistake { part, line: 1, words });
    let subject = content.subject.as_deref();
    if subject.is_some_and(|subject| subject.trim().is_empty()) {
        say(Part::Subject, "Give the email a subject.".into());
    }
    if let Some(long) = subject.map(|subject| subject.chars().count()).filter(|long| *long > SUBJECT) {
        say(Part::Subject, format!("A subject may have {SUBJECT} characters; this one has {long}."));
    }
    if !content.parts().any(|(part, _)| part != Part::Subject) {
        say(Part::Text, "Write what the message says.".into());
    }
    for (part, source) in content.parts().filter(|(part, source)| *part != Part::Subject && source.len() > PART) {
        let (most, size) = (PART / 1024, source.len().div_ceil(1024));
        say(part, format!("This part may have {most} KiB; it has {size}."));
    }
    mistakes
}

/// Said to a customer of whom everything is known but her custom fields, and to one of whom nothing is.
fn tried(content: &Content) -> Result<(), Problem> {
    let prepared = Prepared::of(content)?;
    let some = |value: &str| Some(value.to_string());
    let nobody = Person {
        workspace_name: "Shop".into(),
        unsubscribe_url: "https://example.com/unsubscribe".into(),
        preferences_url: "https://example.com/preferences".into(),
        ..Person::default()
    };
    let somebody = Person {
        name: some("Ana"),
        email: some("ana@example.com"),
        phone: some("+351910000000"),
        external_id: some("c1"),
        country: some("PT"),
        city: some("Porto"),
        language: some("pt"),
        ..nobody.clone()
    };
    prepared.render(&somebody)?;
    prepared.render(&nobody)?;
    Ok(())
}
