//! Every operator, one row each: its key, its words with holes for values, how the sentence says it, and what it asks of
//! the table that decides. The builder's picker, the text form, JSON, the sentence and the query all read these rows.
//!
//! To add one: a row here, and a line in `EXAMPLES` of `tests/app/filters.rs` (a test notices when it is missing). A
//! negative is written `not("key", "words", "of which")` and is the exact complement of its positive twin.

use super::ask::Ask;
use super::asked::Asked;
use super::fields::types::*;
use super::fields::{Field, Fields, Place, Scope};
use super::wanted::Wanted;
use super::{campaigns, consents, conversations, numbers, purchases, segments, taggings, texts, times};
use crate::filters::ask::Source;

/// What a value in a hole is, so that it can be looked up, checked and given a fitting input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Text compared as its field compares it; for countries a name or a code.
    Text,
    Tag,
    Segment,
    /// A campaign by name, or the word `any`.
    Campaign,
    /// Somebody who works here, by name.
    Agent,
    Number,
    /// A number that may have decimals and a sign.
    Decimal,
    /// A day, or an instant.
    When,
}

/// A pattern is words and holes. The words before the first hole are what the builder's picker shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Words(&'static str),
    One(&'static str, Input),
    Many(Input),
    Unit,
    /// `days`, or `day` after 1: a unit that cannot be chosen.
    Days,
    /// One word of a list: who tagged.
    Word(&'static [&'static str]),
    /// A whole filter over the fields of one purchase.
    Inner,
}

impl Piece {
    /// True for what holds a [`super::rule::Part`].
    pub fn is_hole(&self) -> bool {
        !matches!(self, Piece::Words(_) | Piece::Days)
    }
}

#[derive(Debug)]
pub enum Meaning {
    /// What it wants of the value of its field, or why it cannot.
    Wants(fn(&Asked) -> Result<Wanted, String>),
    /// What it asks of a table of its own.
    Asks(fn(&Asked) -> Result<Ask, String>),
    /// The complement of another operator of the same types.
    Not(&'static str),
}

#[derive(Debug)]
pub struct Operator {
    /// As in JSON: the words joined by `_`, or as SPEC 2.4 names it.
    pub key: &'static str,
    /// The types of field it is for.
    pub kinds: u32,
    pub pattern: &'static [Piece],
    /// The sentence: `{f}` is the field's spoken name, `{0}`, `{1}` … its parts.
    pub say: &'static str,
    pub meaning: Meaning,
}

const fn row(
    kinds: u32,
    key: &'static str,
    pattern: &'static [Piece],
    say: &'static str,
    wants: fn(&Asked) -> Result<Wanted, String>,
) -> Operator {
    Operator { key, kinds, pattern, say, meaning: Meaning::Wants(wants) }
}

const fn asks(
    kinds: u32,
    key: &'static str,
    pattern: &'static [Piece],
    say: &'static str,
    asks: fn(&Asked) -> Result<Ask, String>,
) -> Operator {
    Operator { key, kinds, pattern, say, meaning: Meaning::Asks(asks) }
}

const fn not(
    kinds: u32,
    key: &'static str,
    pattern: &'static [Piece],
    say: &'static str,
    twin: &'static str,
) -> Operator {
    Operator { key, kinds, pattern, say, meaning: Meaning::Not(twin) }
}

use Piece::{Days, Inner, Many, One, Unit, Word, Words as W};

const FILLED: fn(&Asked) -> Result<Wanted, String> = |_| Ok(Wanted::Filled);
/// Whatever can be empty.
const VALUES: u32 = TEXTS | NUMBERS | DATES | YES_NO | CHOICE;

const VALUE: Piece = One("value", Input::Text);
const WHEN: Piece = One("value", Input::When);
const AMOUNT: Piece = One("value", Input::Decimal);
const N: Piece = One("n", Input::Number);
const TAG: Piece = One("tag", Input::Tag);
const CAMPAIGN: Piece = One("campaign", Input::Campaign);

/// Who may have tagged, as SPEC 2.2 names them.
pub const TAGGERS: &[&str] = &["agent", "import", "campaign", "API"];

#[rustfmt::skip]
pub static OPERATORS: &[Operator] = &[
    // Text, email, phone, country
    row(TEXTS | CHOICE, "is", &[W("is"), VALUE], "{f} is {0}", texts::is),
    not(TEXTS | CHOICE, "is_not", &[W("is not"), VALUE], "{f} is not {0}", "is"),
    row(TEXTS | CHOICE, "is_any_of", &[W("is any of"), Many(Input::Text)], "{f} is {0}", texts::is_any_of),
    not(TEXTS | CHOICE, "is_none_of", &[W("is none of"), Many(Input::Text)], "{f} is none of {0}", "is_any_of"),
    row(TEXTS, "contains", &[W("contains"), VALUE], "{f} contains {0}", texts::contains),
    not(TEXTS, "does_not_contain", &[W("does not contain"), VALUE], "{f} does not contain {0}", "contains"),
    row(TEXTS, "starts_with", &[W("starts with"), VALUE], "{f} starts with {0}", texts::starts_with),
    not(TEXTS, "does_not_start_with", &[W("does not start with"), VALUE], "{f} does not start with {0}", "starts_with"),
    row(TEXTS, "ends_with", &[W("ends with"), VALUE], "{f} ends with {0}", texts::ends_with),
    not(TEXTS, "does_not_end_with", &[W("does not end with"), VALUE], "{f} does not end with {0}", "ends_with"),
    row(EMAIL, "domain_is", &[W("domain is"), VALUE], "{f} is at {0}", texts::domain_is),
    not(EMAIL, "domain_is_not", &[W("domain is not"), VALUE], "{f} is not at {0}", "domain_is"),

    // Tags
    asks(TAGS, "contains", &[W("contains"), Many(Input::Tag)], "tagged {0}", taggings::contains),
    asks(TAGS, "contains_all", &[W("contains all"), Many(Input::Tag)], "tagged with all of {0&}", taggings::contains_all),
    not(TAGS, "does_not_contain", &[W("does not contain"), Many(Input::Tag)], "not tagged {0}", "contains"),
    not(TAGS, "does_not_contain_all", &[W("does not contain all"), Many(Input::Tag)], "not tagged with all of {0&}", "contains_all"),
    asks(TAGS, "contains_only", &[W("contains only"), Many(Input::Tag)], "tagged with nothing but {0}", taggings::contains_only),
    asks(TAGS, "is_empty", &[W("is empty")], "without tags", taggings::is_empty),
    not(TAGS, "is_not_empty", &[W("is not empty")], "with tags", "is_empty"),
    asks(TAGS, "count_eq", &[W("count ="), N], "with exactly {0} tags", taggings::count_eq),
    asks(TAGS, "count_gte", &[W("count >="), N], "with {0} tags or more", taggings::count_gte),
    asks(TAGS, "count_lte", &[W("count <="), N], "with {0} tags or fewer", taggings::count_lte),
    asks(TAGS, "any_name_contains", &[W("any name contains"), VALUE], "with a tag whose name contains {0}", taggings::any_name_contains),
    asks(TAGS, "tagged_in_the_last", &[W("tagged"), TAG, W("in the last"), N, Unit], "tagged {0} in the last {1} {2}", taggings::tagged_in_the_last),
    asks(TAGS, "tagged_by", &[W("tagged"), TAG, W("by"), Word(TAGGERS)], "tagged {0} by {1}", taggings::tagged_by),

    // Segments
    asks(SEGMENTS, "in_any_of", &[W("in any of"), Many(Input::Segment)], "in {0}", segments::in_any_of),
    asks(SEGMENTS, "in_all_of", &[W("in all of"), Many(Input::Segment)], "in all of {0&}", segments::in_all_of),
    not(SEGMENTS, "in_none_of", &[W("in none of"), Many(Input::Segment)], "not in {0}", "in_any_of"),

    // Campaigns
    asks(CAMPAIGNS, "was_sent", &[W("was sent"), CAMPAIGN], "sent {0}", campaigns::was_sent),
    not(CAMPAIGNS, "was_not_sent", &[W("was not sent"), CAMPAIGN], "not sent {0}", "was_sent"),
    asks(CAMPAIGNS, "failed", &[W("failed"), CAMPAIGN], "with a failed sending of {0}", campaigns::failed),
    asks(CAMPAIGNS, "clicked_unsubscribe", &[W("clicked unsubscribe"), CAMPAIGN], "who clicked unsubscribe in {0}", campaigns::clicked_unsubscribe),

    // Conversations
    asks(CONVERSATIONS, "last_message_in_the_last", &[W("last message in the last"), N, Unit], "with a message in the last {0} {1}", conversations::last_message_in_the_last),
    asks(CONVERSATIONS, "last_message_more_than_ago", &[W("last message more than"), N, Unit, W("ago")], "whose last message is more than {0} {1} ago", conversations::last_message_more_than_ago),
    asks(CONVERSATIONS, "has_open", &[W("has open")], "with an open conversation", conversations::has_open),
    asks(CONVERSATIONS, "has_unassigned", &[W("has unassigned")], "with an open conversation that is nobody's", conversations::has_unassigned),
    asks(CONVERSATIONS, "has_any", &[W("has any")], "with a conversation", conversations::has_any),
    not(CONVERSATIONS, "has_none", &[W("has none")], "without any conversation", "has_any"),
    asks(CONVERSATIONS, "over", &[W("over"), Word(conversations::CHANNELS)], "with a conversation over {0}", conversations::over),
    asks(CONVERSATIONS, "assigned_to", &[W("assigned to"), One("agent", Input::Agent)], "with a conversation of {0}", conversations::assigned_to),

    // Consent
    asks(CONSENT, "is_opted_in", &[W("is opted in")], "opted in to {f}", consents::opted_in),
    not(CONSENT, "is_not_opted_in", &[W("is not opted in")], "not opted in to {f}", "is_opted_in"),
    asks(CONSENT, "is_opted_out", &[W("is opted out")], "opted out of {f}", consents::opted_out),
    not(CONSENT, "is_not_opted_out", &[W("is not opted out")], "not opted out of {f}", "is_opted_out"),
    asks(CONSENT, "is_unknown", &[W("is unknown")], "of unknown {f} consent", consents::unknown),

    // Numbers and money
    row(NUMBERS, "eq", &[W("="), AMOUNT], "{f} is {0}", numbers::eq),
    not(NUMBERS, "ne", &[W("!="), AMOUNT], "{f} is not {0}", "eq"),
    row(NUMBERS, "gt", &[W(">"), AMOUNT], "{f} above {0}", numbers::gt),
    row(NUMBERS, "gte", &[W(">="), AMOUNT], "{f} at least {0}", numbers::gte),
    row(NUMBERS, "lt", &[W("<"), AMOUNT], "{f} below {0}", numbers::lt),
    row(NUMBERS, "lte", &[W("<="), AMOUNT], "{f} at most {0}", numbers::lte),
    row(NUMBERS, "between", &[W("between"), One("from", Input::Decimal), W("and"), One("to", Input::Decimal)], "{f} between {0} and {1}", numbers::between),
    not(NUMBERS, "not_between", &[W("not between"), One("from", Input::Decimal), W("and"), One("to", Input::Decimal)], "{f} not between {0} and {1}", "between"),

    // Yes/no
    row(YES_NO, "is_true", &[W("is true")], "{f} is yes", numbers::is_true),
    not(YES_NO, "is_not_true", &[W("is not true")], "{f} is not yes", "is_true"),
    row(YES_NO, "is_false", &[W("is false")], "{f} is no", numbers::is_false),
    not(YES_NO, "is_not_false", &[W("is not false")], "{f} is not no", "is_false"),

    // Dates and times
    row(DATES, "on", &[W("on"), WHEN], "{f} on {0}", times::on),
    not(DATES, "not_on", &[W("not on"), WHEN], "not {f} on {0}", "on"),
    row(DATES, "before", &[W("before"), WHEN], "{f} before {0}", times::before),
    row(DATES, "on_or_before", &[W("on or before"), WHEN], "{f} on or before {0}", times::on_or_before),
    row(DATES, "after", &[W("after"), WHEN], "{f} after {0}", times::after),
    row(DATES, "on_or_after", &[W("on or after"), WHEN], "{f} on or after {0}", times::on_or_after),
    row(DATES, "between", &[W("between"), One("from", Input::When), W("and"), One("to", Input::When)], "{f} between {0} and {1}", times::between_days),
    not(DATES, "not_between", &[W("not between"), One("from", Input::When), W("and"), One("to", Input::When)], "not {f} between {0} and {1}", "between"),
    row(DATES, "today", &[W("today")], "{f} today", times::today),
    row(DATES, "yesterday", &[W("yesterday")], "{f} yesterday", times::yesterday),
    row(DATES, "this_week", &[W("this week")], "{f} this week", times::this_week),
    row(DATES, "last_week", &[W("last week")], "{f} last week", times::last_week),
    row(DATES, "this_month", &[W("this month")], "{f} this month", times::this_month),
    row(DATES, "last_month", &[W("last month")], "{f} last month", times::last_month),
    row(DATES, "this_year", &[W("this year")], "{f} this year", times::this_year),
    row(DATES, "in_the_last", &[W("in the last"), N, Unit], "{f} in the last {0} {1}", times::in_the_last),
    not(DATES, "not_in_the_last", &[W("not in the last"), N, Unit], "not {f} in the last {0} {1}", "in_the_last"),
    row(DATES, "more_than_ago", &[W("more than"), N, Unit, W("ago")], "{f} more than {0} {1} ago", times::more_than_ago),
    row(DATES, "in_the_next", &[W("in the next"), N, Unit], "{f} in the next {0} {1}", times::in_the_next),
    row(DATES, "anniversary_today", &[W("anniversary today")], "whose {f} day has its anniversary today", times::anniversary_today),
    row(DATES, "anniversary_in_the_next", &[W("anniversary in the next"), N, Days], "whose {f} day has its anniversary in the next {0} days", times::anniversary_in_the_next),

    // Any value at all
    not(TIME, "is_empty", &[W("is empty")], "{f} never", "is_not_empty"),
    row(TIME, "is_not_empty", &[W("is not empty")], "{f} at some time", FILLED),
    not(VALUES & !TIME, "is_empty", &[W("is empty")], "without {f}", "is_not_empty"),
    row(VALUES & !TIME, "is_not_empty", &[W("is not empty")], "with {f}", FILLED),

    // Purchases
    asks(PURCHASES, "any_where", &[W("any where"), Inner], "with a purchase ({0})", purchases::any_where),
    not(PURCHASES, "none_where", &[W("none where"), Inner], "without any purchase ({0})", "any_where"),

    asks(EVERYONE, "matches", &[], "everyone", |_| Ok(Ask::Everyone)),
];

impl Operator {
    pub fn find(field: &Field, key: &str) -> Option<&'static Operator> {
        Operator::of(field).find(|operator| operator.key == key)
    }

    /// The operators of a field, in the order they are offered.
    pub fn of(field: &Field) -> impl Iterator<Item = &'static Operator> + use<> {
        let kind = field.kind;
        OPERATORS.iter().filter(move |operator| operator.kinds & kind != 0)
    }

    /// The holes of the pattern, in order: one part stands in each.
    pub fn holes(&self) -> impl Iterator<Item = &'static Piece> + use<> {
        self.pattern.iter().filter(|piece| piece.is_hole())
    }

    /// What the picker shows: `tagged … in the last`, `more than … ago`, `between`.
    pub fn words(&self) -> String {
        let mut words = String::new();
        let last = self.pattern.iter().rposition(|piece| matches!(piece, Piece::Words(_))).unwrap_or(0);
        for (index, piece) in self.pattern.iter().enumerate() {
            match piece {
                Piece::Words(text) if words.is_empty() => words.push_str(text),
                // "between … and" says no more than "between".
                Piece::Words("and") => {}
                Piece::Words(text) => {
                    words.push_str(" … ");
                    words.push_str(text);
                }
                _ if index > last => break,
                _ => {}
            }
        }
        words
    }

    /// The words before the first hole.
    pub fn opening(&self) -> &'static str {
        match self.pattern.first() {
            Some(Piece::Words(words)) => words,
            _ => "",
        }
    }

    /// A negative includes customers with no value.
    pub fn is_negative(&self) -> bool {
        matches!(self.meaning, Meaning::Not(_)) && self.key != "is_empty"
    }

    /// The operator it is the opposite of, or itself; and whether it is one.
    pub fn positive(&'static self, field: &Field) -> (&'static Operator, bool) {
        match self.meaning {
            Meaning::Not(twin) => Operator::find(field, twin).map_or((self, false), |positive| (positive, true)),
            _ => (self, false),
        }
    }

    /// What it asks with these values, or why it cannot.
    pub fn ask(&'static self, asked: &Asked) -> Result<Ask, String> {
        let (operator, opposite) = self.positive(asked.field);
        let ask = match operator.meaning {
            Meaning::Asks(asks) => asks(asked)?,
            Meaning::Wants(wants) => match (wants(asked)?, asked.field.place) {
                (Wanted::Nothing, _) => Ask::Nobody,
                (wanted, Place::Own(column)) => Ask::One(Source::Own(column, wanted)),
                (wanted, Place::Custom(id)) => Ask::One(Source::Values(id, wanted)),
                _ => return Err(format!("{} cannot be asked of a customer.", asked.field.label)),
            },
            Meaning::Not(_) => return Err(format!("“{}” has no opposite here.", self.words())),
        };
        Ok(if opposite { ask.negated() } else { ask })
    }
}

/// Every word that means something in the text form: as a value it takes quotes.
pub fn is_keyword(word: &str) -> bool {
    let word = word.to_lowercase();
    let structural = ["and", "or", "not", "all", "any", "none", "everyone", "where"];
    structural.contains(&word.as_str())
        || [Scope::Customer, Scope::Purchase]
            .into_iter()
            .any(|scope| Fields::built_in().of(scope).iter().any(|field| field.key == word))
        || super::rule::Unit::parse(&word).is_some()
        || OPERATORS.iter().flat_map(|operator| operator.pattern).any(|piece| match piece {
            Piece::Words(words) => words.split(' ').any(|part| part == word),
            Piece::Word(list) => list.iter().any(|part| part.eq_ignore_ascii_case(&word)),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custom_fields::{CustomField, Kind};

    #[test]
    fn every_negative_has_its_twin_and_every_key_is_unique_for_a_field() {
        let custom = Kind::ALL.map(|kind| CustomField {
            id: 1,
            key: kind.key().into(),
            label: kind.key().into(),
            kind,
            choices: Vec::new(),
            gone: false,
        });
        let fields = Fields::with(custom.into());
        for field in [Scope::Customer, Scope::Purchase].into_iter().flat_map(|scope| fields.of(scope)) {
            let mut seen = Vec::new();
            for operator in Operator::of(field) {
                assert!(!seen.contains(&operator.key), "{} has {} twice", field.key, operator.key);
                seen.push(operator.key);
                if let Meaning::Not(twin) = operator.meaning {
                    assert!(Operator::find(field, twin).is_some(), "{} {}", field.key, operator.key);
                }
            }
            assert!(!seen.is_empty(), "{} can be asked nothing", field.key);
        }
    }
}
