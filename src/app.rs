//! Every route in one list, each with what it asks of whoever comes. Authorisation is this table and nothing else.
//!
//! [`run`] puts the table behind the layers that every answer passes through; `serve`, the demo and the tests start the
//! same server.

mod health;
mod log;

use crate::agents::Access::{Needs, Public, Signed, SignedIn};
use crate::agents::{Access, Right, guard, sessions};
use crate::bulk;
use crate::campaigns::{self, ways::Ways};
use crate::config::Config;
use crate::conversations;
use crate::db::{Db, Trouble};
use crate::filters::sets::Sets;
use crate::imports::{self, files};
use crate::jobs;
use crate::live::Live;
use crate::segments::{feed, ready};
use crate::views::sidebar;
use crate::web::{cross_site, headers, problems};
use actix_web::dev::{Server, ServiceRequest};
use actix_web::http::Method;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, Data, FormConfig, JsonConfig, PayloadConfig, ServiceConfig};
use actix_web::{App as Site, HttpServer, Resource, Route, guard as when};
use std::net::TcpListener;
use std::sync::Arc;

/// One route: method, path, who may, what answers.
pub struct Door {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: fn() -> Route,
}

macro_rules! doors {
    ($( $method:ident $path:literal $access:expr => $handler:path ; )*) => {
        /// The table. A test walks it with every role.
        pub fn doors() -> Vec<Door> {
            vec![$( Door { method: Method::$method, path: $path, access: $access, handler: || actix_web::web::route().to($handler) } ),*]
        }
    };
}

doors! {
    GET "/static/{path:.*}" Public => crate::web::assets::show;
    GET "/events" Needs(Right::Customers) => crate::live::events;
    GET "/inbox" Needs(Right::Customers) => crate::conversations::pages::index;
    GET "/inbox/unread" Needs(Right::Customers) => crate::conversations::pages::unread;
    GET "/inbox/{id:\\d+}" Needs(Right::Customers) => crate::conversations::pages::show;
    POST "/inbox/{id:\\d+}/messages" Needs(Right::Customers) => crate::conversations::pages::write;
    POST "/inbox/{id:\\d+}/assign" Needs(Right::Customers) => crate::conversations::pages::assign;
    POST "/inbox/{id:\\d+}/seen" Needs(Right::Customers) => crate::conversations::pages::seen;
    POST "/inbox/{id:\\d+}/close" Needs(Right::Customers) => crate::conversations::pages::close;
    POST "/inbox/{id:\\d+}/reopen" Needs(Right::Customers) => crate::conversations::pages::reopen;
    POST "/inbox/{id:\\d+}/snooze" Needs(Right::Customers) => crate::conversations::pages::snooze;
    POST "/inbox/{id:\\d+}/messages/{message_id:\\d+}/again" Needs(Right::Customers) => crate::conversations::pages::again;
    POST "/customers/{id:\\d+}/conversations" Needs(Right::Customers) => crate::conversations::pages::create;
    GET "/inbox/replies" Needs(Right::Customers) => crate::conversations::canned::index;
    POST "/inbox/replies" Needs(Right::Customers) => crate::conversations::canned::create;
    GET "/inbox/replies/{id:\\d+}" Needs(Right::Customers) => crate::conversations::canned::edit;
    POST "/inbox/replies/{id:\\d+}" Needs(Right::Customers) => crate::conversations::canned::update;
    POST "/inbox/replies/{id:\\d+}/delete" Needs(Right::Customers) => crate::conversations::canned::delete;
    GET "/chat.js" Public => crate::conversations::chat::script;
    GET "/chat" Public => crate::conversations::chat::try_out;
    POST "/chat/messages" Public => crate::conversations::chat::write;
    POST "/chat/look" Public => crate::conversations::chat::look;
    POST "/hooks/messages" Signed => crate::conversations::hooks::message;
    POST "/hooks/replies" Signed => crate::conversations::hooks::reply;
    GET "/settings/inbox" Needs(Right::Administer) => crate::conversations::settings::show;
    POST "/settings/inbox" Needs(Right::Administer) => crate::conversations::settings::update;
    GET "/healthz" Public => health::alive;
    GET "/readyz" Public => health::ready;
    GET "/customers" Needs(Right::Customers) => crate::customers::index::index;
    GET "/customers/new" Needs(Right::Customers) => crate::customers::form::new;
    POST "/customers" Needs(Right::Customers) => crate::customers::form::create;
    GET "/customers/{id:\\d+}" Needs(Right::Customers) => crate::customers::profile::show;
    POST "/customers/{id:\\d+}" Needs(Right::Customers) => crate::customers::form::update;
    GET "/customers/{id:\\d+}/timeline" Needs(Right::Customers) => crate::customers::timeline::pages::show;
    GET "/customers/{id:\\d+}/fields/{field}" Needs(Right::Customers) => crate::customers::place::edit;
    POST "/customers/{id:\\d+}/fields/{field}" Needs(Right::Customers) => crate::customers::place::update;
    GET "/customers/{id:\\d+}/edit" Needs(Right::Customers) => crate::customers::form::edit;
    GET "/customers/{id:\\d+}/delete" Needs(Right::DeleteCustomers) => crate::customers::profile::ask_delete;
    POST "/customers/{id:\\d+}/delete" Needs(Right::DeleteCustomers) => crate::customers::profile::delete;
    GET "/customers/duplicates" Needs(Right::DeleteCustomers) => crate::customers::duplicates::pages::index;
    POST "/customers/duplicates/not" Needs(Right::DeleteCustomers) => crate::customers::duplicates::pages::refuse;
    GET "/customers/{id:\\d+}/merge" Needs(Right::DeleteCustomers) => crate::customers::merge::pages::ask;
    POST "/customers/{id:\\d+}/merge" Needs(Right::DeleteCustomers) => crate::customers::merge::pages::create;
    GET "/customers/{id:\\d+}/data.json" Needs(Right::Administer) => crate::customers::privacy::pages::json;
    GET "/customers/{id:\\d+}/data.csv" Needs(Right::Administer) => crate::customers::privacy::pages::csv;
    GET "/customers/{id:\\d+}/erase" Needs(Right::Administer) => crate::customers::privacy::pages::ask;
    POST "/customers/{id:\\d+}/erase" Needs(Right::Administer) => crate::customers::privacy::pages::create;
    GET "/customers/merges/{id:\\d+}" Needs(Right::DeleteCustomers) => crate::customers::merge::pages::show;
    POST "/customers/merges/{id:\\d+}/undo" Needs(Right::DeleteCustomers) => crate::customers::merge::pages::undo;
    GET "/customers/{id:\\d+}/tags" Needs(Right::Customers) => crate::tags::editor::close;
    GET "/customers/{id:\\d+}/tags/edit" Needs(Right::Customers) => crate::tags::editor::edit;
    POST "/customers/{id:\\d+}/taggings" Needs(Right::Customers) => crate::tags::editor::add;
    POST "/customers/{id:\\d+}/taggings/{tag_id:\\d+}/remove" Needs(Right::Customers) => crate::tags::editor::remove;
    GET "/tags" Needs(Right::Customers) => crate::tags::pages::index;
    POST "/tags" Needs(Right::ManageTags) => crate::tags::form::create;
    GET "/tags/suggest" Needs(Right::Customers) => crate::tags::editor::offers;
    GET "/tags/new" Needs(Right::ManageTags) => crate::tags::form::new;
    POST "/tags/{id:\\d+}" Needs(Right::ManageTags) => crate::tags::form::update;
    GET "/tags/{id:\\d+}/edit" Needs(Right::ManageTags) => crate::tags::form::edit;
    GET "/tags/{id:\\d+}/delete" Needs(Right::ManageTags) => crate::tags::ending::ask_delete;
    POST "/tags/{id:\\d+}/delete" Needs(Right::ManageTags) => crate::tags::ending::delete;
    GET "/tags/{id:\\d+}/merge" Needs(Right::ManageTags) => crate::tags::ending::ask_merge;
    POST "/tags/{id:\\d+}/merge" Needs(Right::ManageTags) => crate::tags::ending::merge;
    POST "/tags/{id:\\d+}/archive" Needs(Right::ManageTags) => crate::tags::ending::archive;
    POST "/tags/{id:\\d+}/restore" Needs(Right::ManageTags) => crate::tags::ending::restore;
    POST "/customers/filter" Needs(Right::Customers) => crate::filters::pages::apply;
    GET "/customers/filter/values/{field}" Needs(Right::Customers) => crate::filters::pages::values;
    GET "/setup" Public => crate::agents::setup::new;
    POST "/setup" Public => crate::agents::setup::create;
    GET "/sign-in" Public => crate::agents::pages::new;
    POST "/sign-in" Public => crate::agents::pages::create;
    POST "/sign-out" SignedIn => crate::agents::pages::destroy;
    GET "/account" SignedIn => crate::agents::account::index;
    POST "/account/password" SignedIn => crate::agents::account::change_password;
    POST "/account/sessions/end" SignedIn => crate::agents::account::end_all;
    POST "/account/sessions/{row:[0-9a-f]{64}}/end" SignedIn => crate::agents::account::end_one;
    GET "/" SignedIn => crate::agents::pages::home;
    GET "/segments" Needs(Right::Customers) => crate::segments::index::index;
    POST "/segments" Needs(Right::Customers) => crate::segments::form::create;
    GET "/segments/new" Needs(Right::Customers) => crate::segments::form::new;
    GET "/segments/list" Needs(Right::Customers) => crate::segments::listing::new;
    POST "/segments/list" Needs(Right::Customers) => crate::segments::listing::create;
    GET "/segments/compare" Needs(Right::Customers) => crate::segments::compare::show;
    POST "/segments/compare" Needs(Right::Customers) => crate::segments::compare::create;
    POST "/segments/members" Needs(Right::Customers) => crate::segments::joining::create;
    GET "/segments/{id:\\d+}" Needs(Right::Customers) => crate::segments::pages::show;
    POST "/segments/{id:\\d+}" Needs(Right::Customers) => crate::segments::editing::update;
    GET "/segments/{id:\\d+}/why" Needs(Right::Customers) => crate::segments::why::show;
    GET "/segments/{id:\\d+}/feed" Needs(Right::Customers) => crate::segments::feed::pages::show;
    POST "/segments/{id:\\d+}/pins" Needs(Right::Customers) => crate::segments::pins::create;
    POST "/segments/{id:\\d+}/pins/{customer_id:\\d+}/remove" Needs(Right::Customers) => crate::segments::pins::destroy;
    GET "/segments/{id:\\d+}/count" Needs(Right::Customers) => crate::segments::pages::counted;
    GET "/segments/{id:\\d+}/edit" Needs(Right::Customers) => crate::segments::editing::edit;
    POST "/segments/{id:\\d+}/change" Needs(Right::Customers) => crate::segments::editing::ask;
    GET "/segments/{id:\\d+}/versions" Needs(Right::Customers) => crate::segments::versions::pages::index;
    GET "/segments/{id:\\d+}/versions/{version_id:\\d+}" Needs(Right::Customers) => crate::segments::versions::pages::show;
    GET "/segments/{id:\\d+}/freeze" Needs(Right::Customers) => crate::segments::copies::ask_freeze;
    POST "/segments/{id:\\d+}/freeze" Needs(Right::Customers) => crate::segments::copies::freeze;
    POST "/segments/{id:\\d+}/duplicate" Needs(Right::Customers) => crate::segments::copies::duplicate;
    POST "/segments/{id:\\d+}/archive" Needs(Right::Customers) => crate::segments::archive::create;
    POST "/segments/{id:\\d+}/unarchive" Needs(Right::Customers) => crate::segments::archive::destroy;
    GET "/segments/{id:\\d+}/delete" Needs(Right::Customers) => crate::segments::pages::ask_delete;
    POST "/segments/{id:\\d+}/delete" Needs(Right::Customers) => crate::segments::pages::delete;
    POST "/segments/{id:\\d+}/members/remove" Needs(Right::Customers) => crate::segments::joining::destroy;
    GET "/views" Needs(Right::Customers) => crate::views::pages::index;
    POST "/views" Needs(Right::Customers) => crate::views::pages::create;
    GET "/views/{id:\\d+}" Needs(Right::Customers) => crate::views::pages::show;
    POST "/views/{id:\\d+}" Needs(Right::Customers) => crate::views::pages::update;
    GET "/views/{id:\\d+}/edit" Needs(Right::Customers) => crate::views::pages::edit;
    POST "/views/{id:\\d+}/list" Needs(Right::Customers) => crate::views::pages::keep;
    GET "/views/{id:\\d+}/delete" Needs(Right::Customers) => crate::views::pages::ask_delete;
    POST "/views/{id:\\d+}/delete" Needs(Right::Customers) => crate::views::pages::delete;
    GET "/bulk" Needs(Right::BulkActions) => crate::bulk::pages::index;
    POST "/bulk" Needs(Right::BulkActions) => crate::bulk::pages::create;
    GET "/bulk/new" Needs(Right::BulkActions) => crate::bulk::pages::new;
    GET "/bulk/{id:\\d+}" Needs(Right::BulkActions) => crate::bulk::pages::show;
    POST "/bulk/{id:\\d+}/cancel" Needs(Right::BulkActions) => crate::bulk::pages::cancel;
    POST "/bulk/{id:\\d+}/undo" Needs(Right::BulkActions) => crate::bulk::pages::undo;
    GET "/api/v1/customers" Needs(Right::Customers) => crate::customers::api::index;
    POST "/api/v1/customers" Needs(Right::Customers) => crate::customers::api::create;
    GET "/api/v1/customers/count" Needs(Right::Customers) => crate::customers::api::count;
    POST "/api/v1/customers/query" Needs(Right::Customers) => crate::customers::query::create;
    GET "/api/v1/customers/{id:\\d+}" Needs(Right::Customers) => crate::customers::api::show;
    PATCH "/api/v1/customers/{id:\\d+}" Needs(Right::Customers) => crate::customers::api::update;
    DELETE "/api/v1/customers/{id:\\d+}" Needs(Right::DeleteCustomers) => crate::customers::api::destroy;
    PUT "/api/v1/customers/{id:\\d+}/tags/{name}" Needs(Right::Customers) => crate::customers::api::tag;
    DELETE "/api/v1/customers/{id:\\d+}/tags/{name}" Needs(Right::Customers) => crate::customers::api::untag;
    POST "/api/v1/customers/{id:\\d+}/purchases" Needs(Right::Customers) => crate::purchases::api::create;
    GET "/api/v1/tags" Needs(Right::Customers) => crate::tags::api::index;
    POST "/api/v1/tags" Needs(Right::ManageTags) => crate::tags::api::create;
    PATCH "/api/v1/tags/{id:\\d+}" Needs(Right::ManageTags) => crate::tags::api::update;
    DELETE "/api/v1/tags/{id:\\d+}" Needs(Right::ManageTags) => crate::tags::api::destroy;
    POST "/api/v1/tags/{id:\\d+}/merge" Needs(Right::ManageTags) => crate::tags::api::merge;
    GET "/api/v1/segments" Needs(Right::Customers) => crate::segments::api::index;
    POST "/api/v1/segments" Needs(Right::Customers) => crate::segments::api::create;
    GET "/api/v1/segments/{id:\\d+}" Needs(Right::Customers) => crate::segments::api::show;
    PATCH "/api/v1/segments/{id:\\d+}" Needs(Right::Customers) => crate::segments::api::update;
    DELETE "/api/v1/segments/{id:\\d+}" Needs(Right::Customers) => crate::segments::api::destroy;
    GET "/api/v1/segments/{id:\\d+}/customers" Needs(Right::Customers) => crate::segments::api::customers;
    POST "/api/v1/segments/{id:\\d+}/customers" Needs(Right::Customers) => crate::segments::api::add;
    DELETE "/api/v1/segments/{id:\\d+}/customers" Needs(Right::Customers) => crate::segments::api::remove;
    POST "/api/v1/bulk" Needs(Right::BulkActions) => crate::bulk::api::create;
    GET "/api/v1/bulk/{id:\\d+}" Needs(Right::BulkActions) => crate::bulk::api::show;
    POST "/api/v1/bulk/{id:\\d+}/undo" Needs(Right::BulkActions) => crate::bulk::api::undo;
    GET "/customers/export" Needs(Right::Export) => crate::exports::pages::show;
    GET "/campaigns" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::index;
    POST "/campaigns" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::create;
    GET "/campaigns/new" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::new;
    GET "/campaigns/{id:\\d+}" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::show;
    POST "/campaigns/{id:\\d+}" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::update;
    GET "/campaigns/{id:\\d+}/audience" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::audience;
    GET "/campaigns/{id:\\d+}/people" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::people;
    GET "/campaigns/{id:\\d+}/preview" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::preview;
    GET "/campaigns/{id:\\d+}/preview/html" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::preview_html;
    POST "/campaigns/{id:\\d+}/test" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::try_out;
    GET "/campaigns/{id:\\d+}/receipt.csv" Needs(Right::Export) => crate::campaigns::pages::receipt_csv;
    GET "/campaigns/{id:\\d+}/receipt.json" Needs(Right::Export) => crate::campaigns::pages::receipt_json;
    POST "/campaigns/{id:\\d+}/copy" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::copy;
    POST "/campaigns/{id:\\d+}/delete" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::delete;
    GET "/campaigns/{id:\\d+}/launch" Needs(Right::Send) => crate::campaigns::pages::ask_launch;
    POST "/campaigns/{id:\\d+}/launch" Needs(Right::Send) => crate::campaigns::pages::launch;
    POST "/campaigns/{id:\\d+}/schedule" Needs(Right::Send) => crate::campaigns::pages::schedule;
    POST "/campaigns/{id:\\d+}/unschedule" Needs(Right::Send) => crate::campaigns::pages::unschedule;
    POST "/campaigns/{id:\\d+}/pause" Needs(Right::Send) => crate::campaigns::pages::pause;
    POST "/campaigns/{id:\\d+}/resume" Needs(Right::Send) => crate::campaigns::pages::resume;
    POST "/campaigns/{id:\\d+}/cancel" Needs(Right::Send) => crate::campaigns::pages::cancel;
    GET "/campaigns/{id:\\d+}/recipients/{customer_id:\\d+}" Needs(Right::PrepareCampaigns) => crate::campaigns::pages::recipient;
    POST "/campaigns/{id:\\d+}/recipients/{customer_id:\\d+}/again" Needs(Right::Send) => crate::campaigns::pages::again;
    GET "/api/v1/campaigns" Needs(Right::PrepareCampaigns) => crate::campaigns::api::index;
    POST "/api/v1/campaigns" Needs(Right::PrepareCampaigns) => crate::campaigns::api::create;
    GET "/api/v1/campaigns/{id:\\d+}" Needs(Right::PrepareCampaigns) => crate::campaigns::api::show;
    PATCH "/api/v1/campaigns/{id:\\d+}" Needs(Right::PrepareCampaigns) => crate::campaigns::api::update;
    POST "/api/v1/campaigns/{id:\\d+}/launch" Needs(Right::Send) => crate::campaigns::api::launched;
    POST "/api/v1/campaigns/{id:\\d+}/pause" Needs(Right::Send) => crate::campaigns::api::pause;
    POST "/api/v1/campaigns/{id:\\d+}/resume" Needs(Right::Send) => crate::campaigns::api::resume;
    POST "/api/v1/campaigns/{id:\\d+}/cancel" Needs(Right::Send) => crate::campaigns::api::cancel;
    GET "/api/v1/campaigns/{id:\\d+}/recipients" Needs(Right::PrepareCampaigns) => crate::campaigns::api::recipients;
    GET "/unsubscribe/{token}" Public => crate::campaigns::leaving::show;
    POST "/unsubscribe/{token}" Public => crate::campaigns::leaving::leave;
    POST "/hooks/mail" Signed => crate::campaigns::hook::create;
    GET "/imports" Needs(Right::Import) => crate::imports::pages::index;
    POST "/imports" Needs(Right::Import) => crate::imports::pages::create;
    GET "/imports/new" Needs(Right::Import) => crate::imports::pages::new;
    GET "/imports/{id:\\d+}" Needs(Right::Import) => crate::imports::pages::show;
    POST "/imports/{id:\\d+}/reading" Needs(Right::Import) => crate::imports::pages::reread;
    POST "/imports/{id:\\d+}/columns" Needs(Right::Import) => crate::imports::pages::columns;
    POST "/imports/{id:\\d+}/check" Needs(Right::Import) => crate::imports::pages::check;
    POST "/imports/{id:\\d+}/cancel" Needs(Right::Import) => crate::imports::pages::cancel;
    POST "/imports/{id:\\d+}/undo" Needs(Right::Import) => crate::imports::pages::undo;
    POST "/imports/{id:\\d+}/lines" Needs(Right::Import) => crate::imports::pages::correct;
    POST "/imports/{id:\\d+}/run" Needs(Right::Import) => crate::imports::pages::run;
    POST "/imports/{id:\\d+}/discard" Needs(Right::Import) => crate::imports::pages::discard;
    GET "/imports/{id:\\d+}/rejected.csv" Needs(Right::Import) => crate::imports::pages::rejected;
    GET "/settings" Needs(Right::Administer) => crate::workspace::pages::show;
    POST "/settings" Needs(Right::Administer) => crate::workspace::pages::update;
    GET "/settings/fields" Needs(Right::Administer) => crate::custom_fields::pages::index;
    POST "/settings/fields" Needs(Right::Administer) => crate::custom_fields::pages::create;
    GET "/settings/fields/new" Needs(Right::Administer) => crate::custom_fields::pages::new;
    POST "/settings/fields/{id:\\d+}" Needs(Right::Administer) => crate::custom_fields::pages::update;
    GET "/settings/fields/{id:\\d+}/edit" Needs(Right::Administer) => crate::custom_fields::pages::edit;
    GET "/settings/fields/{id:\\d+}/delete" Needs(Right::Administer) => crate::custom_fields::pages::ask_delete;
    POST "/settings/fields/{id:\\d+}/delete" Needs(Right::Administer) => crate::custom_fields::pages::delete;
    GET "/settings/log" Needs(Right::Administer) => crate::agents::log::index;
    POST "/theme" Public => crate::web::theme::choose;
}

/// What a server is made of.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub config: Config,
}

/// Starts the server on a listener that is already bound. It stops by its handle, once its live streams are closed; signals
/// are the caller's affair.
pub fn run(app: App, listener: TcpListener) -> std::io::Result<(Server, Live)> {
    let App { db, config } = app;
    let key = db
        .write_now::<_, Trouble>(|conn| Ok(sessions::signing_key(conn)?))
        .map_err(|error| std::io::Error::other(format!("the key of the session cookies cannot be read: {error}")))?;
    let uploads = files::folder(&config, &db);
    db.write_now::<_, Trouble>(|conn| Ok(files::tidy(&uploads, conn)?))
        .map_err(|error| std::io::Error::other(format!("the imports cannot be looked through: {error}")))?;
    let ways = Arc::new(Ways::of(&config, &db).map_err(std::io::Error::other)?);
    let senders = Data::new(campaigns::sending::start(db.clone(), ways.clone())?);
    let scheduled = ways.clone();
    let look = move |db: &Db| campaigns::schedule::look(db, &scheduled);
    actix_web::rt::spawn(jobs::keep("scheduled campaigns", db.clone(), look));
    let ways = Data::from(ways);
    let workers = config.workers;
    let sets = Sets::new(db.clone(), config.sets_memory.map(|mib| mib << 20));
    actix_web::rt::spawn(ready::keep(sets.clone(), db.clone()));
    let witness = feed::Witness::default();
    actix_web::rt::spawn(feed::keep(sets.clone(), db.clone(), witness.progress.clone()));
    db.attended_by(witness);
    actix_web::rt::spawn(jobs::keep("bulk actions", db.clone(), bulk::work::look));
    actix_web::rt::spawn(jobs::keep("imports", db.clone(), imports::work::look));
    let live = Live::start(db.clone());
    let look = |db: &Db| conversations::acts::look(db);
    actix_web::rt::spawn(jobs::keep("snoozed conversations", db.clone(), look));
    actix_web::rt::spawn(conversations::delivery::keep(db.clone(), ways.clone().into_inner()));
    let heard = Data::new(live.clone());
    let data = (Data::new(db), Data::new(sets), Data::new(config), Data::new(guard::Opened::default()));
    // They send for as long as the server is there.
    let sending = (ways, senders);
    let server = HttpServer::new(move || {
        let (db, sets, config, opened) = data.clone();
        let cookies = sessions::Cookies { db: Data::clone(&db), secure: config.secure(), key: key.clone() };
        // The layer added last is the first to see a request.
        Site::new()
            .app_data(db)
            .app_data(sets)
            .app_data(config)
            .app_data(opened)
            .app_data(heard.clone())
            .app_data(sending.0.clone())
            .app_data(sending.1.clone())
            .app_data(FormConfig::default().limit(256 << 10))
            .app_data(JsonConfig::default().limit(1 << 20))
            .app_data(PayloadConfig::new(1 << 20))
            .configure(|site| register(site, doors(), &cookies))
            .default_service(unknown(&cookies))
            .wrap(from_fn(cross_site::refuse))
            .wrap(from_fn(problems::calm))
            .wrap(from_fn(headers::security_headers))
            .wrap(Compress::default())
            .wrap(log::requests())
    })
    .disable_signals()
    // A page that is packed goes out in pieces, and none waits for the other side to confirm the one before.
    .tcp_nodelay(true)
    .shutdown_timeout(8)
    .workers(workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from)).max(1));
    Ok((server.listen(listener)?.run(), live))
}

/// Paths that no door has: whoever is signed in is told so in the frame they know.
fn unknown(cookies: &sessions::Cookies) -> Route {
    let check = |req: ServiceRequest, next| guard::check(guard::Asks::of(req.path(), Public), req, next);
    web::to(problems::unknown).wrap(from_fn(sidebar::fill)).wrap(from_fn(check)).wrap(cookies.layer())
}

/// One resource per path, in the order of the table; each door behind its own guard.
fn register(site: &mut ServiceConfig, doors: Vec<Door>, cookies: &sessions::Cookies) {
    let mut paths: Vec<(&str, Resource)> = Vec::new();
    for door in doors {
        let asks = guard::Asks::of(door.path, door.access);
        let mut route = (door.handler)();
        route = match door.method {
            Method::GET => route.guard(when::Any(when::Get()).or(when::Head())),
            method => route.method(method),
        };
        if asks.reads_cookies() {
            route = route.wrap(from_fn(sidebar::fill));
        }
        route = route.wrap(from_fn(move |req, next| guard::check(asks, req, next)));
        if asks.reads_cookies() {
            route = route.wrap(cookies.layer());
        }
        match paths.iter_mut().find(|(path, _)| *path == door.path) {
            Some((_, resource)) => {
                let grown = std::mem::replace(resource, web::resource(door.path)).route(route);
                *resource = grown;
            }
            None => paths.push((door.path, web::resource(door.path).route(route))),
        }
    }
    for (_, resource) in paths {
        site.service(resource);
    }
}
