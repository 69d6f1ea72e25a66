//! What a program sends about a customer: read field by field, so that every mistake is told at once.

use super::super::{By, Channel, Consent, Customer, Draft, clean, set_consent};
use super::Refusal;
use crate::agents::Caller;
use crate::custom_fields::{self, CustomField, Value as Stored, values};
use crate::db::Conn;
use crate::filters::fields::nearest;
use crate::tags::{self, Lasting, Mark, Source, Tag, lasting as spans};
use crate::workspace::{Clock, Workspace};
use serde_json::{Map, Value, json};

/// What a body may hold.
const KNOWN: [&str; 14] = [
    "name",
    "email",
    "phone",
    "external_id",
    "country",
    "city",
    "language",
    "created_at",
    "last_seen_at",
    "email_consent",
    "sms_consent",
    "whatsapp_consent",
    "tags",
    "custom",
];

/// What a customer is shown with and cannot be given.
const COUNTED: [&str; 6] =
    ["id", "updated_at", "purchase_count", "total_spent", "first_purchase_at", "last_purchase_at"];

/// A body that was read: clean values, nothing that was not given.
pub struct Asked {
    pub draft: Draft,
    consents: Vec<(Channel, Consent)>,
    /// All she is to carry.
    tags: Option<Vec<String>>,
    custom: Vec<(CustomField, Option<Stored>)>,
}

impl Asked {
    /// Reads a body, or says what is wrong with each field. `who` is who is being changed: what is not given stays.
    pub fn read(
        body: &Value,
        who: Option<&Customer>,
        fields: &[CustomField],
        workspace: &Workspace,
    ) -> Result<Asked, Refusal> {
        let Value::Object(given) = body else {
            return Err(Refusal::invalid("expected a JSON object", Value::Null));
        };
        let mut reader = Reader { given, mistakes: Map::new() };
        let mut draft = who.map(Draft::from).unwrap_or_default();
        let (country, zone) = (workspace.default_country.as_deref(), workspace.zone);
        reader.put("name", &mut draft.name, |raw| clean::text(raw, clean::NAME));
        reader.put("email", &mut draft.email, clean::email);
        reader.put("phone", &mut draft.phone, |raw| clean::phone(raw, country));
        reader.put("external_id", &mut draft.external_id, clean::external_id);
        reader.put("country", &mut draft.country, clean::country);
        reader.put("city", &mut draft.city, |raw| clean::text(raw, clean::CITY));
        reader.put("language", &mut draft.language, clean::language);
        reader.put("created_at", &mut draft.created_at, |raw| clean::time(raw, zone));
        reader.put("last_seen_at", &mut draft.last_seen_at, |raw| clean::time(raw, zone));
        let consents = [Channel::Email, Channel::Sms, Channel::Whatsapp].into_iter().filter_map(|channel| {
            let mut consent = None;
            let asked = reader.put(&format!("{}_consent", channel.key()), &mut consent, read_consent);
            asked.then_some((channel, consent.unwrap_or_default()))
        });
        let consents = consents.collect();
        let tags = reader.tags();
        let custom = reader.custom(fields);
        reader.refuse_unknown();
        if who.is_some() && draft.created_at.is_none() {
            reader.wrong("created_at", "it cannot be empty");
        }
        let nameless = [&draft.name, &draft.email, &draft.phone, &draft.external_id].iter().all(|key| key.is_none());
        if nameless && reader.mistakes.is_empty() {
            reader.wrong("name", "give a name, an email, a phone or an external id");
        }
        match reader.mistakes.is_empty() {
            true => Ok(Asked { draft, consents, tags, custom }),
            false => Err(Refusal::invalid("some fields cannot be taken as they are", Value::Object(reader.mistakes))),
        }
    }

    /// Writes what is not on the customer's own row.
    pub fn attach(&self, id: i64, caller: &Caller, by: &By, conn: &mut Conn) -> Result<(), Refusal> {
        let at = by.at;
        for (channel, consent) in &self.consents {
            set_consent(id, *channel, *consent, by, conn)?;
        }
        custom_fields::write(id, &self.custom, by, conn)?;
        let Some(names) = &self.tags else { return Ok(()) };
        let mark = Mark::of(caller, Source::Api, at);
        let mut carried = tags::of_customer(id, at, conn)?;
        for name in names {
            let (tag, _) = Tag::find_or_create(name, conn, at)?;
            carried.retain(|other| other.tag.id != tag.id);
            tags::add(id, tag.id, &mark, conn)?;
        }
        for other in carried {
            tags::remove(id, other.tag.id, &mark, conn)?;
        }
        Ok(())
    }
}

/// Until when a tag is to stay, as the body of a tagging says it: `expires_at`, which may be null for a tag without an
/// end, or `for`, like `7 days`. No body says nothing.
pub fn lasting(body: &[u8], clock: &Clock) -> Result<Lasting, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Lasting::Unsaid);
    }
    let given: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("the body is not JSON: {error}"), Value::Null))?;
    let wrong = |field: &str, words: String| Refusal::invalid(format!("{field}: {words}"), json!({ field: words }));
    let Value::Object(given) = given else {
        return Err(Refusal::invalid("expected an object, for example {\"for\": \"7 days\"}", Value::Null));
    };
    if let Some(other) = given.keys().find(|key| !["expires_at", "for"].contains(&key.as_str())) {
        return Err(wrong(other, unknown("there is no such field", nearest(other, ["expires_at", "for"]))));
    }
    match (given.get("expires_at"), given.get("for")) {
        (None, None) => Ok(Lasting::Unsaid),
        (Some(Value::Null), None) => Ok(Lasting::Ever),
        (Some(Value::String(at)), None) => spans::until(at, clock).map_err(|words| wrong("expires_at", words)),
        (None, Some(Value::String(words))) => spans::typed(words, clock).map_err(|words| wrong("for", words)),
        (Some(_), Some(_)) => Err(wrong("for", "say either how long or until when".into())),
        (Some(_), None) => Err(wrong("expires_at", "expected a time like 2026-12-24T18:00:00Z".into())),
        (None, Some(_)) => Err(wrong("for", "expected a length of time like \"7 days\"".into())),
    }
}

fn read_consent(raw: &str) -> Result<Option<Consent>, String> {
    match Consent::parse(raw) {
        Some(consent) => Ok(Some(consent)),
        None => clean::consent(raw),
    }
}

/// A body with what was found wrong in it so far, by field.
struct Reader<'a> {
    given: &'a Map<String, Value>,
    mistakes: Map<String, Value>,
}

impl Reader<'_> {
    fn wrong(&mut self, field: impl Into<String>, words: impl Into<String>) {
        self.mistakes.insert(field.into(), words.into().into());
    }

    /// Puts what is given into its place: nothing for `null`. False when the body does not speak of it.
    fn put<T>(&mut self, field: &str, place: &mut Option<T>, read: impl Fn(&str) -> Result<Option<T>, String>) -> bool {
        let Some(json) = self.given.get(field) else { return false };
        match values::typed(json).ok_or_else(|| "expected text".to_string()).and_then(|raw| read(&raw)) {
            Ok(value) => *place = value,
            Err(words) => self.wrong(field, words),
        }
        true
    }

    fn tags(&mut self) -> Option<Vec<String>> {
        let names: Option<Vec<&str>> = match self.given.get("tags")? {
            Value::Null => Some(Vec::new()),
            Value::Array(names) => names.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let cleaned = names
            .ok_or_else(|| "expected a list of names".to_string())
            .and_then(|names| names.into_iter().map(Tag::clean).collect::<Result<Vec<_>, _>>());
        cleaned.map_err(|words| self.wrong("tags", words)).ok()
    }

    fn custom(&mut self, fields: &[CustomField]) -> Vec<(CustomField, Option<Stored>)> {
        let mut read = Vec::new();
        let Some(json) = self.given.get("custom") else { return read };
        let Value::Object(given) = json else {
            self.wrong("custom", "expected an object, for example {\"plan\": \"pro\"}");
            return read;
        };
        for (key, json) in given {
            let found = match fields.iter().find(|field| field.key == *key) {
                Some(field) => values::typed(json)
                    .ok_or_else(|| "expected text, a number, true or false".to_string())
                    .and_then(|raw| field.clean(&raw))
                    .map(|value| (field.clone(), value)),
                None => {
                    let keys = fields.iter().map(|field| field.key.as_str());
                    Err(unknown("there is no such custom field", nearest(key, keys)))
                }
            };
            match found {
                Ok(value) => read.push(value),
                Err(words) => self.wrong(format!("custom.{key}"), words),
            }
        }
        read
    }

    fn refuse_unknown(&mut self) {
        for key in self.given.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
            match COUNTED.contains(&key.as_str()) {
                true => self.wrong(key, "it is read, not written"),
                false => self.wrong(key, unknown("there is no such field", nearest(key, KNOWN))),
            }
        }
    }
}

fn unknown(words: &str, near: Option<&str>) -> String {
    near.map_or_else(|| words.to_string(), |near| format!("{words}. Did you mean {near}?"))
}
