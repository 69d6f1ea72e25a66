//! The pages of imports, and the questions their templates ask.

use super::changes::Changes;
use super::columns::Field;
use super::custom::MADE;
use super::notation::Written;
use super::plan::{Key, Mode, TagMode, Unknown};
use super::report::{Fix, Remarks, Report};
use super::shape::{self, ENCODINGS};
use super::{Import, State, Subject};
use crate::config::Limits;
use crate::custom_fields::CustomField;
use crate::web::{Chrome, thousands};
use crate::workspace::Clock;
use askama::Template;

/// `1 line`, `2 lines`
fn lines(n: &i64) -> String {
    format!("{} {}", thousands(n), line_or_lines(n))
}

fn line_or_lines(n: &i64) -> &'static str {
    if *n == 1 { "line" } else { "lines" }
}

/// By what a customer is recognised: `external id, then email`
fn keys_of(import: &Import) -> String {
    let keys: Vec<&str> = import.plan.match_by.iter().map(|key| key.words()).collect();
    keys.join(", then ")
}

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
    fn help(&self) -> &'static str {
        "Nothing is written yet: next you choose what each column means"
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
#[template(path = "imports/mapping.html", blocks = ["mapping"])]
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
    fn is_like(&self) -> Option<&str> {
        self.import.plan.meant_like.as_deref()
    }
}

/// While it is tried out, carried out or undone.
#[derive(Template)]
#[template(path = "imports/running.html", blocks = ["import"])]
pub struct RunningPage {
    pub chrome: Chrome,
    pub import: Import,
    pub clock: Clock,
}

impl RunningPage {
    fn stage(&self) -> Stage {
        match self.import.state {
            State::Checking => Stage::Check,
            _ => Stage::Import,
        }
    }
    fn title(&self) -> &'static str {
        match self.import.state {
            State::Checking => "Trying it out",
            State::Undoing => "Taking it back",
            _ => "Importing now",
        }
    }
    fn is_undoing(&self) -> bool {
        self.import.state == State::Undoing
    }
    fn is_checking(&self) -> bool {
        self.import.state == State::Checking
    }
    /// For who listens instead of looking: a word every tenth of the way.
    fn said(&self) -> String {
        format!("{}: {} % done.", self.title(), self.percent() / 10 * 10)
    }
    /// Done so far, of how much.
    fn share(&self) -> (u64, u64) {
        let import = &self.import;
        let whole = |n: i64| u64::try_from(n).unwrap_or_default();
        match self.is_undoing() {
            true => {
                let all = whole(import.totals.created + import.totals.updated);
                (whole(import.restored + import.kept).min(all), all)
            }
            false => (import.bytes.min(import.plan.size), import.plan.size),
        }
    }
    fn percent(&self) -> u64 {
        match self.share() {
            (_, 0) => 0,
            (done, all) => done * 100 / all,
        }
    }
    /// `40,120 lines done, 31,000 a second, about 12 s left`
    fn told(&self) -> String {
        let import = &self.import;
        let done_lines = match self.is_undoing() {
            true => import.restored + import.kept,
            false => import.settled,
        };
        let since = if self.is_undoing() { import.undone_at } else { import.began_at };
        let mut words = vec![format!("{} done", lines(&done_lines))];
        let past = since.map_or(0.0, |at| (self.clock.stamp() - at).num_milliseconds() as f64 / 1e3);
        let (done, all) = self.share();
        if past >= 1.0 && done > 0 {
            words.push(format!("{} a second", thousands(&((done_lines as f64 / past) as i64))));
            words.push(format!("about {} left", span(past * (all - done) as f64 / done as f64)));
        }
        words.join(", ")
    }
}

/// `12 s`, `3 min`
fn span(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        short if short < 100 => format!("{short} s"),
        long => format!("{} min", long.div_ceil(60)),
    }
}

/// The steps of the way, as the pages show them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Upload,
    Columns,
    Check,
    Import,
    Report,
}

#[derive(Template)]
#[template(path = "imports/_stages.html")]
pub struct Stages(Stage);
impl askama::filters::HtmlSafe for Stages {}

impl Stages {
    fn all(&self) -> [(Stage, &'static str); 5] {
        [
            (Stage::Upload, "Upload"),
            (Stage::Columns, "Match columns"),
            (Stage::Check, "Dry run"),
            (Stage::Import, "Import"),
            (Stage::Report, "Report"),
        ]
    }
}

/// What it would do, before anything is written.
#[derive(Template)]
#[template(path = "imports/checked.html", blocks = ["import"])]
pub struct CheckedPage {
    pub chrome: Chrome,
    pub import: Import,
    pub report: Report,
}

impl CheckedPage {
    fn button(&self) -> String {
        let totals = &self.import.totals;
        let n = totals.created + totals.updated;
        let (one, many) = match self.import.plan.subject {
            Subject::Customers => ("customer", "customers"),
            Subject::Purchases => ("purchase", "purchases"),
        };
        match n {
            0 => "Import without changes".into(),
            1 => format!("Import 1 {one}"),
            n => format!("Import {} {many}", thousands(&n)),
        }
    }
    fn told(&self) -> String {
        told(&self.import)
    }
}

/// What may happen and how customers are recognised, in sentences.
fn told(import: &Import) -> String {
    let may = match import.plan.subject {
        Subject::Customers => import.plan.mode.told(),
        Subject::Purchases => {
            "Purchases are added to the customers they name; one that is known already stays as it is"
        }
    };
    format!("{may}. Customers are recognised by {}.", keys_of(import))
}

#[derive(Template)]
#[template(path = "imports/report.html", blocks = ["import"])]
pub struct ReportPage {
    pub chrome: Chrome,
    pub import: Import,
    pub report: Report,
    pub clock: Clock,
}

/// One line of the sum.
struct Part {
    key: &'static str,
    words: String,
    count: i64,
}

impl ReportPage {
    fn failed(&self) -> bool {
        self.import.state == State::Failed
    }
    fn is_undone(&self) -> bool {
        self.import.state == State::Undone
    }
    fn was_stopped(&self) -> bool {
        self.import.state == State::Cancelled
    }
    /// Corrected lines can be imported.
    fn can_be_fixed(&self) -> bool {
        matches!(self.import.state, State::Done | State::Cancelled)
    }
    /// What undoing came to.
    fn undone(&self) -> String {
        let import = &self.import;
        let by = import.undone_by.as_deref().unwrap_or("Somebody");
        let kept = match import.kept {
            0 => "Everything is as it was before".to_string(),
            1 => "1 line was left as it is, wholly or in part, because something was changed since".into(),
            kept => format!(
                "{} lines were left as they are, wholly or in part, because something was changed since",
                thousands(&kept)
            ),
        };
        let are = if import.restored == 1 { "is" } else { "are" };
        format!("{by} took it back: {} {are} undone. {kept}.", lines(&import.restored))
    }
}

/// The sum of every line, for the dry run and for the report.
#[derive(Template)]
#[template(path = "imports/_totals.html")]
pub struct TotalsBox<'a> {
    import: &'a Import,
}
impl askama::filters::HtmlSafe for TotalsBox<'_> {}

impl TotalsBox<'_> {
    fn is_whole(&self) -> bool {
        !matches!(self.import.state, State::Failed | State::Cancelled)
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
}

/// What the import was asked to do.
#[derive(Template)]
#[template(path = "imports/_asked.html")]
pub struct AskedBox<'a> {
    import: &'a Import,
}
impl askama::filters::HtmlSafe for AskedBox<'_> {}

impl AskedBox<'_> {
    /// What the import was asked to do, a line each.
    fn asked(&self) -> Vec<(&'static str, String)> {
        let plan = &self.import.plan;
        let mut asked = vec![("Read as", plan.read_as.clone()), ("Recognised by", keys_of(self.import))];
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
}

impl ReportPage {
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
    fn told(&self) -> String {
        told(&self.import)
    }
}

/// A remark table.
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

/// Rejected lines, to be corrected in place.
#[derive(Template)]
#[template(path = "imports/_fixes.html")]
pub struct FixesBox<'a> {
    import: &'a Import,
    fixes: Vec<Fix>,
    next: Option<String>,
    first: Option<String>,
    corrected: i64,
}
impl askama::filters::HtmlSafe for FixesBox<'_> {}

impl FixesBox<'_> {
    /// It is not imported yet: correcting a line tries everything out again.
    fn is_before(&self) -> bool {
        self.import.state == State::Checked
    }
    /// `50 of 119 shown, 3 corrected so far`
    fn counted(&self) -> String {
        let (shown, all) = (self.fixes.len() as i64, self.import.totals.rejected);
        let mut words = Vec::new();
        if shown < all {
            words.push(format!("{} of {} shown", thousands(&shown), thousands(&all)));
        }
        if self.corrected > 0 {
            words.push(format!("{} corrected so far", thousands(&self.corrected)));
        }
        words.join(", ")
    }
}

/// Fields before and after.
#[derive(Template)]
#[template(path = "imports/_changes.html")]
pub struct ChangesBox<'a> {
    import: &'a Import,
    changes: &'a Changes,
    next: Option<String>,
    first: Option<String>,
}
impl askama::filters::HtmlSafe for ChangesBox<'_> {}

impl ChangesBox<'_> {
    fn is_before(&self) -> bool {
        self.import.state == State::Checked
    }
    /// `42 lines would update a customer, 20 shown`
    fn counted(&self) -> String {
        let (shown, all) = (self.changes.shown.len() as i64, self.import.totals.updated);
        let verb = if self.is_before() { "would update a customer" } else { "updated a customer" };
        let part = if shown < all { format!(", {} shown", thousands(&shown)) } else { String::new() };
        format!("{} {verb}{part}", lines(&all))
    }
}

/// The pieces that the dry run and the report share.
trait Pieces {
    fn parts_of(&self) -> (&Import, &Report);

    fn table(&self, kind: &'static str) -> RemarksTable<'_> {
        let (import, report) = self.parts_of();
        let (remarks, label) = match kind {
            "kept" => (&report.kept, "Lines that were not undone"),
            _ => (&report.notes, "Notes"),
        };
        RemarksTable {
            remarks,
            next: next(import, kind, remarks.next),
            first: first(import, kind, remarks.later),
            label,
        }
    }
    fn fixes(&self) -> FixesBox<'_> {
        let (import, report) = self.parts_of();
        let remarks = &report.rejected;
        FixesBox {
            import,
            fixes: remarks.fixes(import),
            next: next(import, "rejected", remarks.next),
            first: first(import, "rejected", remarks.later),
            corrected: report.corrected,
        }
    }
    fn changes(&self) -> ChangesBox<'_> {
        let (import, report) = self.parts_of();
        let changes = &report.changes;
        ChangesBox {
            import,
            changes,
            next: next(import, "changes", changes.next),
            first: first(import, "changes", changes.later),
        }
    }
    /// `3 notes on lines that would be imported`
    fn noted(&self) -> String {
        let (import, report) = self.parts_of();
        let n = report.notes.total;
        let notes = if n == 1 { "note" } else { "notes" };
        let on = if import.state == State::Checked { "would be" } else { "were" };
        format!("{} {notes} on lines that {on} imported", thousands(&n))
    }
    fn totals(&self) -> TotalsBox<'_> {
        TotalsBox { import: self.parts_of().0 }
    }
    fn asked(&self) -> AskedBox<'_> {
        AskedBox { import: self.parts_of().0 }
    }
}

fn next(import: &Import, kind: &str, after: Option<i64>) -> Option<String> {
    after.map(|after| format!("/imports/{}?{kind}={after}#{kind}", import.id))
}
fn first(import: &Import, kind: &str, later: bool) -> Option<String> {
    later.then(|| format!("/imports/{}#{kind}", import.id))
}

impl Pieces for CheckedPage {
    fn parts_of(&self) -> (&Import, &Report) {
        (&self.import, &self.report)
    }
}
impl Pieces for ReportPage {
    fn parts_of(&self) -> (&Import, &Report) {
        (&self.import, &self.report)
    }
}

impl Import {
    fn is_of_purchases(&self) -> bool {
        self.plan.subject == Subject::Purchases
    }
    /// What has come of it, for who listens instead of looking.
    fn said(&self) -> &'static str {
        match self.state {
            State::Checked => "The dry run is done.",
            State::Done => "The import is done.",
            State::Failed | State::Cancelled => "The import stopped.",
            State::Undone => "The import was undone.",
            State::Uploaded | State::Checking | State::Running | State::Undoing => "",
        }
    }
    /// As a pill shows it: colour and word.
    fn pill(&self) -> (&'static str, &'static str) {
        match self.state {
            State::Uploaded => ("pill-warn", "Columns to match"),
            State::Checking => ("pill-accent", "Dry run"),
            State::Checked => ("pill-warn", "To be imported"),
            State::Running => ("pill-accent", "Running"),
            State::Done => ("pill-ok", "Done"),
            State::Failed => ("pill-bad", "Stopped"),
            State::Cancelled => ("pill-bad", "Stopped"),
            State::Undoing => ("pill-accent", "Being undone"),
            State::Undone => ("pill-plain", "Undone"),
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
