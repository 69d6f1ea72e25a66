//! The form of a customer: what was typed, what it means, and what is wrong with it.

use super::custom::{self, Input};
use super::facts::{self, Own, Owner};
use super::{By, Channel, Consent, Consents, Customer, Draft, Problem, clean, history, set_consent};
use crate::agents::{Caller, Mistakes};
use crate::custom_fields::{self, CustomField, Value};
use crate::db::{Conn, Db, dialect};
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use serde::Deserialize;

/// The fields as they were typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    email: String,
    phone: String,
    external_id: String,
    country: String,
    city: String,
    language: String,
    /// The local day she became a customer.
    since: String,
    email_consent: String,
    sms_consent: String,
    whatsapp_consent: String,
    /// Everything else; `custom.plan` and its like are looked at.
    #[serde(flatten)]
    custom: custom::Typed,
}

impl Typed {
    fn of(customer: &Customer, consents: &Consents, clock: &Clock) -> Typed {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let consent = |channel| consents.get(channel).key().to_string();
        Typed {
            name: text(&customer.name),
            email: text(&customer.email),
            phone: text(&customer.phone),
            external_id: text(&customer.external_id),
            country: text(&customer.country),
            city: text(&customer.city),
            language: text(&customer.language),
            since: day(customer, clock),
            email_consent: consent(Channel::Email),
            sms_consent: consent(Channel::Sms),
            whatsapp_consent: consent(Channel::Whatsapp),
            custom: custom::Typed::new(),
        }
    }

    fn consent(&self, channel: Channel) -> &str {
        match channel {
            Channel::Email => &self.email_consent,
            Channel::Sms => &self.sms_consent,
            Channel::Whatsapp => &self.whatsapp_consent,
        }
    }

    /// What is to be stored, or every mistake at once. `customer` is who is being changed.
    fn check(
        &self,
        customer: Option<&Customer>,
        fields: &[CustomField],
        workspace: &Workspace,
        clock: &Clock,
    ) -> Result<Meant, Mistakes> {
        let mut wrong = Mistakes::default();
        let home = workspace.default_country.as_deref();
        let mut draft = Draft {
            name: wrong.noted("name", clean::text(&self.name, clean::NAME)),
            email: wrong.noted("email", clean::email(&self.email)),
            phone: wrong.noted("phone", clean::phone(&self.phone, home)),
            external_id: wrong.noted("external_id", clean::external_id(&self.external_id)),
            country: wrong.noted("country", clean::country(&self.country)),
            city: wrong.noted("city", clean::text(&self.city, clean::CITY)),
            language: wrong.noted("language", clean::language(&self.language)),
            created_at: wrong.noted("since", clean::time(&self.since, workspace.zone)),
            last_seen_at: customer.and_then(|customer| customer.last_seen_at),
        };
        // The day is all that is shown: as long as it stays, so does the moment.
        if let Some(customer) = customer
            && day(customer, clock) == self.since.trim()
        {
            draft.created_at = Some(customer.created_at);
        }
        if draft.created_at.is_some_and(|at| at > clock.stamp()) {
            wrong.noted::<()>("since", Err("This day has not come yet.".into()));
        }
        let mut consent = |channel, field| wrong.noted(field, clean::consent(self.consent(channel)));
        let consents = [
            (Channel::Email, consent(Channel::Email, "email_consent")),
            (Channel::Sms, consent(Channel::Sms, "sms_consent")),
            (Channel::Whatsapp, consent(Channel::Whatsapp, "whatsapp_consent")),
        ];
        let keys = [&self.name, &self.email, &self.phone, &self.external_id];
        if keys.iter().all(|key| key.trim().is_empty()) {
            wrong.noted::<()>("name", Err(facts::NAMELESS.into()));
        }
        let custom = custom::check(&self.custom, fields, &mut wrong);
        if wrong.is_empty() { Ok(Meant { draft, consents, custom }) } else { Err(wrong) }
    }
}

/// The local day a customer became one, as a date field has it.
fn day(customer: &Customer, clock: &Clock) -> String {
    customer.created_at.and_utc().with_timezone(&clock.zone).format("%Y-%m-%d").to_string()
}

/// A form without mistakes. A consent that was not on the form is left alone.
struct Meant {
    draft: Draft,
    consents: [(Channel, Option<Consent>); 3],
    custom: Vec<(CustomField, Option<Value>)>,
}

impl Meant {
    /// Writes what is not on the customer's own row.
    fn attach(&self, id: i64, by: &By, conn: &mut Conn) -> diesel::QueryResult<()> {
        custom_fields::write(id, &self.custom, by, conn)?;
        for (channel, consent) in self.consents {
            if let Some(consent) = consent {
                set_consent(id, channel, consent, by, conn)?;
            }
        }
        Ok(())
    }
}

#[derive(Template)]
#[template(path = "customers/form.html")]
struct FormPage {
    chrome: Chrome,
    /// `None` for a new customer.
    customer: Option<(i64, String)>,
    typed: Typed,
    wrong: Mistakes,
    owner: Option<Owner>,
    consents: Vec<Asked>,
    fields: Vec<CustomField>,
}

/// A channel's choice, and what is known so far.
struct Asked {
    field: String,
    label: &'static str,
    chosen: String,
    story: Option<String>,
}

impl FormPage {
    /// Where the form goes.
    fn action(&self) -> String {
        self.customer.as_ref().map_or_else(|| "/customers".into(), |(id, _)| format!("/customers/{id}"))
    }

    /// Where one goes who changed her mind.
    fn back(&self) -> String {
        self.action()
    }

    /// The custom fields, two in a line.
    fn custom(&self) -> Vec<Vec<Input<'_>>> {
        let input = |field| Input::of(field, &self.typed.custom, &self.wrong);
        self.fields.chunks(2).map(|pair| pair.iter().map(input).collect()).collect()
    }

    fn field(&self, key: &'static str) -> Field<'_> {
        let typed = &self.typed;
        let value = match key {
            "name" => &typed.name,
            "email" => &typed.email,
            "phone" => &typed.phone,
            "external_id" => &typed.external_id,
            "city" => &typed.city,
            "country" => &typed.country,
            "language" => &typed.language,
            _ => &typed.since,
        };
        let (label, kind, help) = match Own::find(key) {
            Some(own) => (own.label, own.input, own.help),
            None if self.customer.is_some() => (facts::SINCE, "date", ""),
            None => (facts::SINCE, "date", "Empty is today"),
        };
        Field { key, label, value, kind, help, why: self.wrong.why(key), owner: self.owner.as_ref() }
    }
}

/// One field of the form, drawn.
#[derive(Template)]
#[template(path = "customers/_field.html")]
struct Field<'a> {
    key: &'static str,
    label: &'static str,
    value: &'a str,
    kind: &'static str,
    help: &'static str,
    why: Option<&'a str>,
    owner: Option<&'a Owner>,
}
impl askama::filters::HtmlSafe for Field<'_> {}

/// The form as it is drawn, fresh or come back.
struct Sheet {
    customer: Option<(i64, String)>,
    typed: Typed,
    wrong: Mistakes,
    owner: Option<Owner>,
    consents: Vec<Asked>,
    fields: Vec<CustomField>,
}

impl Sheet {
    fn of(customer: Option<&Customer>, typed: Option<Typed>, conn: &mut Conn, clock: &Clock) -> Result<Sheet, Error> {
        let known = match customer {
            Some(customer) => Consents::of(customer.id, conn)?,
            None => Consents::default(),
        };
        let mut typed = match (typed, customer) {
            (Some(typed), _) => typed,
            (None, Some(customer)) => Typed::of(customer, &known, clock),
            (None, None) => Typed::default(),
        };
        let fields = CustomField::all(conn)?;
        if let Some(customer) = customer {
            for (name, value) in custom::known(customer.id, &fields, conn)? {
                typed.custom.entry(name).or_insert(value);
            }
        }
        let consents = Channel::ALL.into_iter().map(|channel| Asked {
            field: format!("{}_consent", channel.key()),
            label: channel.words(),
            chosen: clean::consent(typed.consent(channel)).ok().flatten().unwrap_or_default().key().into(),
            story: known
                .said(channel)
                .map(|said| format!("{}, {}, {}", said.consent.words(), clock.show_day(said.at), said.source)),
        });
        let consents = consents.collect();
        let customer = customer.map(|customer| (customer.id, customer.called()));
        Ok(Sheet { customer, typed, wrong: Mistakes::default(), owner: None, consents, fields })
    }

    fn page(self, chrome: Chrome) -> FormPage {
        let Sheet { customer, typed, wrong, owner, consents, fields } = self;
        FormPage { chrome, customer, typed, wrong, owner, consents, fields }
    }
}

/// `GET /customers/new`.
pub async fn new(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let sheet = db
        .read(|conn| {
            let clock = Workspace::load(conn)?.clock();
            Sheet::of(None, None, conn, &clock)
        })
        .await?;
    web::show(&sheet.page(chrome))
}

/// `GET /customers/{id}/edit`.
pub async fn edit(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let sheet = db
        .read(move |conn| {
            let customer = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
            let clock = Workspace::load(conn)?.clock();
            Sheet::of(Some(&customer), None, conn, &clock)
        })
        .await?;
    web::show(&sheet.page(chrome))
}

/// `POST /customers`.
pub async fn create(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    answer(&db, chrome, caller, None, typed).await
}

/// `POST /customers/{id}`.
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    answer(&db, chrome, caller, Some(id.into_inner()), typed).await
}

async fn answer(db: &Db, chrome: Chrome, caller: Caller, id: Option<i64>, typed: Typed) -> Result<HttpResponse, Error> {
    match db.write(move |conn| save(id, typed, &caller, conn)).await? {
        Ok(saved) => {
            let words = if id.is_some() { "is saved" } else { "is added" };
            let place = web::see_other(&format!("/customers/{}", saved.id));
            Ok(web::flash(place, &format!("{} {words}.", saved.called())))
        }
        Err(sheet) => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &sheet.page(chrome)),
    }
}

/// Writes the customer, or gives the form back with what is wrong.
fn save(id: Option<i64>, typed: Typed, caller: &Caller, conn: &mut Conn) -> Result<Result<Customer, Sheet>, Error> {
    let workspace = Workspace::load(conn)?;
    let clock = workspace.clock();
    let customer = match id {
        Some(id) => {
            dialect::hold_customer(id, conn)?;
            Some(Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?)
        }
        None => None,
    };
    let fields = CustomField::all(conn)?;
    let meant = match typed.check(customer.as_ref(), &fields, &workspace, &clock) {
        Ok(meant) => meant,
        Err(wrong) => {
            let sheet = Sheet::of(customer.as_ref(), Some(typed), conn, &clock)?;
            return Ok(Err(Sheet { wrong, ..sheet }));
        }
    };
    let by = By::of(caller, history::Source::Profile, clock.stamp());
    let written = match &customer {
        Some(customer) => customer.update(&meant.draft, &by, conn),
        None => Customer::create(&meant.draft, &by, conn),
    };
    match written {
        Ok(written) => {
            meant.attach(written.id, &by, conn)?;
            Ok(Ok(written))
        }
        Err(Problem::Query(error)) => Err(error.into()),
        Err(Problem::Taken { field, by }) => {
            let owner = Owner::find(field, by, conn)?;
            let wrong = Mistakes::one(field, owner.words());
            let owner = Some(owner);
            let sheet = Sheet::of(customer.as_ref(), Some(typed), conn, &clock)?;
            Ok(Err(Sheet { wrong, owner, ..sheet }))
        }
    }
}
