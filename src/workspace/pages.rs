//! `/settings`: what is set once for the whole business, for admins.

use super::{Workspace, currency, zone};
use crate::agents::{self, Caller, Mistakes, audit};
use crate::customers::clean;
use crate::db::{Conn, Db, dialect};
use crate::purchases;
use crate::web::{self, Chrome, Error};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form};
use askama::Template;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Template)]
#[template(path = "workspace/settings.html")]
struct SettingsPage {
    chrome: Chrome,
    typed: Typed,
    wrong: Mistakes,
    /// There are purchases, so their currency stays.
    bought: bool,
}

/// The settings as they were typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    time_zone: String,
    currency: String,
    default_country: String,
}

impl Typed {
    fn of(workspace: &Workspace) -> Typed {
        Typed {
            name: workspace.name.clone(),
            time_zone: workspace.zone.name().into(),
            currency: workspace.currency.clone(),
            default_country: workspace.default_country.as_deref().map(clean::country_name).unwrap_or_default(),
        }
    }

    /// The workspace as it is to be, or every mistake at once.
    fn check(&self, now: &Workspace, bought: bool) -> Result<Workspace, Mistakes> {
        let mut wrong = Mistakes::default();
        let meant = Workspace {
            name: wrong.noted("name", agents::name(&self.name)),
            zone: wrong.noted("time_zone", zone(&self.time_zone).map(Some)).unwrap_or(now.zone),
            currency: wrong.noted("currency", currency(&self.currency)),
            language: now.language.clone(),
            default_country: wrong.noted("default_country", clean::country(&self.default_country)),
        };
        if bought && wrong.why("currency").is_none() && meant.currency != now.currency {
            let words = format!("The purchases are in {}, and their amounts would no longer be true.", now.currency);
            wrong.noted::<()>("currency", Err(words));
        }
        if wrong.is_empty() { Ok(meant) } else { Err(wrong) }
    }
}

/// What is different, for the audit log: each setting with what it was and what it is.
fn changes(before: &Workspace, after: &Workspace) -> Value {
    let of = |workspace: &Workspace| {
        let Workspace { name, zone, currency, default_country, .. } = workspace;
        [
            ("name", json!(name)),
            ("time_zone", json!(zone.name())),
            ("currency", json!(currency)),
            ("default_country", json!(default_country)),
        ]
    };
    let different = of(before).into_iter().zip(of(after)).filter(|(was, is)| was != is);
    Value::Object(
        different.map(|((key, was), (_, is))| (key.into(), json!({ "was": was, "is": is }))).collect::<Map<_, _>>(),
    )
}

/// `GET /settings`.
pub async fn show(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (workspace, bought) = db.read(|conn| Ok::<_, Error>((Workspace::load(conn)?, purchases::any(conn)?))).await?;
    web::show(&SettingsPage { chrome, typed: Typed::of(&workspace), wrong: Mistakes::default(), bought })
}

/// `POST /settings`.
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let asked = typed.clone();
    match db.write(move |conn| save(&asked, &caller, conn)).await? {
        Ok(()) => Ok(web::flash(web::see_other("/settings"), "The settings are saved.")),
        Err((wrong, bought)) => {
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &SettingsPage { chrome, typed, wrong, bought })
        }
    }
}

/// Writes the settings, or says what is wrong and whether there are purchases.
fn save(typed: &Typed, caller: &Caller, conn: &mut Conn) -> Result<Result<(), (Mistakes, bool)>, Error> {
    dialect::one_at_a_time(conn, dialect::Queue::Settings)?;
    let (before, bought) = (Workspace::load(conn)?, purchases::any(conn)?);
    let after = match typed.check(&before, bought) {
        Ok(after) => after,
        Err(wrong) => return Ok(Err((wrong, bought))),
    };
    if after != before {
        after.save(conn)?;
        audit(conn, caller, "settings.update", "settings", &changes(&before, &after))?;
    }
    Ok(Ok(()))
}
