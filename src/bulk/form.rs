//! What somebody asks for, by form or as JSON: to whom, what, and whether that makes sense.

use super::fields::Own;
use super::what::{Field, Kind, Named, What};
use crate::agents::{Caller, Mistakes, Right};
use crate::custom_fields::{CustomField, Value};
use crate::db::Conn;
use crate::filters::whom::{MOST_TICKED, Whom};
use crate::fold::key;
use crate::segments::{self, Segment, Wish};
use crate::tags::Tag;
use crate::web::{Error, thousands};
use crate::workspace::{Clock, Workspace};
use diesel::prelude::*;

/// Over so many, a deletion wants the number typed.
const UNHEARD: i64 = 100;
/// More tags at once are a slip.
const MOST_TAGS: usize = 50;

/// Everything the page of an action is made of, and its form sends.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: Kind,
    pub ticked: Vec<i64>,
    /// All who match are meant, not the ticked ones.
    pub all: bool,
    /// As an address spells it.
    pub filter: String,
    /// The list one came from.
    pub back: String,
    pub tags: Vec<String>,
    pub field: String,
    pub value: String,
    pub clear: bool,
    /// The id of a static segment, or `new`.
    pub segment: String,
    pub segment_name: String,
    /// The number that was typed to be sure.
    pub sure: String,
    /// How many the page showed.
    pub shown: Option<i64>,
}

impl Asked {
    /// For an action; whoever may not do it is refused.
    pub fn of(kind: Kind, caller: &Caller) -> Result<Asked, Error> {
        match kind.right().filter(|right| !caller.may(*right)) {
            Some(right) => Err(right.refusal()),
            None => Ok(Asked {
                kind,
                ticked: Vec::new(),
                all: false,
                filter: String::new(),
                back: "/customers".into(),
                tags: Vec::new(),
                field: String::new(),
                value: String::new(),
                clear: false,
                segment: String::new(),
                segment_name: String::new(),
                sure: String::new(),
                shown: None,
            }),
        }
    }

    pub fn read(pairs: &[(String, String)], caller: &Caller) -> Result<Asked, Error> {
        let value = |name: &str| pairs.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str());
        let all = |name: &'static str| pairs.iter().filter(move |(found, _)| found == name).map(|(_, value)| value);
        let kind = Kind::parse(value("do"))
            .ok_or_else(|| Error::Unprocessable("Choose what to do with the customers first.".into()))?;
        let mut tags: Vec<String> = Vec::new();
        for name in all("tag").chain(all("name")).map(|name| name.trim()).filter(|name| !name.is_empty()) {
            if key(name) != key(value("drop")) && !tags.iter().any(|known| key(known) == key(name)) {
                tags.push(name.into());
            }
        }
        let asked = Asked::of(kind, caller)?;
        Ok(Asked {
            ticked: all("id").filter_map(|id| id.parse().ok()).collect(),
            all: !value("all").is_empty(),
            filter: value("filter").into(),
            back: crate::web::same_site(value("back")).unwrap_or("/customers").into(),
            tags,
            field: value("field").into(),
            value: value("value").into(),
            clear: !value("clear").is_empty(),
            segment: value("segment").into(),
            segment_name: value("segment_name").into(),
            sure: value("sure").into(),
            shown: value("shown").parse().ok(),
            ..asked
        })
    }

    pub fn whom(&self, conn: &mut Conn, clock: &Clock) -> Result<Whom, Error> {
        if self.all {
            return Whom::matching(&self.filter, conn, clock);
        }
        if self.ticked.len() > MOST_TICKED {
            let most = thousands(&(MOST_TICKED as i64));
            return Err(Error::Unprocessable(format!("No more than {most} can be named one by one; use a filter.")));
        }
        match Whom::ticked(self.ticked.iter().copied()) {
            Whom::Ticked(ids) if ids.is_empty() => Err(Error::Unprocessable("Tick some customers first.".into())),
            whom => Ok(whom),
        }
    }

    /// What is to be done to `total` customers, or what is wrong with it. Makes the tags and the segment that it names
    /// and that are not there.
    pub fn what(
        &self,
        total: i64,
        caller: &Caller,
        workspace: &Workspace,
        conn: &mut Conn,
    ) -> Result<Result<What, Mistakes>, Error> {
        Ok(match self.kind {
            Kind::AddTags | Kind::RemoveTags | Kind::ReplaceTags => self.tags(workspace, conn)?,
            Kind::SetField => self.field(workspace, conn)?,
            Kind::AddToSegment => self.segment(caller, workspace, conn)?,
            Kind::Delete => self.surely(total),
        })
    }

    fn tags(&self, workspace: &Workspace, conn: &mut Conn) -> QueryResult<Result<What, Mistakes>> {
        let wrong = |words: String| Ok(Err(Mistakes::one("tags", words)));
        if self.tags.is_empty() {
            return wrong("Choose a tag first: type its name and press Enter.".into());
        }
        if self.tags.len() > MOST_TAGS {
            return wrong(format!("{MOST_TAGS} tags at once are the most."));
        }
        let mut names = Vec::new();
        for name in &self.tags {
            match Tag::clean(name) {
                Ok(name) => names.push(name),
                Err(words) => return wrong(words),
            }
        }
        let mut tags = Vec::new();
        for name in &names {
            let found = Tag::find(name, conn)?;
            if found.is_none() && self.kind == Kind::RemoveTags {
                return wrong(format!("There is no tag {name}: nobody carries it."));
            }
            tags.push(found);
        }
        if self.kind != Kind::RemoveTags
            && let Some(words) = of_one_family(tags.iter().flatten(), conn)?
        {
            return wrong(words);
        }
        let at = workspace.clock().stamp();
        let mut named: Vec<Named> = Vec::new();
        for (found, name) in tags.into_iter().zip(&names) {
            let tag = match found {
                Some(tag) => tag,
                None => Tag::find_or_create(name, conn, at)?.0,
            };
            if !named.iter().any(|known| known.id == tag.id) {
                named.push(Named { id: tag.id, name: tag.name });
            }
        }
        Ok(Ok(match self.kind {
            Kind::RemoveTags => What::RemoveTags { tags: named },
            Kind::ReplaceTags => What::ReplaceTags { tags: named },
            _ => What::AddTags { tags: named },
        }))
    }

    fn field(&self, workspace: &Workspace, conn: &mut Conn) -> QueryResult<Result<What, Mistakes>> {
        let wrong = |part: &'static str, words: String| Ok(Err(Mistakes::one(part, words)));
        let custom = CustomField::all(conn)?.into_iter().find(|field| field.name() == self.field);
        let (field, cleaned) = match (custom, Own::find(&self.field)) {
            (Some(custom), _) => {
                let field = Field { key: custom.name(), label: custom.label.clone(), custom: Some(custom.id) };
                let spoken = |value: Value| {
                    let spoken = custom.spoken(&value.text);
                    (value, spoken)
                };
                (field, custom.clean(&self.value).map(|value| value.map(spoken)))
            }
            (None, Some(own)) => {
                let field = Field { key: own.key().into(), label: own.label().into(), custom: None };
                if self.clear && own == Own::Since {
                    return wrong("value", "Everybody became a customer some day: set another one.".into());
                }
                (field, if self.clear { Ok(None) } else { own.clean(&self.value, workspace) })
            }
            (None, None) if self.field.is_empty() => return wrong("field", "Choose a field first.".into()),
            (None, None) => return wrong("field", format!("There is no field {} that can be set.", self.field)),
        };
        if self.clear {
            return Ok(Ok(What::SetField { field, to: None, spoken: String::new() }));
        }
        match cleaned {
            Ok(Some((value, spoken))) => Ok(Ok(What::SetField { field, to: Some(value), spoken })),
            Ok(None) => wrong("value", "Type a value, or tick that the field is to be cleared.".into()),
            Err(words) => wrong("value", words),
        }
    }

    fn segment(
        &self,
        caller: &Caller,
        workspace: &Workspace,
        conn: &mut Conn,
    ) -> Result<Result<What, Mistakes>, Error> {
        let into = |segment: Segment| {
            let named = Named { id: segment.id, name: segment.name };
            Ok(Ok(What::AddToSegment { segment: named, private: segment.private }))
        };
        let wrong = |part: &'static str, words: String| Ok(Err(Mistakes::one(part, words)));
        if let Ok(id) = self.segment.parse::<i64>() {
            return match Segment::find(id, caller, conn)? {
                Some(segment) if segment.is_dynamic() => {
                    wrong("segment", "A dynamic segment has no members of its own: change its filter instead.".into())
                }
                Some(segment) if segment.may_change(caller) => into(segment),
                _ => wrong("segment", "There is no such segment.".into()),
            };
        }
        let private = !caller.may(Right::ShareSegments);
        let wish = Wish { name: self.segment_name.clone(), kind: segments::Kind::Static, rule: None, private };
        match Segment::create(&wish, caller, conn, &workspace.clock()) {
            Ok(segment) => into(segment),
            Err(segments::Problem::Name(words)) => wrong("segment_name", words),
            Err(segments::Problem::Failed(trouble)) => Err(trouble.into()),
            Err(other) => wrong("segment", other.to_string()),
        }
    }

    /// Deleting many wants the number typed, as it is at the start.
    fn surely(&self, total: i64) -> Result<What, Mistakes> {
        let typed: String = self.sure.chars().filter(char::is_ascii_digit).collect();
        match total {
            ..=UNHEARD => Ok(What::Delete),
            total if typed.parse() == Ok(total) => Ok(What::Delete),
            total => {
                let words = match self.shown.is_some_and(|shown| shown != total) {
                    true => format!("It is {} by now. Type that number to delete them.", thousands(&total)),
                    false => format!("Type {} to delete them.", thousands(&total)),
                };
                Err(Mistakes::one("sure", words))
            }
        }
    }

    /// The number of customers has to be typed.
    pub fn wants_the_number(&self, total: i64) -> bool {
        self.kind == Kind::Delete && total > UNHEARD
    }
}

/// Two of the tags are of one family, of which a customer carries one at most: says so.
fn of_one_family<'a>(all: impl Iterator<Item = &'a Tag>, conn: &mut Conn) -> QueryResult<Option<String>> {
    use crate::db::schema::tags;
    let ids: Vec<i64> = all.map(|tag| tag.id).collect();
    let rows: Vec<(String, Option<i64>)> = tags::table
        .filter(tags::id.eq_any(ids))
        .filter(tags::family_id.is_not_null())
        .order(tags::name_folded)
        .select((tags::name, tags::family_id))
        .load(conn)?;
    for (place, (name, family)) in rows.iter().enumerate() {
        if let Some((other, _)) = rows[..place].iter().find(|(_, of)| of == family) {
            return Ok(Some(format!("{other} and {name} are of one family: a customer carries one of them at most.")));
        }
    }
    Ok(None)
}
