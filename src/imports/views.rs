//! The pages of imports, and the questions their templates ask.

use super::columns::Field;
use super::custom::MADE;
use super::notation::Written;
use super::plan::{Key, Mode, TagMode, Unknown};
use super::report::{Remarks, Report};
use super::shape::{self, ENCODINGS};
use super::{Import, State, Subject};
use crate::config::Limits;
use crate::custom_fields::CustomField;
use crate::web::{Chrome, thousands};
use crate::workspace::Clock;
use askama::Template;

#[derive(Template)]
#[template(path = "imports/index.html")]
pub struct IndexPage {
    pub chrome: Chrome,
    pub imports: Vec<Import>,
    pub clock: Clock,
}

#[derive(Template)]
#[template(path = "imports/new.html")]
pub struct NewPage {
    pub chrome: Chrome,
    /// The largest file, in MiB.
    pub limit: u64,
    pub limits: Limits,
    /// What was chosen before the form came back.
    pub subject: Option<Subject>,
    pub why: Option<String>,
}

impl NewPage {
    fn subjects(&self) -> [Subject; 2] {
        Subject::ALL
    }
    fn is_chosen(&self, subject: &Subject) -> bool {
        self.subject == Some(*subject)
    }
    fn column_words(&self) -> String {
        thousands(&i64::from(self.limits.columns))
    }
    fn limit_words(&self) -> String {
        match self.limit {
            gib if gib >= 1024 && gib.is_multiple_of(1024) => format!("{} GiB", gib / 1024),
            mib => format!("{mib} MiB"),
        }
    }
}

#[derive(Template)]
#[template(path = "imports/mapping.html")]
pub struct MappingPage {
    pub chrome: Chrome,
    pub import: Import,
    /// The custom fields a column may become.
    pub fields: Vec<CustomField>,
    /// Some values of each column.
    pub samples: Vec<Vec<String>>,
    pub why: Option<String>,
}

/// One line of the mapping table.
struct Row<'a> {
    at: usize,
    header: &'a str,
    samples: &'a [String],
    /// The option that is chosen.
    chosen: String,
    /// The ways in which its dates or numbers may be written: value, words and whether it is chosen.
    notations: Vec<(&'static str, &'static str, bool)>,
}

/// Options of a mapping select that belong together: value and words.
struct Group {
    label: &'static str,
    options: Vec<(String, String)>,
}

impl MappingPage {
    fn rows(&self) -> Vec<Row<'_>> {
        let plan = &self.import.plan;
        plan.headers
            .iter()
            .zip(&plan.columns)
            .enumerate()
            .map(|(at, (header, field))| Row {
                at,
                header,
                samples: self.samples.get(at).map(Vec::as_slice).unwrap_or_default(),
                chosen: field.map(|field| plan.choice(field)).unwrap_or_default(),
                notations: self.notations(at),
            })
            .collect()
    }
    /// Offered where the column becomes a date or a number, and where it looks like one and becomes nothing yet.
    fn notations(&self, at: usize) -> Vec<(&'static str, &'static str, bool)> {
        let plan = &self.import.plan;
        let looks = || Written::of_samples(self.samples.get(at).filter(|_| plan.columns[at].is_none())?);
        let Some(written) = plan.written(at).or_else(looks) else { return Vec::new() };
        let now = plan.notation(at, Some(written));
        let all = written.notations().iter();
        all.map(|(notation, words)| (notation.key(), *words, *notation == now)).collect()
    }
    /// What a column may become.
    fn groups(&self) -> Vec<Group> {
        let columns = self.import.plan.subject.columns().iter();
        let built_in = columns.map(|column| (column.key.to_string(), column.words.to_string())).collect();
        let mut groups = vec![Group { label: "Fields", options: built_in }];
        if self.is_about_customers() {
            let own = self.fields.iter().map(|field| (field.name(), field.label.clone())).collect();
            groups.push(Group { label: "Custom fields", options: own });
            let made = MADE.iter().map(|kind| (format!("new.{}", kind.key()), format!("New {} field", kind.words())));
            groups.push(Group { label: "A new custom field, called like the column", options: made.collect() });
        }
        groups.retain(|group| !group.options.is_empty());
        groups
    }
    fn is_about_customers(&self) -> bool {
        self.import.plan.subject == Subject::Customers
    }
    fn encodings(&self) -> Vec<(&str, &str)> {
        let mut known = ENCODINGS.to_vec();
        let found = self.import.plan.encoding.as_str();
        if !known.iter().any(|(name, _)| *name == found) {
            known.push((found, found));
        }
        known
    }
    fn delimiters(&self) -> Vec<(&'static str, &'static str, bool)> {
        let now = self.import.plan.delimiter;
        let value = |byte| match byte {
            b',' => ",",
            b';' => ";",
            b'|' => "|",
            _ => "tab",
        };
        let all = shape::DELIMITERS.into_iter();
        all.map(|byte| (value(byte), shape::delimiter_words(byte), char::from(byte) == now)).collect()
    }
    fn modes(&self) -> [Mode; 5] {
        Mode::ALL
    }
    fn tag_modes(&self) -> [TagMode; 3] {
        TagMode::ALL
    }
    fn keys(&self) -> [Key; 4] {
        Key::ALL
    }
    /// In how many places a key can be chosen.
    fn places(&self) -> std::ops::Range<usize> {
        0..self.import.plan.subject.keys().len()
    }
    /// Whether a key was chosen for the first, second, … place.
    fn is_chosen(&self, place: &usize, key: &Key) -> bool {
        self.import.plan.match_by.get(*place) == Some(key)
    }
    fn rejects_unknown(&self) -> bool {
        self.import.plan.unknown_tags == Unknown::Reject
    }
    fn tag(&self) -> String {
        self.import.plan.tag.join("; ")
    }
    fn button(&self) -> String {
        match self.import.plan.lines {
            Some(2) => "Import 1 line".into(),
            Some(lines) => format!("Import {} lines", thousands(&(lines - 1).max(0))),
            None => "Import the file".into(),
        }
    }
}

#[derive(Template)]
#[template(path = "imports/report.html", blocks = ["import"])]
pub struct ReportPage {
    pub chrome: Chrome,
    pub import: Import,
    pub report: Report,
    pub clock: Clock,
    /// Bytes of the file read so far, while it runs.
    pub read: u64,
}

/// One line of the sum.
struct Part {
    key: &'static str,
    words: String,
    count: i64,
}

impl ReportPage {
    fn is_running(&self) -> bool {
        self.import.state == State::Running
    }
    fn failed(&self) -> bool {
        self.import.state == State::Failed
    }
    fn percent(&self) -> u64 {
        match self.import.plan.size {
            0 => 0,
            size => (self.read.min(size) * 100) / size,
        }
    }
    fn parts(&self) -> Vec<Part> {
        let totals = &self.import.totals;
        let skipped = match self.import.plan.mode {
            Mode::CreateUpdate => "Skipped".to_string(),
            mode => format!("Skipped, {}", mode.words().to_lowercase()),
        };
        [
            ("new", "Created".to_string(), totals.created),
            ("upd", "Updated".into(), totals.updated),
            ("same", "Unchanged".into(), totals.unchanged),
            ("skip", skipped, totals.skipped),
            ("bad", "Rejected".into(), totals.rejected),
        ]
        .into_iter()
        .map(|(key, words, count)| Part { key, words, count })
        .collect()
    }
    /// The same as a bar of 400 units: class, beginning, width.
    fn bars(&self) -> Vec<(&'static str, i64, i64)> {
        let parts = self.parts();
        let all: i64 = parts.iter().map(|part| part.count).sum();
        let (mut bars, mut done) = (Vec::new(), 0);
        for part in parts.iter().filter(|part| part.count > 0) {
            let begin = done * 400 / all;
            done += part.count;
            bars.push((part.key, begin, (done * 400 / all - begin - 1).max(2)));
        }
        bars
    }
    /// What the import was asked to do, a line each.
    fn asked(&self) -> Vec<(&'static str, String)> {
        let plan = &self.import.plan;
        let keys: Vec<_> = plan.match_by.iter().map(|key| key.words()).collect();
        let mut asked = vec![("Read as", plan.read_as.clone()), ("Recognised by", keys.join(", then "))];
        if plan.subject == Subject::Customers {
            asked.push(("What may happen", plan.mode.words().into()));
        }
        let own = plan.columns.iter().flatten().filter(|field| matches!(field, Field::Custom(_)));
        let own: Vec<String> = own.map(|field| plan.key(*field)).collect();
        if !own.is_empty() {
            asked.push(("Custom fields", own.join(", ")));
        }
        if !plan.read_otherwise().is_empty() {
            asked.push(("Dates and numbers", plan.read_otherwise().join(", ")));
        }
        if plan.has(Field::Tags) {
            asked.push(("Tags", plan.tags.words().into()));
        }
        if !plan.tag.is_empty() {
            asked.push(("Tags for all", plan.tag.join(", ")));
        }
        if !plan.left_out().is_empty() {
            asked.push(("Not imported", plan.left_out().join(", ")));
        }
        if let Some(proof) = &plan.consent_proof {
            asked.push(("Proof of consent", proof.clone()));
        }
        asked
    }
    /// What came of it, in a line.
    fn headline(&self) -> String {
        let n = self.import.totals.created + self.import.totals.updated;
        match (n, self.import.plan.subject) {
            (0, _) => "Nothing has changed".into(),
            (1, Subject::Customers) => "1 line changed customers".into(),
            (n, Subject::Customers) => format!("{} lines changed customers", thousands(&n)),
            (1, Subject::Purchases) => "1 purchase was added".into(),
            (n, Subject::Purchases) => format!("{} purchases were added", thousands(&n)),
        }
    }
    fn told(&self) -> &'static str {
        match self.import.plan.subject {
            Subject::Customers => self.import.plan.mode.told(),
            Subject::Purchases => {
                "Purchases are added to the customers they name; one that is known already stays as it is"
            }
        }
    }
}

/// A remark table, for both kinds.
#[derive(Template)]
#[template(path = "imports/_remarks.html")]
pub struct RemarksTable<'a> {
    pub remarks: &'a Remarks,
    /// The address of the next page.
    pub next: Option<String>,
    pub first: Option<String>,
    pub label: &'static str,
}
impl askama::filters::HtmlSafe for RemarksTable<'_> {}

impl ReportPage {
    fn table(&self, kind: &'static str) -> RemarksTable<'_> {
        let (remarks, label) = match kind {
            "rejected" => (&self.report.rejected, "Rejected lines"),
            _ => (&self.report.notes, "Notes"),
        };
        let here = format!("/imports/{}", self.import.id);
        RemarksTable {
            remarks,
            next: remarks.next.map(|after| format!("{here}?{kind}={after}#{kind}")),
            first: remarks.later.then(|| format!("{here}#{kind}")),
            label,
        }
    }
}

impl Import {
    fn is_of_purchases(&self) -> bool {
        self.plan.subject == Subject::Purchases
    }
    /// As a pill shows it: colour and word.
    fn pill(&self) -> (&'static str, &'static str) {
        match self.state {
            State::Uploaded => ("pill-warn", "Columns to match"),
            State::Running => ("pill-accent", "Running"),
            State::Done => ("pill-ok", "Done"),
            State::Failed => ("pill-bad", "Stopped"),
        }
    }
    /// `1.9 MB`
    fn size(&self) -> String {
        match self.plan.size {
            bytes if bytes < 1_000 => format!("{bytes} bytes"),
            bytes if bytes < 1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
            bytes => format!("{:.1} MB", bytes as f64 / 1e6),
        }
    }
}
