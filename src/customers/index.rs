//! The list of customers: the question, its builder, who matches; as an address says it, or as a view keeps it.

use super::changing::{self, Changing};
use super::columns::Columns;
use super::list::{List, Page, ROWS, Sort};
use super::picker::{Choice, Picker};
use super::table::{Table, Wish};
use crate::agents::{Caller, Right};
use crate::custom_fields::CustomField;
use crate::db::{Conn, Db};
use crate::exports;
use crate::filters::builder::{self, Builder};
use crate::filters::fields::Fields;
use crate::filters::sentence::Bit;
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{self, Filter, stored};
use crate::segments::Segment;
use crate::views::View;
use crate::web::{self, Chrome, Error, Htmx, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;

/// What the address of the list says.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// The text form, `~KEY`, or JSON.
    filter: String,
    /// Fields, `-` before descending ones.
    sort: String,
    columns: Choice,
    /// The view that was opened, whatever was changed since.
    view: Option<String>,
    /// The segment that what is asked is a change of.
    change: changing::Asked,
    cursor: Option<String>,
    /// Columns of the view that are there no more.
    missing: Vec<String>,
}

impl Asked {
    fn of(pairs: &[(String, String)]) -> Asked {
        let last = |name: &str| pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        Asked {
            filter: last("filter").unwrap_or_default(),
            sort: last("sort").unwrap_or_default(),
            columns: Choice::of(pairs),
            view: last("view").filter(|view| !view.is_empty()),
            change: changing::Asked {
                segment: last("segment").unwrap_or_default(),
                since: last("since").unwrap_or_default(),
            },
            cursor: last("cursor"),
            missing: Vec::new(),
        }
    }

    /// A view and nothing else: what it shows is what is asked.
    fn opens_a_view(&self) -> bool {
        self.view.is_some() && self.filter.is_empty() && self.sort.is_empty() && self.columns.is_empty()
    }

    /// What is kept when the filter is spelled another way.
    fn carried(&self) -> [(&str, &str); 5] {
        let view = self.view.as_deref().unwrap_or_default();
        let [segment, since] = self.change.carried();
        [("sort", &self.sort), ("columns", self.columns.words()), ("view", view), segment, since]
    }

    fn view(&self, caller: &Caller, conn: &mut Conn) -> Result<Option<View>, Error> {
        match self.view.as_ref().and_then(|id| id.parse().ok()) {
            Some(id) => Ok(View::find(id, caller, conn)?),
            None => Ok(None),
        }
    }

    fn opened(self, caller: &Caller, conn: &mut Conn) -> Result<Asked, Error> {
        let view = self.view(caller, conn)?.ok_or(Error::NotFound("view"))?;
        let clock = Workspace::load(conn)?.clock();
        let filter = match view.filter(conn, &clock)? {
            Ok(filter) => filter.text(),
            // It is shown as it was kept, with what is wrong under it.
            Err(_) => view.filter.clone(),
        };
        let (columns, missing) = Columns::known(&view.shown, &CustomField::all(conn)?);
        let sort = Sort::kept(&view.sort).spell();
        Ok(Asked { filter, sort, columns: Choice::spelled(&columns.spell()), missing, ..self })
    }
}

#[derive(Template)]
#[template(path = "customers/index.html", blocks = ["answer"])]
struct IndexPage {
    chrome: Chrome,
    answer: Answer,
}

impl IndexPage {
    /// What it shows is a view, a segment as it may become, or whatever was asked.
    fn title(&self) -> String {
        match (&self.answer.changing, &self.answer.view) {
            (Some(changing), _) => format!("Changing {}", changing.segment.name),
            (None, Some(opened)) => opened.view.name.clone(),
            (None, None) => "Customers".into(),
        }
    }
}

/// Who matches, in words, as a number and as rows.
struct Answer {
    builder: Builder,
    sentence: Vec<Bit>,
    total: i64,
    everybody: i64,
    table: Table,
    picker: Picker,
    /// The text form, for what is done with all who match.
    filter: String,
    /// The same as short as an address spells it.
    spelled: String,
    /// Order and columns, for the view they may become.
    sort: String,
    columns: String,
    /// This very list, the same without a filter, and as a file.
    address: String,
    cleared: String,
    export: String,
    /// The columns that a file of these has.
    exported: String,
    /// Why nobody is selected: rows in error, or text that cannot be read.
    broken: bool,
    unread: bool,
    /// Static segments that the ticked ones may join.
    segments: Vec<Segment>,
    /// Dynamic ones that may ask this from now on.
    dynamic: Vec<Segment>,
    may_share: bool,
    view: Option<Opened>,
    changing: Option<Changing>,
    /// The segment that was changed is there no more, or is not this person's to change.
    gone: bool,
    missing: Vec<String>,
}

/// The view this list began as.
struct Opened {
    view: View,
    changed: bool,
    may_change: bool,
}

impl Answer {
    /// A filter that could be asked and asks something.
    fn can_be_saved(&self) -> bool {
        self.changing.is_none() && !self.broken && !self.builder.is_empty()
    }
}

/// `GET /customers`.
pub async fn index(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    pairs: Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Error> {
    let mut asked = Asked::of(&pairs);
    if asked.opens_a_view() {
        let caller = caller.clone();
        asked = db.read(move |conn| asked.opened(&caller, conn)).await?;
    }
    if asked.change.begins() {
        return Ok(see_other(&asked.change.beginning(&asked.filter, &caller, &db).await?));
    }
    // The links of the page repeat its filter, and what is too long for an address cannot be followed.
    if stored::is_long(&asked.filter) {
        let spelling = asked.filter.clone();
        if let Ok(rule) = db.read(move |conn| Ok::<_, Error>(stored::open(&spelling, conn)?)).await? {
            return Ok(see_other(&filters::pages::address(&db, &rule, &asked.carried()).await?));
        }
    }
    let picked = asked.columns.picked;
    let answer = sets.read(move |at| answer(&asked, &caller, at)).await?;
    // The form of the picker says at length what an address says in a word.
    if picked && !htmx.is_fragment() {
        return Ok(see_other(&answer.address));
    }
    let status = if answer.unread { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let address = answer.address.clone();
    let page = IndexPage { chrome, answer };
    let mut shown = htmx.show_as(status, &page, page.as_answer())?;
    if picked {
        web::htmx::push(&mut shown, &address);
    }
    Ok(shown)
}

fn answer(asked: &Asked, caller: &Caller, at: &mut Snapshot) -> Result<Answer, Error> {
    let workspace = Workspace::load(at)?;
    let clock = workspace.clock();
    let page = Sort::asked(&asked.sort).and_then(|sort| Page::read(sort, asked.cursor.as_deref(), ROWS));
    let page = page.map_err(Error::Unprocessable)?;
    let fields = CustomField::all(at)?;
    let columns = asked.columns.columns(&fields).map_err(Error::Unprocessable)?;
    let view = asked.view(caller, at)?;
    let changed = asked.change.segment(caller, at)?;
    // The address keeps the filter as it was asked for: `~KEY` stays short. A view alone would be opened afresh.
    let spelled = asked.filter.as_str();
    let order = if view.is_some() { page.sort.spell() } else { asked.sort.clone() };
    let (shown, id) = (columns.spell(), view.as_ref().map(|view| view.id.to_string()).unwrap_or_default());
    let (filter, builder) = match stored::open(&asked.filter, at)? {
        Ok(rule) => {
            // A segment may not ask for itself, by whatever way round.
            let of = changed.as_ref().map(|segment| segment.id);
            let filter = Filter::check_of(&rule, of, at, &clock)?;
            let builder = Builder::of(&filter, &order, at)?;
            (Some(filter), builder)
        }
        Err(mistake) => (None, Builder::mistaken(spelled, &mistake, &order, &Fields::load(at)?)),
    };
    let list = match &filter {
        Some(filter) => List::load(filter, &page, at)?.showing(&filter.tags()),
        None => List { rows: Vec::new(), total: 0, next: None, previous: None, from: 0 },
    };
    let [segment, since] = asked.change.carried();
    let carried = [("columns", shown.as_str()), ("view", id.as_str()), segment, since];
    let builder = builder.carrying(&carried);
    let carried = [&[("filter", spelled)], &carried[..]].concat();
    let pick = changed.is_none();
    let wish = Wish { columns: &columns, workspace: &workspace, clock: &clock, target: "#answer", pick };
    let link = |changes: &[(&str, &str)]| web::address("/customers", &[&carried[..], changes].concat());
    let table = Table::of(list, &page, &wish, link, at)?;
    let mut beside = vec![("filter", spelled.into()), ("sort", asked.sort.clone()), ("view", id.clone())];
    beside.extend([segment, since].map(|(name, value)| (name, value.to_string())));
    let gone = changed.is_none() && !asked.change.segment.is_empty();
    let changing = match changed {
        Some(segment) => Some(asked.change.look(segment, filter.as_ref(), at)?),
        None => None,
    };
    let view = match view {
        Some(view) => Some(Opened {
            changed: !view.shows(filter.as_ref(), &columns, &page.sort, at, &clock)?,
            may_change: view.may_change(caller),
            view,
        }),
        None => None,
    };
    Ok(Answer {
        sentence: filter.as_ref().map(builder::sentence).unwrap_or_default(),
        total: table.total,
        everybody: at.everyone(clock.stamp())?.len() as i64,
        picker: Picker::of(&columns, &fields, "/customers", beside, "#answer", asked.columns.steps()),
        address: link(&[("sort", &asked.sort)]),
        cleared: web::address("/customers", &[("columns", &shown), ("sort", &asked.sort), segment, since]),
        export: web::address("/customers/export", &[("filter", spelled), ("columns", &exported(&columns, &fields))]),
        exported: exported(&columns, &fields),
        spelled: spelled.to_string(),
        broken: filter.as_ref().is_none_or(|filter| !filter.problems().is_empty()),
        unread: filter.is_none(),
        filter: filter.map(|filter| filter.text()).unwrap_or_default(),
        sort: page.sort.spell(),
        columns: shown,
        segments: Segment::joinable(caller, at)?,
        dynamic: Segment::adaptable(caller, at)?,
        may_share: caller.may(Right::ShareSegments),
        missing: asked.missing.clone(),
        view,
        changing,
        gone,
        builder,
        table,
    })
}

/// The columns somebody chose, as far as a file can have them; empty is all it can.
fn exported(columns: &Columns, fields: &[CustomField]) -> String {
    let mut keys = if columns.chosen() { columns.keys() } else { Vec::new() };
    keys.retain(|key| exports::Columns::parse([key.as_str()], fields).is_ok());
    keys.join(",")
}
