//! What a browser may ask of imports: upload a file, say what its columns mean, look at what it would do, let it run, stop
//! it, read what came of it, correct what was rejected, take it back.

use super::form::Typed;
use super::plan::Plan;
use super::report::{self, Place, Report};
use super::scratch::Scratch;
use super::upload::{self, Upload};
use super::views::{CheckedPage, IndexPage, MappingPage, NewPage, ReportPage, RunningPage};
use super::{Import, Incoming, State, Subject, corrections, files, preview, work};
use crate::agents::Caller;
use crate::config::Config;
use crate::custom_fields::{CustomField, Problem};
use crate::db::{Conn, Db, Trouble};
use crate::web::{self, Chrome, Error, Htmx};
use crate::workspace::{Clock, Workspace};
use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// `GET /imports`
pub async fn index(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (imports, clock) =
        db.read(|conn| Ok::<_, Error>((Import::list(conn)?, Workspace::load(conn)?.clock()))).await?;
    web::show(&IndexPage { chrome, imports, clock })
}

/// `GET /imports/new`
pub async fn new(config: Data<Config>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (limit, limits) = (config.upload_limit, config.limits);
    web::show(&NewPage { chrome, limit, limits, subject: None, why: None })
}

/// `POST /imports`: the file is kept until it is imported or thrown away.
pub async fn create(
    db: Data<Db>,
    config: Data<Config>,
    caller: Caller,
    chrome: Chrome,
    form: Multipart,
) -> Result<HttpResponse, Error> {
    let (limit, limits) = (config.upload_limit, config.limits);
    let folder = files::folder(&config, &db);
    let again = |why: String, subject: Option<Subject>| {
        let page = NewPage { chrome, limit, limits, subject, why: Some(why) };
        web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let (upload, subject) = upload::receive(form, &folder, limit).await?;
    let (file, name, sha256) = match upload {
        Upload::Received { file, name, sha256 } => (file, name, sha256),
        Upload::Refused(why) => return again(why, subject),
    };
    let fields = known_fields(&db).await?;
    let known = fields.clone();
    let looked = blocking(move || {
        let subject = subject.map_or_else(|| preview::subject(file.path(), &limits), Ok)?;
        let mut plan = Plan { limits, ..Plan::about(subject) };
        preview::look(file.path(), &mut plan, &known).map(|()| (plan, file))
    })
    .await?;
    let (mut plan, file) = match looked {
        Ok(looked) => looked,
        Err(unreadable) => return again(unreadable.to_string(), subject),
    };
    let import = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            if let Some(earlier) = Import::like(&plan, conn)? {
                plan.mean_like(&earlier.plan, &fields);
                plan.meant_like = Some(earlier.file_name);
            }
            let file_of = |path: PathBuf| Incoming { name: name.clone(), sha256: sha256.clone(), path: Some(path) };
            let import = Import::create(&file_of(PathBuf::new()), &plan, &caller, &clock, conn)?;
            let path = files::path(&folder, import.id);
            file.persist(&path).map_err(anyhow::Error::from)?;
            import.lies_at(&path, conn)?;
            Ok::<_, Error>(import)
        })
        .await?;
    Ok(web::see_other(&here(&import)))
}

fn here(import: &Import) -> String {
    format!("/imports/{}", import.id)
}

/// The rejected lines on its page.
fn rejected_of(import: &Import) -> String {
    format!("{}#rejected", here(import))
}

/// Which part of the page is looked at.
#[derive(serde::Deserialize, Default)]
pub struct Asked {
    /// The columns again, after it was tried out.
    #[serde(default)]
    columns: String,
    #[serde(flatten)]
    place: PlaceWords,
}

/// `flatten` hands numbers over as text.
#[derive(serde::Deserialize, Default)]
struct PlaceWords {
    #[serde(default)]
    rejected: String,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    kept: String,
    #[serde(default)]
    changes: String,
}

impl PlaceWords {
    fn read(&self) -> Place {
        let number = |words: &str| words.parse().unwrap_or(0);
        Place {
            rejected: number(&self.rejected),
            notes: number(&self.notes),
            kept: number(&self.kept),
            changes: number(&self.changes),
        }
    }
}

/// `GET /imports/{id}`: the columns to choose, then what it would do, then how far it is, then what came of it.
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let (id, place, columns) = (id.into_inner(), asked.place.read(), !asked.columns.is_empty());
    let (import, clock) = found(&db, id).await?;
    match import.state {
        State::Uploaded => mapping(&db, chrome, htmx, import, None).await,
        State::Checked if columns => mapping(&db, chrome, htmx, import, None).await,
        State::Checking | State::Running | State::Undoing => {
            let page = RunningPage { chrome, import, clock };
            htmx.show(&page, page.as_import())
        }
        State::Checked => checked(&db, chrome, htmx, import, clock, place).await,
        State::Done | State::Failed | State::Cancelled | State::Undone => {
            let (import, clock, report) = db
                .read(move |conn| {
                    let report = Report::load(&import, place, &clock, None, conn)?;
                    Ok::<_, Error>((import, clock, report))
                })
                .await?;
            let page = ReportPage { chrome, import, report, clock };
            htmx.show(&page, page.as_import())
        }
    }
}

async fn found(db: &Db, id: i64) -> Result<(Import, Clock), Error> {
    db.read(move |conn| {
        let import = Import::find(id, conn)?.ok_or(Error::NotFound("import"))?;
        Ok::<_, Error>((import, Workspace::load(conn)?.clock()))
    })
    .await
}

/// What it would do.
async fn checked(
    db: &Db,
    chrome: Chrome,
    htmx: Htmx,
    import: Import,
    clock: Clock,
    place: Place,
) -> Result<HttpResponse, Error> {
    let (import, report) = db
        .read(move |conn| {
            let report = match tried(&import) {
                Some(mut scratch) => Some(Report::load(&import, place, &clock, Some(&mut scratch), conn)?),
                None => None,
            };
            Ok::<_, Error>((import, report))
        })
        .await?;
    let Some(report) = report else {
        let why = "What came of trying it out is not here any more. Check the file again.".to_string();
        return mapping(db, chrome, htmx, import, Some(why)).await;
    };
    let page = CheckedPage { chrome, import, report };
    htmx.show(&page, page.as_import())
}

/// What came of trying it out, if it is here.
fn tried(import: &Import) -> Option<Scratch> {
    let path = files::rehearsal(import.path.as_deref()?);
    if !path.exists() {
        return None;
    }
    let opened = Scratch::open(&path);
    opened.map_err(|error| tracing::error!(%error, "what came of trying an import out cannot be opened")).ok()
}

/// The mapping page, with why it came back.
async fn mapping(
    db: &Db,
    chrome: Chrome,
    htmx: Htmx,
    import: Import,
    why: Option<String>,
) -> Result<HttpResponse, Error> {
    let path = import.path.clone().unwrap_or_default();
    let fields = known_fields(db).await?;
    let plan = import.plan.clone();
    let samples = blocking(move || preview::samples(&path, &plan)).await?;
    let refused = why.is_some();
    let why = why.or_else(|| import.message.clone());
    let (samples, why) = match samples {
        Ok(samples) => (samples, why),
        Err(unreadable) => (Vec::new(), Some(unreadable.to_string())),
    };
    let status = if refused || samples.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = MappingPage { chrome, import, fields, samples, why };
    htmx.show_as(status, &page, page.as_mapping())
}

/// `POST /imports/{id}/reading`: another encoding or delimiter. The columns are proposed afresh.
pub async fn reread(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let mut import = waiting(&db, *id).await?;
    let path = import.path.clone().unwrap_or_default();
    let mut plan = Plan { shape: Typed::read(&body).shape(), meant_like: None, ..import.plan.clone() };
    let fields = known_fields(&db).await?;
    let looked = blocking(move || preview::look(&path, &mut plan, &fields).map(|()| plan)).await?;
    match looked {
        Ok(plan) => {
            import.plan = plan;
            keep(&db, &import).await?;
            Ok(web::see_other(&here(&import)))
        }
        Err(unreadable) => mapping(&db, chrome, htmx, import, Some(unreadable.to_string())).await,
    }
}

/// `POST /imports/{id}/columns`: what was chosen so far is kept, so that leaving the page loses nothing.
pub async fn columns(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let mut import = waiting(&db, *id).await?;
    let before = import.plan.clone();
    Typed::read(&body).apply(&mut import.plan, &known_fields(&db).await?);
    // A choice that arrives after "Check the file" was pressed says what that said already.
    let late = import.state == State::Checking || (import.state == State::Checked && import.plan == before);
    if !late {
        import.message = None;
        let chosen = import.clone();
        db.write(move |conn| Ok::<_, Error>(chosen.keep(conn)?)).await?;
    }
    match htmx.is_fragment() {
        true => mapping(&db, chrome, htmx, import, None).await,
        false => Ok(web::see_other(&here(&import))),
    }
}

/// `POST /imports/{id}/check`: tries it out. A small file is done before the page is drawn.
pub async fn check(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let mut import = waiting(&db, *id).await?;
    let typed = Typed::read(&body);
    let fields = known_fields(&db).await?;
    if typed.has_columns() {
        typed.apply(&mut import.plan, &fields);
    }
    if let Err(why) = sensible(&typed, &import.plan, &fields) {
        keep(&db, &import).await?;
        return mapping(&db, chrome, htmx, import, Some(why)).await;
    }
    tried_again(&db, &import).await?;
    Ok(web::see_other(&here(&import)))
}

/// Keeps the plan and tries it out.
async fn tried_again(db: &Db, import: &Import) -> Result<(), Error> {
    let (id, plan, asked) = (import.id, import.plan.clone(), import.clone());
    db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        if asked.replan(&plan, conn)? {
            asked.check(&clock, conn)?;
        }
        Ok::<_, Error>(())
    })
    .await?;
    begun(db, id).await
}

/// How long whoever asked waits, so that what is over at once is shown at once.
const AT_ONCE: Duration = Duration::from_millis(900);

/// Lets it be worked off, and waits a moment for the end.
async fn begun(db: &Db, id: i64) -> Result<(), Error> {
    let db = db.clone();
    blocking(move || {
        work::begin(id, db.clone());
        let late = Instant::now() + AT_ONCE;
        let is_open =
            |conn: &mut Conn| Ok::<_, Trouble>(Import::find(id, conn)?.is_some_and(|import| import.state.is_open()));
        while Instant::now() < late && db.read_now(is_open)? {
            std::thread::sleep(Duration::from_millis(15));
        }
        Ok::<_, Trouble>(())
    })
    .await?
    .map_err(Error::from)
}

/// `POST /imports/{id}/run`: what was tried out is carried out.
pub async fn run(
    db: Data<Db>,
    caller: Caller,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
) -> Result<HttpResponse, Error> {
    let import = waiting(&db, *id).await?;
    if import.state != State::Checked {
        return Err(Error::Unprocessable("Check the file first: nothing is imported that nobody looked at.".into()));
    }
    let started = match start(&db, &import, caller).await {
        Ok(started) => started,
        Err(Halt::Told(words)) => return mapping(&db, chrome, htmx, import, Some(words)).await,
        Err(Halt::Failed(error)) => return Err(error),
    };
    if started {
        begun(&db, import.id).await?;
    }
    Ok(web::see_other(&here(&import)))
}

/// Why an import does not start.
enum Halt {
    Told(String),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Halt::Failed(error.into())
    }
}

/// Makes the fields that columns become and lets the import run; false when somebody else was quicker.
async fn start(db: &Db, import: &Import, caller: Caller) -> Result<bool, Halt> {
    let import = import.clone();
    db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let started = import.start(&clock, conn)?;
        if started {
            let made = import.plan.make_fields(clock.stamp(), conn);
            made.map_err(|problem| match problem {
                Problem::Wrong { words, .. } => Halt::Told(words),
                Problem::Failed(error) => error.into(),
            })?;
            import.audit("import.run", &caller, conn)?;
        }
        Ok(started)
    })
    .await
}

fn sensible(typed: &Typed, plan: &Plan, fields: &[CustomField]) -> Result<(), String> {
    plan.check()?;
    plan.check_made(fields)?;
    if plan.asks_consent() && typed.half_proven() {
        return Err("To opt people in, tick that they agreed and say what shows it. Or leave both out.".into());
    }
    Ok(())
}

/// `POST /imports/{id}/cancel`: stops trying it out, or importing it. What has landed stays.
pub async fn cancel(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let (words, to) = db
        .write(move |conn| {
            let import = Import::find(id, conn)?.ok_or(Error::NotFound("import"))?;
            let clock = Workspace::load(conn)?.clock();
            let here = here(&import);
            Ok::<_, Error>(match import.state {
                State::Checking => {
                    import.replan(&import.plan, conn)?;
                    ("Stopped. Nothing was written.", here)
                }
                State::Running if import.cancel(&caller, &clock, conn)? => {
                    ("Stopped. What has landed stays, and can be undone.", here)
                }
                _ => ("It was over already.", here),
            })
        })
        .await?;
    Ok(web::flash(web::see_other(&to), words))
}

/// `POST /imports/{id}/undo`
pub async fn undo(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    db.write(move |conn| {
        let import = Import::find(id, conn)?.ok_or(Error::NotFound("import"))?;
        let clock = Workspace::load(conn)?.clock();
        import.undo(&caller, &clock, conn)?.map_err(Error::Unprocessable)
    })
    .await?;
    begun(&db, id).await?;
    Ok(web::see_other(&format!("/imports/{id}")))
}

/// `POST /imports/{id}/lines`: rejected lines as somebody wrote them now. Before the import runs, they stand in for those of
/// the file and everything is tried out again; afterwards they alone are imported.
pub async fn correct(db: Data<Db>, caller: Caller, id: Path<i64>, body: Bytes) -> Result<HttpResponse, Error> {
    let (import, clock) = found(&db, *id).await?;
    let typed = Typed::read(&body).cells();
    let (lines, import) = db
        .read(move |conn| {
            let mut scratch = if import.state == State::Checked { tried(&import) } else { None };
            let from = scratch.as_mut().map_or(conn, |scratch| &mut scratch.conn);
            let records = report::records(&import, &typed.keys().copied().collect::<Vec<_>>(), from)?;
            Ok::<_, Error>((report::corrected(records, &typed), import))
        })
        .await?;
    if lines.is_empty() {
        let words = "No line was changed: type what should stand there, then try again.";
        return Ok(web::flash(web::see_other(&rejected_of(&import)), words));
    }
    let to = rejected_of(&import);
    let tried = import.state == State::Checked;
    let (asked, many) = (import.clone(), lines.len());
    let landed = db
        .write(move |conn| match tried {
            true => corrections::keep(&asked, &lines, &caller, &clock, conn).map(|()| 0).map_err(Error::from),
            false => Ok::<_, Error>(corrections::settle(&asked, &lines, &caller, &clock, conn)?),
        })
        .await?;
    if tried {
        tried_again(&db, &import).await?;
        return Ok(web::see_other(&to));
    }
    let words = match (landed, many) {
        (1, 1) => "The line was imported.".to_string(),
        (0, 1) => "The line was rejected again; its reason is below.".into(),
        (landed, many) if landed == many => format!("{landed} lines were imported."),
        (landed, many) => format!("{landed} of {many} lines were imported; the others were rejected again."),
    };
    Ok(web::flash(web::see_other(&to), &words))
}

/// `POST /imports/{id}/discard`
pub async fn discard(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let import = waiting(&db, *id).await?;
    let words = format!("{} was thrown away. Nothing was imported.", import.file_name);
    let asked = import.clone();
    if db.write(move |conn| Ok::<_, Error>(asked.discard(conn)?)).await? {
        files::remove_upload(&import);
    }
    Ok(web::flash(web::see_other("/imports"), &words))
}

/// `GET /imports/{id}/rejected.csv`: the rejected lines as they stood, each with its reason.
pub async fn rejected(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let (import, _) = found(&db, *id).await?;
    let name = format!("attachment; filename=\"import-{}-rejected.csv\"", import.id);
    let body = web::stream::snapshot(db.get_ref().clone(), move |conn, out| {
        let mut scratch = if import.state == State::Checked { tried(&import) } else { None };
        report::write_rejected(&import, out, scratch.as_mut().map_or(conn, |scratch| &mut scratch.conn))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .streaming(body))
}

/// An import of which nothing has been written yet.
async fn waiting(db: &Db, id: i64) -> Result<Import, Error> {
    let (import, _) = found(db, id).await?;
    match import.state.is_waiting() {
        true => Ok(import),
        false => Err(Error::Unprocessable(format!("{} has been imported already.", import.file_name))),
    }
}

async fn known_fields(db: &Db) -> Result<Vec<CustomField>, Error> {
    db.read(|conn| Ok::<_, Error>(CustomField::all(conn)?)).await
}

async fn keep(db: &Db, import: &Import) -> Result<(), Error> {
    let import = import.clone();
    db.write(move |conn| Ok::<_, Error>(import.replan(&import.plan, conn)?)).await.map(drop)
}

/// Work on files, away from the threads that answer requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    actix_web::web::block(work).await.map_err(|error| Error::Internal(anyhow::Error::new(error)))
}
