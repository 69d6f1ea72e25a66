//! The JSON form: what the API and the database hold (SPEC 2.4). Tags, segments and campaigns go by id; names are
//! accepted on input.

use super::Mistake;
use super::campaigns;
use super::fields::{Fields, Scope, nearest};
use super::operators::{Input, Operator, Piece};
use super::rule::{Condition, Join, Part, Rule, Term, Unit};
use serde_json::{Map, Value, json};

fn mistake(message: impl Into<String>, suggestion: Option<&str>) -> Mistake {
    Mistake { position: 0, message: message.into(), suggestion: suggestion.map(str::to_string) }
}

/// Reads `{"all":[…]}`, `{"any":[…]}`, `{"none":[…]}` and `{"field":…,"op":…,"value":…}`.
pub fn read(json: &Value, fields: &Fields) -> Result<Rule, Mistake> {
    let reader = Reader { fields, scope: Scope::Customer };
    reader.node(json, 0).map(Rule::rooted)
}

struct Reader<'a> {
    fields: &'a Fields,
    /// Whose fields are read here.
    scope: Scope,
}

impl Reader<'_> {
    fn node(&self, json: &Value, depth: usize) -> Result<Rule, Mistake> {
        let Value::Object(object) = json else {
            return Err(mistake("expected an object: a group such as {\"all\": […]} or a condition", None));
        };
        if depth > 64 {
            return Err(mistake("groups are nested too deeply", None));
        }
        for join in Join::EACH {
            let Some(rows) = object.get(join.key()) else { continue };
            if object.len() != 1 {
                return Err(mistake(format!("a group has one key; beside \"{}\" there are others", join.key()), None));
            }
            let Value::Array(rows) = rows else {
                return Err(mistake(format!("\"{}\" needs a list of conditions and groups", join.key()), None));
            };
            return Ok(Rule::Group(join, rows.iter().map(|row| self.node(row, depth + 1)).collect::<Result<_, _>>()?));
        }
        self.condition(object, depth).map(Rule::Where)
    }

    fn condition(&self, object: &Map<String, Value>, depth: usize) -> Result<Condition, Mistake> {
        if let Some(unknown) = object.keys().find(|key| !matches!(key.as_str(), "field" | "op" | "value")) {
            return Err(mistake(format!("a condition has \"field\", \"op\" and \"value\", not \"{unknown}\""), None));
        }
        let Some(Value::String(name)) = object.get("field") else {
            return Err(mistake("a condition needs a \"field\"", None));
        };
        let Some(field) = self.fields.find(self.scope, name).cloned() else {
            let whose = if self.scope == Scope::Purchase { "a purchase has no field" } else { "there is no field" };
            return Err(mistake(format!("{whose} {name}"), self.fields.nearest(self.scope, name).as_deref()));
        };
        let op = match object.get("op") {
            Some(Value::String(op)) => op.as_str(),
            // `{"field":"everyone"}` has nothing to choose from.
            None if Operator::of(&field).count() == 1 => Operator::of(&field).next().map(|o| o.key).unwrap_or_default(),
            _ => return Err(mistake(format!("the condition on {} needs an \"op\"", field.key), None)),
        };
        let Some(operator) = Operator::find(&field, op) else {
            let near = nearest(op, Operator::of(&field).map(|operator| operator.key));
            return Err(mistake(format!("{} has no operator {op}", field.key), near));
        };
        let value = object.get("value").unwrap_or(&Value::Null);
        let holes: Vec<&Piece> = operator.holes().collect();
        let named = holes.len() > 1 || operator.pattern.contains(&Piece::Days);
        let at = |index: usize, name: &str| -> &Value {
            match value {
                Value::Object(parts) if named => parts.get(name).unwrap_or(&Value::Null),
                Value::Array(list) if named => list.get(index).unwrap_or(&Value::Null),
                other if !named || holes.len() == 1 => other,
                _ => &Value::Null,
            }
        };
        let wrong = |what: &str| mistake(format!("{} {op} needs {what} as its value", field.key), None);
        let mut parts = Vec::new();
        for (index, hole) in holes.iter().enumerate() {
            parts.push(match hole {
                Piece::One(name, input) => match at(index, name) {
                    Value::Null => Part::One(None),
                    Value::String(word) if *input == Input::Campaign && campaigns::is_any(word) => Part::Any,
                    Value::Array(list) if list.len() == 1 => {
                        Part::One(Some(term(&list[0], *input).ok_or_else(|| wrong("one value"))?))
                    }
                    value => Part::One(Some(term(value, *input).ok_or_else(|| wrong("one value"))?)),
                },
                Piece::Many(input) => match at(index, "value") {
                    Value::Null => Part::Many(Vec::new()),
                    Value::Array(list) => {
                        let terms: Option<_> = list.iter().map(|item| term(item, *input)).collect();
                        Part::Many(terms.ok_or_else(|| wrong("a list of values"))?)
                    }
                    value => Part::Many(vec![term(value, *input).ok_or_else(|| wrong("a list of values"))?]),
                },
                Piece::Unit => match at(index, "unit").as_str().map(Unit::parse) {
                    Some(Some(unit)) => Part::Unit(unit),
                    _ => return Err(wrong("a unit (minutes, hours, days, weeks, months, years)")),
                },
                Piece::Word(list) => match at(index, "by").as_str() {
                    Some(word) => match list.iter().find(|known| known.eq_ignore_ascii_case(word)) {
                        Some(known) => Part::Word(known),
                        None => return Err(wrong(&list.join(", "))),
                    },
                    None => return Err(wrong(&list.join(", "))),
                },
                Piece::Inner => match value {
                    Value::Null => Part::Inner(Box::default()),
                    inner => {
                        let reader = Reader { scope: Scope::Purchase, ..*self };
                        Part::Inner(Box::new(reader.node(inner, depth + 1)?.rooted()))
                    }
                },
                Piece::Words(_) | Piece::Days => continue,
            });
        }
        Ok(Condition { field, op: operator.key.into(), parts })
    }
}

/// A value: text as it is; a number is an id where a tag or segment is meant and text elsewhere.
fn term(json: &Value, input: Input) -> Option<Term> {
    match json {
        // No value holds a NUL, and one of the databases cannot be asked for it.
        Value::String(text) if text.contains('\0') => None,
        Value::String(text) => Some(Term::text(text.clone())),
        Value::Number(number) => Some(match (input, number.as_i64()) {
            (Input::Tag | Input::Segment | Input::Campaign | Input::Agent, Some(id)) => {
                Term { text: String::new(), id: Some(id) }
            }
            _ => Term::text(number.to_string()),
        }),
        // So is written one that is called any.
        Value::Object(object) if input == Input::Campaign && object.len() == 1 => term(object.get("campaign")?, input),
        Value::Bool(answer) => Some(Term::text(answer.to_string())),
        _ => None,
    }
}

/// Prints the JSON form.
pub fn write(rule: &Rule) -> Value {
    match rule {
        Rule::Group(join, rows) => json!({ join.key(): rows.iter().map(write).collect::<Vec<_>>() }),
        Rule::Where(condition) => {
            let mut object = Map::new();
            object.insert("field".into(), condition.field.key.clone().into());
            let operator = Operator::find(&condition.field, &condition.op);
            if operator.is_none_or(|operator| !operator.pattern.is_empty()) {
                object.insert("op".into(), condition.op.clone().into());
            }
            if let Some(value) = operator.and_then(|operator| value(operator, &condition.parts)) {
                object.insert("value".into(), value);
            }
            Value::Object(object)
        }
    }
}

fn value(operator: &Operator, parts: &[Part]) -> Option<Value> {
    let holes: Vec<&Piece> = operator.holes().collect();
    let days = operator.pattern.contains(&Piece::Days);
    let spelled = |piece: &Piece, part: &Part| match (piece, part) {
        (Piece::One(_, Input::Number), Part::One(Some(term))) => {
            // A number only where it says all that was typed: `007` stays text, so that the tree stays the same.
            let number = term.text.parse::<u32>().ok().filter(|number| number.to_string() == term.text);
            number.map_or_else(|| term.text.clone().into(), Value::from)
        }
        (Piece::One(_, Input::Campaign), Part::One(Some(term)))
            if term.id.is_none() && campaigns::is_any(&term.text) =>
        {
            json!({ "campaign": term.text })
        }
        (_, Part::One(Some(term))) => reference(term),
        (_, Part::Any) => campaigns::ANY.into(),
        (_, Part::One(None)) => Value::Null,
        (_, Part::Many(terms)) if terms.is_empty() => Value::Null,
        (_, Part::Many(terms)) => terms.iter().map(reference).collect(),
        (_, Part::Unit(unit)) => unit.key().into(),
        (_, Part::Word(word)) => (*word).into(),
        (_, Part::Inner(rule)) => write(rule),
    };
    match (holes.as_slice(), parts) {
        ([], _) => None,
        ([hole], [part]) if !days => Some(spelled(hole, part)),
        (holes, parts) => {
            let mut object = Map::new();
            for (hole, part) in holes.iter().zip(parts) {
                let name = match hole {
                    Piece::One(name, _) => name,
                    Piece::Unit => "unit",
                    Piece::Word(_) => "by",
                    _ => "value",
                };
                object.insert(name.into(), spelled(hole, part));
            }
            if days {
                object.insert("unit".into(), "days".into());
            }
            match (object.remove("from"), object.remove("to")) {
                (Some(from), Some(to)) => Some(json!([from, to])),
                _ => Some(Value::Object(object)),
            }
        }
    }
}

fn reference(term: &Term) -> Value {
    match term.id {
        Some(id) => id.into(),
        None => term.text.clone().into(),
    }
}
