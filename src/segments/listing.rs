//! `/segments/list`: members from a pasted list or a file of keys, into a static segment, new or not.

use super::keys::{self, By, Keys, Line, Meant};
use super::pages::changeable;
use super::{Kind, Origin, Problem, Segment, Wish, members, sizes};
use crate::agents::{Caller, Right};
use crate::db::{Conn, Db, Trouble};
use crate::filters::sets::Sets;
use crate::web::{self, Chrome, Error};
use crate::workspace::Workspace;
use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use futures_util::StreamExt;
use serde::Deserialize;
use std::collections::HashMap;

/// The largest form, in bytes.
const LARGEST: usize = 8 << 20;

#[derive(Template)]
#[template(path = "segments/list.html")]
struct ListPage {
    chrome: Chrome,
    typed: Typed,
    /// The static segments there are to add to.
    segments: Vec<Segment>,
    may_share: bool,
    name_problem: Option<String>,
    list_problem: Option<String>,
}

/// What the form says.
#[derive(Clone, Default)]
struct Typed {
    segment: Option<i64>,
    name: String,
    private: bool,
    by: String,
    list: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    segment: Option<i64>,
}

/// `GET /segments/list?segment=7`
pub async fn new(db: Data<Db>, chrome: Chrome, caller: Caller, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let typed = Typed { segment: asked.segment, by: By::Any.key().into(), ..Typed::default() };
    web::show(&ListPage::of(&db, chrome, caller, typed).await?)
}

impl ListPage {
    async fn of(db: &Db, chrome: Chrome, caller: Caller, typed: Typed) -> Result<ListPage, Error> {
        let may_share = caller.may(Right::ShareSegments);
        let segments = db.read(move |conn| Ok::<_, Error>(Segment::joinable(&caller, conn)?)).await?;
        Ok(ListPage { chrome, typed, segments, may_share, name_problem: None, list_problem: None })
    }

    fn chosen(&self, segment: &Segment) -> bool {
        self.typed.segment == Some(segment.id)
    }
}

/// The fields of the form, a file's bytes among them.
async fn fields(mut form: Multipart) -> Result<HashMap<String, Vec<u8>>, String> {
    let mut fields = HashMap::new();
    let mut size = 0;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|_| "The form was interrupted. Try again.")?;
        let name = field.name().unwrap_or_default().to_string();
        let mut bytes = Vec::new();
        while let Some(piece) = field.next().await {
            let piece = piece.map_err(|_| "The upload was interrupted. Try again.")?;
            size += piece.len();
            // What is too much is read to its end and dropped, or the browser would show a broken connection.
            if size <= LARGEST {
                bytes.extend_from_slice(&piece);
            } else if size > 8 * LARGEST {
                break;
            }
        }
        fields.insert(name, bytes);
    }
    match size > LARGEST {
        true => Err(format!("This list is larger than {} MiB. Divide it into several.", LARGEST >> 20)),
        false => Ok(fields),
    }
}

impl Typed {
    fn of(fields: &HashMap<String, Vec<u8>>, may_share: bool) -> Typed {
        let text = |name: &str| fields.get(name).map(|bytes| keys::decode(bytes)).unwrap_or_default();
        let (list, file) = (text("list"), text("file"));
        Typed {
            segment: text("segment").parse().ok(),
            name: text("name"),
            private: !may_share || !text("private").is_empty(),
            by: text("by"),
            // Both may be given: the file follows what was pasted.
            list: match (list.trim().is_empty(), file.trim().is_empty()) {
                (_, true) => list,
                (true, false) => file,
                (false, false) => format!("{}\n{file}", list.trim_end()),
            },
        }
    }
}

/// How it went.
struct Done {
    segment: Segment,
    keys: Keys,
    meant: Meant,
    added: members::Added,
}

/// Why nobody was added.
enum Refused {
    Name(String),
    List(String),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Failed(error)
    }
}
impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Refused::Failed(trouble.into())
    }
}
impl From<diesel::result::Error> for Refused {
    fn from(error: diesel::result::Error) -> Self {
        Refused::Failed(error.into())
    }
}

fn refused(problem: Problem) -> Refused {
    match problem {
        Problem::Failed(error) => Refused::Failed(error.into()),
        Problem::Name(words) => Refused::Name(words),
        other => Refused::List(other.to_string()),
    }
}

/// Whom the list means. A long one takes a while, and nobody has to wait with writing for that.
fn look_up(typed: &Typed, conn: &mut Conn) -> Result<(Keys, Meant), Refused> {
    let keys = Keys::read(&typed.list, By::parse(&typed.by)).map_err(Refused::List)?;
    let meant = keys::look_up(&keys, &Workspace::load(conn)?, conn)?;
    Ok((keys, meant))
}

fn add(keys: Keys, meant: Meant, typed: &Typed, caller: &Caller, conn: &mut Conn) -> Result<Done, Refused> {
    let clock = Workspace::load(conn)?.clock();
    let segment = match typed.segment {
        Some(id) => changeable(id, caller, conn)?,
        None if meant.found.is_empty() => {
            let words = "No line of this list is a customer, so there is nobody to begin a segment with.";
            return Err(Refused::List(words.into()));
        }
        None => {
            let wish = Wish { name: typed.name.clone(), kind: Kind::Static, rule: None, private: typed.private };
            let origin = Origin::Keys { lines: keys.lines.len() as i64 };
            Segment::create_from(&wish, Some(origin), caller, conn, &clock).map_err(refused)?
        }
    };
    let added = members::add(&segment, &meant.found, conn, &clock).map_err(refused)?;
    Ok(Done { segment, keys, meant, added })
}

#[derive(Template)]
#[template(path = "segments/listed.html")]
struct ListedPage {
    chrome: Chrome,
    done: Done,
    count: i64,
    /// Those of the list that are to be looked at again, as they were written.
    again: String,
    by: String,
}

/// So many lines are shown one by one; all of them stand in the form below.
const SHOWN: usize = 200;

impl ListedPage {
    fn unknown(&self) -> &[Line] {
        &self.done.meant.unknown[..self.done.meant.unknown.len().min(SHOWN)]
    }

    fn several(&self) -> &[(Line, Vec<i64>)] {
        &self.done.meant.several[..self.done.meant.several.len().min(SHOWN)]
    }

    /// Each outcome with its number of lines; together they are the list.
    fn sum(&self) -> Vec<(&'static str, &'static str, usize)> {
        let Done { meant, added, keys, .. } = &self.done;
        vec![
            ("added", "Added", added.joined as usize),
            ("already", "Already in", added.already as usize),
            ("repeated", "Repeat a line above", meant.repeated),
            ("unknown", "Not found", meant.unknown.len()),
            ("several", "Fit several customers", meant.several.len()),
            ("others", "Blank lines and header", keys.others),
        ]
    }

    fn lines(&self) -> usize {
        self.done.keys.lines.len() + self.done.keys.others
    }
}

/// `POST /segments/list`
pub async fn create(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    form: Multipart,
) -> Result<HttpResponse, Error> {
    let may_share = caller.may(Right::ShareSegments);
    let typed = match fields(form).await {
        Ok(fields) => Typed::of(&fields, may_share),
        Err(words) => {
            let page = ListPage::of(&db, chrome, caller, Typed::default()).await?;
            return web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &ListPage { list_problem: Some(words), ..page });
        }
    };
    let (asked, adder) = (typed.clone(), caller.clone());
    let found = db.read(move |conn| look_up(&asked, conn).map(|(keys, meant)| (keys, meant, asked))).await;
    let done = match found {
        Ok((keys, meant, asked)) => db.write(move |conn| add(keys, meant, &asked, &adder, conn)).await,
        Err(refused) => Err(refused),
    };
    match done {
        Ok(done) => {
            let count = sizes::saved(&done.segment, &sets, &db).await?;
            let left = done.meant.unknown.iter().chain(done.meant.several.iter().map(|(line, _)| line));
            let again = left.map(|line| line.key.as_str()).collect::<Vec<_>>().join("\n");
            let by = done.keys.by.key().to_string();
            web::show(&ListedPage { chrome, done, count, again, by })
        }
        Err(Refused::Failed(error)) => Err(error),
        Err(refused) => {
            let mut page = ListPage::of(&db, chrome, caller, typed).await?;
            match refused {
                Refused::Name(words) => page.name_problem = Some(words),
                Refused::List(words) => page.list_problem = Some(words),
                Refused::Failed(error) => return Err(error),
            }
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
