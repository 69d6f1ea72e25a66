//! What an import is to do: which column becomes which field, whom a line is about, and how far it may go.
//! Kept as JSON beside the import, so that its report can say what was asked.

use super::columns::Field;
use super::custom::Custom;
use super::notation::Notation;
use super::shape::Chosen;
use super::{Subject, files};
use crate::config::Limits;
use crate::custom_fields::CustomField;
use crate::tags::Tag;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How far a line may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    CreateUpdate,
    Create,
    Update,
    FillEmpty,
    Tags,
}

impl Mode {
    pub const ALL: [Mode; 5] = [Mode::CreateUpdate, Mode::Create, Mode::Update, Mode::FillEmpty, Mode::Tags];

    pub fn key(self) -> &'static str {
        match self {
            Mode::CreateUpdate => "create_update",
            Mode::Create => "create",
            Mode::Update => "update",
            Mode::FillEmpty => "fill_empty",
            Mode::Tags => "tags",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Mode::CreateUpdate => "Create and update",
            Mode::Create => "Create only",
            Mode::Update => "Update only",
            Mode::FillEmpty => "Fill empty fields only",
            Mode::Tags => "Tags only",
        }
    }
    /// What becomes of a line the mode leaves out.
    pub fn told(self) -> &'static str {
        match self {
            Mode::CreateUpdate => "New people are created, known ones updated",
            Mode::Create => "New people are created; lines about known ones are skipped",
            Mode::Update => "Known people are updated; lines about new ones are skipped",
            Mode::FillEmpty => "Known people get values only where they have none; lines about new ones are skipped",
            Mode::Tags => "Known people are tagged and nothing else changes; lines about new ones are skipped",
        }
    }
    pub fn parse(key: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.key() == key)
    }
    /// May a line make a new customer?
    pub fn creates(self) -> bool {
        matches!(self, Mode::CreateUpdate | Mode::Create)
    }
    /// May a line change a known customer?
    pub fn updates(self) -> bool {
        self != Mode::Create
    }
}

/// What a tags cell does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagMode {
    #[default]
    Add,
    Replace,
    Remove,
}

impl TagMode {
    pub const ALL: [TagMode; 3] = [TagMode::Add, TagMode::Replace, TagMode::Remove];

    pub fn key(self) -> &'static str {
        match self {
            TagMode::Add => "add",
            TagMode::Replace => "replace",
            TagMode::Remove => "remove",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            TagMode::Add => "Add them to what she has",
            TagMode::Replace => "Replace what she has",
            TagMode::Remove => "Remove them",
        }
    }
    pub fn parse(key: &str) -> Option<TagMode> {
        TagMode::ALL.into_iter().find(|mode| mode.key() == key)
    }
}

/// What happens with a tag that does not exist yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    #[default]
    Create,
    Reject,
}

impl Unknown {
    pub fn parse(key: &str) -> Option<Unknown> {
        match key {
            "create" => Some(Unknown::Create),
            "reject" => Some(Unknown::Reject),
            _ => None,
        }
    }
}

/// What a customer is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    Id,
    ExternalId,
    Email,
    Phone,
}

impl Key {
    pub const ALL: [Key; 4] = [Key::Id, Key::ExternalId, Key::Email, Key::Phone];
    /// Those stored with the customer, each unique.
    pub const STORED: [Key; 3] = [Key::ExternalId, Key::Email, Key::Phone];

    pub fn field(self) -> Field {
        match self {
            Key::Id => Field::Id,
            Key::ExternalId => Field::ExternalId,
            Key::Email => Field::Email,
            Key::Phone => Field::Phone,
        }
    }
    /// As a sentence says it: `by external id`.
    pub fn words(self) -> &'static str {
        match self {
            Key::Id => "id",
            Key::ExternalId => "external id",
            Key::Email => "email",
            Key::Phone => "phone",
        }
    }
    pub fn key(self) -> &'static str {
        match self {
            Key::Id => "id",
            Key::ExternalId => "external_id",
            Key::Email => "email",
            Key::Phone => "phone",
        }
    }
    /// A file of purchases says `customer_id`, where one of customers says `id`.
    pub fn parse(key: &str) -> Option<Key> {
        let key = key.strip_prefix("customer_").unwrap_or(key);
        Key::ALL.into_iter().find(|known| known.key() == key)
    }
    /// Reads `external_id,email`.
    pub fn parse_list(list: &str) -> Result<Vec<Key>, String> {
        let mut keys = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let key = Key::parse(name)
                .ok_or_else(|| format!("Customers are matched by id, external_id, email or phone, not by {name}"))?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        match keys.is_empty() {
            true => Err("Name at least one of id, external_id, email and phone to match by".into()),
            false => Ok(keys),
        }
    }
}

/// Everything that was asked of one import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    pub subject: Subject,
    /// The columns' names, by their place in the file.
    pub headers: Vec<String>,
    /// What each column becomes; `None` leaves it out.
    pub columns: Vec<Option<Field>>,
    /// How each column writes its dates or numbers; one that is missing writes them in the usual way.
    pub notations: Vec<Notation>,
    /// The business's own fields among them, by [`Field::Custom`].
    pub custom: Vec<Custom>,
    pub mode: Mode,
    pub match_by: Vec<Key>,
    pub tags: TagMode,
    /// What stands between the tags of one cell.
    pub separator: String,
    pub unknown_tags: Unknown,
    /// Tags for all lines of the file.
    pub tag: Vec<String>,
    /// What shows that these people agreed; without it nobody is opted in.
    pub consent_proof: Option<String>,
    /// Encoding and delimiter, where a person chose other ones than were found.
    pub shape: Chosen,
    /// What was too much for a CSV when the file was taken in.
    pub limits: Limits,
    /// How the file was read, in words.
    pub read_as: String,
    pub encoding: String,
    pub delimiter: char,
    /// Bytes.
    pub size: u64,
    /// Records of the file, the header too; not counted where that takes long.
    pub lines: Option<i64>,
    /// The earlier file whose columns were the same, and whose meaning was taken over.
    pub meant_like: Option<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            subject: Subject::default(),
            headers: Vec::new(),
            columns: Vec::new(),
            notations: Vec::new(),
            custom: Vec::new(),
            mode: Mode::default(),
            match_by: Key::STORED.to_vec(),
            tags: TagMode::default(),
            separator: ";".into(),
            unknown_tags: Unknown::default(),
            tag: Vec::new(),
            consent_proof: None,
            shape: Chosen::default(),
            limits: Limits::default(),
            read_as: String::new(),
            encoding: String::new(),
            delimiter: ',',
            size: 0,
            lines: None,
            meant_like: None,
        }
    }
}

impl Plan {
    /// What a file of this kind is imported by unless somebody says otherwise.
    pub fn about(subject: Subject) -> Plan {
        Plan { subject, match_by: subject.keys().to_vec(), ..Plan::default() }
    }

    /// Proposes a field for each header that names one; the first of two that mean the same gets it.
    pub fn propose(&mut self, headers: &[String], fields: &[CustomField]) {
        self.headers = headers.to_vec();
        self.columns = vec![None; headers.len()];
        self.notations.clear();
        self.custom.clear();
        // A column called exactly like a field has a better claim than one that only means the same.
        for (at, header) in headers.iter().enumerate() {
            let exact = self.subject.field(header).or_else(|| self.own(header, fields));
            self.columns[at] = exact.filter(|field| !self.has(*field));
        }
        for (at, header) in headers.iter().enumerate() {
            if self.columns[at].is_none() {
                self.columns[at] = self.subject.named(header).filter(|field| !self.has(*field));
            }
        }
    }

    /// What files of the same columns have in common, in 64 letters.
    pub fn likeness(&self) -> String {
        let mut hasher = Sha256::new_with_prefix(self.subject.key());
        for header in &self.headers {
            hasher.update([0]);
            hasher.update(crate::fold::key(header));
        }
        files::spelled(hasher)
    }

    /// Means the columns as an earlier file of the same ones was meant: what they become, who is recognised by what, and
    /// how far a line may go. Proof of consent and tags for the whole file belong to that file alone.
    pub fn mean_like(&mut self, earlier: &Plan, fields: &[CustomField]) {
        if earlier.columns.len() != self.columns.len() {
            return;
        }
        self.columns = vec![None; self.headers.len()];
        self.custom.clear();
        for at in 0..self.columns.len() {
            self.columns[at] = earlier.columns[at].and_then(|field| match field {
                Field::Custom(place) => {
                    let key = &earlier.custom.get(place)?.key;
                    fields.iter().find(|field| field.key == *key).map(|field| self.column_of(field.into()))
                }
                field => Some(field),
            });
        }
        for (at, notation) in earlier.notations.iter().enumerate() {
            // What the values of this file leave no doubt about counts more.
            if self.notations.get(at).is_none_or(|own| *own == Notation::Usual) {
                self.write_as(at, *notation);
            }
        }
        self.mode = earlier.mode;
        self.match_by.clone_from(&earlier.match_by);
        self.tags = earlier.tags;
        self.separator.clone_from(&earlier.separator);
        self.unknown_tags = earlier.unknown_tags;
    }

    /// Takes one `HEADER=FIELD`; `HEADER=-` leaves the column out.
    pub fn map(&mut self, spelling: &str, fields: &[CustomField]) -> Result<(), String> {
        let (header, target) =
            spelling.rsplit_once('=').ok_or_else(|| format!("{spelling:?} is not of the form HEADER=FIELD"))?;
        let (header, target) = (header.trim(), target.trim());
        let at = self.place(header)?;
        let field = match target {
            "-" => None,
            target => Some(match target.strip_prefix("custom.") {
                Some(custom) => self.custom(at, custom, fields)?,
                None => self.subject.field(target).ok_or_else(|| {
                    let keys: Vec<_> = self.subject.columns().iter().map(|column| column.key).collect();
                    format!("There is no field {target:?} to import into; there are {}", keys.join(", "))
                })?,
            }),
        };
        // The proposal makes way for what was asked; two wishes for one field are a mistake that `check` finds.
        if field.is_some() {
            for (other, column) in self.columns.iter_mut().enumerate() {
                if other != at && *column == field && self.subject.field(&self.headers[other]) != field {
                    *column = None;
                }
            }
        }
        self.columns[at] = field;
        Ok(())
    }

    /// Where a column stands, by its name.
    pub(super) fn place(&self, header: &str) -> Result<usize, String> {
        let same = |name: &String| crate::fold::key(name) == crate::fold::key(header);
        self.headers.iter().position(same).ok_or_else(|| {
            format!("The file has no column called {header:?}; its columns are {}", self.headers.join(", "))
        })
    }

    /// What would keep the import from making sense, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        for (at, field) in self.columns.iter().enumerate() {
            let Some(field) = field else { continue };
            let same = |other: &Option<Field>| other.is_some_and(|other| self.key(other) == self.key(*field));
            if let Some(earlier) = self.columns[..at].iter().position(same) {
                return Err(format!(
                    "The columns {} and {} would both become {}. Leave one out",
                    self.headers[earlier],
                    self.headers[at],
                    self.words(*field)
                ));
            }
        }
        if self.columns.iter().all(Option::is_none) {
            return Err("No column is to be imported. Choose a field for at least one".into());
        }
        if self.match_by.is_empty() {
            return Err("Choose what people are recognised by".into());
        }
        let matched = self.match_by.iter().any(|key| self.has(key.field()));
        let known = self.subject == Subject::Purchases || !self.mode.creates();
        if !matched && known {
            let keys: Vec<_> = self.match_by.iter().map(|key| key.words()).collect();
            return Err(format!("To recognise people, a column must become one of: {}", keys.join(", ")));
        }
        let mut separator = self.separator.chars();
        if separator.next().is_none() || separator.next().is_some() {
            return Err("One character stands between the tags of a cell, for example ;".into());
        }
        for name in &self.tag {
            Tag::clean(name)?;
        }
        match self.subject {
            Subject::Customers => Ok(()),
            Subject::Purchases => self.check_purchases(),
        }
    }

    /// A purchase is written once: much of what may be asked of customers makes no sense.
    fn check_purchases(&self) -> Result<(), String> {
        for needed in [Field::Amount, Field::PurchasedAt] {
            if !self.has(needed) {
                return Err(format!("Purchases need a column that becomes: {}", self.words(needed)));
            }
        }
        if !self.mode.creates() {
            return Err("Purchases are added and never changed: the mode is create_update or create".into());
        }
        let plain = Plan::default();
        if (&self.tag, self.tags, self.unknown_tags) != (&plain.tag, plain.tags, plain.unknown_tags) {
            return Err("Purchases have no tags".into());
        }
        match self.consent_proof {
            Some(_) => Err("A file of purchases says nothing about consent".into()),
            None => Ok(()),
        }
    }

    /// Columns that will not be imported, by name.
    pub fn left_out(&self) -> Vec<&str> {
        self.headers
            .iter()
            .zip(&self.columns)
            .filter(|(_, field)| field.is_none())
            .map(|(header, _)| header.as_str())
            .collect()
    }

    /// True when a column sets consent, so that proof matters.
    pub fn asks_consent(&self) -> bool {
        [Field::EmailConsent, Field::SmsConsent, Field::WhatsappConsent].iter().any(|field| self.has(*field))
    }

    pub fn has(&self, field: Field) -> bool {
        self.columns.contains(&Some(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(headers: &[&str]) -> Plan {
        let mut plan = Plan::default();
        plan.propose(&headers.iter().map(ToString::to_string).collect::<Vec<_>>(), &[]);
        plan
    }

    #[test]
    fn columns_are_proposed_by_their_names_and_changed_by_hand() {
        let mut plan = plan(&["Kundennummer", "Mobile", "phone", "plan"]);
        assert_eq!(plan.columns, [Some(Field::ExternalId), None, Some(Field::Phone), None]);
        assert_eq!(plan.left_out(), ["Mobile", "plan"]);
        plan.map("plan=city", &[]).unwrap();
        plan.map("KUNDENNUMMER=-", &[]).unwrap();
        assert_eq!(plan.columns, [None, None, Some(Field::Phone), Some(Field::City)]);
        plan.map("Mobile=phone", &[]).unwrap();
        assert!(plan.check().unwrap_err().contains("Mobile and phone would both become Phone"));
        assert!(plan.map("nothing=email", &[]).unwrap_err().contains("no column called"));
        assert!(plan.map("plan=colour", &[]).unwrap_err().contains("no field"));
    }

    #[test]
    fn a_file_like_an_earlier_one_is_written_like_it_unless_it_shows_otherwise() {
        let headers = ["email", "created_at", "last_seen_at", "x"];
        let (mut earlier, mut now) = (plan(&headers), plan(&headers));
        earlier.notations = vec![Notation::Usual, Notation::DayFirst, Notation::DayFirst, Notation::Usual];
        now.notations = vec![Notation::Usual, Notation::Usual, Notation::MonthFirst, Notation::DecimalComma];
        now.mean_like(&earlier, &[]);
        let meant = [Notation::Usual, Notation::DayFirst, Notation::MonthFirst, Notation::DecimalComma];
        assert_eq!(now.notations, meant);
    }

    #[test]
    fn a_plan_survives_being_kept() {
        let plan = Plan { mode: Mode::FillEmpty, match_by: vec![Key::Email], ..plan(&["email", "tags", "x"]) };
        let kept = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&kept).unwrap(), plan);
        assert!(kept.contains("\"fill_empty\"") && kept.contains("[\"email\",\"tags\",null]"));
    }

    #[test]
    fn what_people_are_matched_by_is_a_list() {
        assert_eq!(Key::parse_list("email, id").unwrap(), [Key::Email, Key::Id]);
        assert!(Key::parse_list("name").is_err() && Key::parse_list(" ").is_err());
    }
}
