//! What a browser may ask of imports: upload a file, say what its columns mean, run it, read what came of it.

use super::form::Typed;
use super::plan::Plan;
use super::report::{self, Report};
use super::upload::{self, Upload};
use super::views::{IndexPage, MappingPage, NewPage, ReportPage};
use super::{Import, State, Subject, files, preview, work};
use crate::agents::Caller;
use crate::config::Config;
use crate::custom_fields::{CustomField, Problem};
use crate::db::Db;
use crate::web::{self, Chrome, Error, Htmx};
use crate::workspace::Workspace;
use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use serde::Deserialize;

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
    let (file, name) = match upload {
        Upload::Received { file, name } => (file, name),
        Upload::Refused(why) => return again(why, subject),
    };
    let fields = known_fields(&db).await?;
    let looked = blocking(move || {
        let subject = subject.map_or_else(|| preview::subject(file.path(), &limits), Ok)?;
        let mut plan = Plan { limits, ..Plan::about(subject) };
        preview::look(file.path(), &mut plan, &fields).map(|()| (plan, file))
    })
    .await?;
    let (plan, file) = match looked {
        Ok(looked) => looked,
        Err(unreadable) => return again(unreadable.to_string(), subject),
    };
    let import = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let import = Import::create(&name, &plan, State::Uploaded, &caller, &clock, conn)?;
            file.persist(files::path(&folder, import.id)).map_err(anyhow::Error::from)?;
            Ok::<_, Error>(import)
        })
        .await?;
    Ok(web::see_other(&format!("/imports/{}", import.id)))
}

/// Which part of the report is looked at.
#[derive(Deserialize, Default)]
pub struct Place {
    /// Rejected lines after this remark, and notes after that one.
    #[serde(default)]
    rejected: i64,
    #[serde(default)]
    notes: i64,
}

/// `GET /imports/{id}`: the columns to choose, then how far it is, then what came of it.
pub async fn show(
    db: Data<Db>,
    config: Data<Config>,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
    place: Query<Place>,
) -> Result<HttpResponse, Error> {
    let (id, place) = (id.into_inner(), place.into_inner());
    let (import, report, clock) = db
        .read(move |conn| {
            let import = Import::find(id, conn)?.ok_or(Error::NotFound("import"))?;
            let report = Report::load(&import, place.rejected, place.notes, conn)?;
            Ok::<_, Error>((import, report, Workspace::load(conn)?.clock()))
        })
        .await?;
    if import.state == State::Uploaded {
        return mapping(&db, &config, chrome, import, None).await;
    }
    let read = work::bytes_read(id);
    let page = ReportPage { chrome, import, report, clock, read };
    htmx.show(&page, page.as_import())
}

/// The mapping page, with why it came back.
async fn mapping(
    db: &Db,
    config: &Config,
    chrome: Chrome,
    import: Import,
    why: Option<String>,
) -> Result<HttpResponse, Error> {
    let path = files::path(&files::folder(config, db), import.id);
    let fields = known_fields(db).await?;
    let plan = import.plan.clone();
    let samples = blocking(move || preview::samples(&path, &plan)).await?;
    let (samples, why) = match samples {
        Ok(samples) => (samples, why),
        Err(unreadable) => (Vec::new(), Some(unreadable.to_string())),
    };
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    web::show_as(status, &MappingPage { chrome, import, fields, samples, why })
}

/// `POST /imports/{id}/reading`: another encoding or delimiter. The columns are proposed afresh.
pub async fn reread(
    db: Data<Db>,
    config: Data<Config>,
    chrome: Chrome,
    id: Path<i64>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let mut import = waiting(&db, *id).await?;
    let path = files::path(&files::folder(&config, &db), import.id);
    let mut plan = Plan { shape: Typed::read(&body).shape(), ..import.plan.clone() };
    let fields = known_fields(&db).await?;
    let looked = blocking(move || preview::look(&path, &mut plan, &fields).map(|()| plan)).await?;
    match looked {
        Ok(plan) => {
            import.plan = plan;
            keep(&db, &import).await?;
            Ok(web::see_other(&format!("/imports/{}", import.id)))
        }
        Err(unreadable) => mapping(&db, &config, chrome, import, Some(unreadable.to_string())).await,
    }
}

/// `POST /imports/{id}/run`
pub async fn run(
    db: Data<Db>,
    config: Data<Config>,
    caller: Caller,
    chrome: Chrome,
    id: Path<i64>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let mut import = waiting(&db, *id).await?;
    let typed = Typed::read(&body);
    typed.apply(&mut import.plan, &known_fields(&db).await?);
    if let Err(why) = sensible(&typed, &import.plan) {
        return mapping(&db, &config, chrome, import, Some(why)).await;
    }
    let path = files::path(&files::folder(&config, &db), import.id);
    let here = format!("/imports/{}", import.id);
    keep(&db, &import).await?;
    let started = match start(&db, &import, caller).await {
        Ok(started) => started,
        Err(Halt::Told(words)) => return mapping(&db, &config, chrome, import, Some(words)).await,
        Err(Halt::Failed(error)) => return Err(error),
    };
    if started && let Err(error) = work::begin(import.clone(), path, db.get_ref().clone()) {
        tracing::error!(%error, "an import could not begin");
        let db = db.clone();
        blocking(move || work::give_up(&import, &db)).await?;
    }
    Ok(web::see_other(&here))
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
        let started = import.start(conn)?;
        if started {
            let made = import.plan.make_fields(Workspace::load(conn)?.clock().stamp(), conn);
            made.map_err(|problem| match problem {
                Problem::Wrong { words, .. } => Halt::Told(words),
                Problem::Failed(error) => error.into(),
            })?;
            import.audit(&caller, conn)?;
        }
        Ok(started)
    })
    .await
}

fn sensible(typed: &Typed, plan: &Plan) -> Result<(), String> {
    plan.check()?;
    if plan.asks_consent() && typed.half_proven() {
        return Err("To opt people in, tick that they agreed and say what shows it. Or leave both out.".into());
    }
    Ok(())
}

/// `POST /imports/{id}/discard`
pub async fn discard(db: Data<Db>, config: Data<Config>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let import = waiting(&db, *id).await?;
    let path = files::path(&files::folder(&config, &db), import.id);
    let words = format!("{} was thrown away. Nothing was imported.", import.file_name);
    if db.write(move |conn| Ok::<_, Error>(import.discard(conn)?)).await? {
        files::remove(&path);
    }
    Ok(web::flash(web::see_other("/imports"), &words))
}

/// `GET /imports/{id}/rejected.csv`: the rejected lines as they stood, each with its reason.
pub async fn rejected(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let import = db.read(move |conn| Import::find(id, conn)?.ok_or(Error::NotFound("import"))).await?;
    let name = format!("attachment; filename=\"import-{id}-rejected.csv\"");
    let body = web::stream::snapshot(db.get_ref().clone(), move |conn, out| report::write_rejected(&import, out, conn));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .streaming(body))
}

/// An import whose file waits for somebody to say what its columns mean.
async fn waiting(db: &Db, id: i64) -> Result<Import, Error> {
    let import = db.read(move |conn| Import::find(id, conn)?.ok_or(Error::NotFound("import"))).await?;
    match import.state {
        State::Uploaded => Ok(import),
        _ => Err(Error::Unprocessable(format!("{} has been imported already.", import.file_name))),
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
