//! Two customers who are one person: side by side, made one with all that hangs on both, and taken apart again.

use crate::support::imports::import;
use crate::support::pages::{attr, fields, fill, get, page, post, text, texts};
use crate::support::walks::{signed_in, walk};
use crate::support::{Server, audiences, by, campaign, clock, for_each_database, recipient, world_with_fields};
use diesel::prelude::*;
use muster::agents::Role;
use muster::customers::merge::{Merge, TABLES};
use muster::customers::{Channel, Consent, Consents, Customer, set_consent};
use muster::db::schema::{
    audit_log, campaign_recipients, chat_visitors, conversations, segment_members, segments, taggings, tags,
};
use muster::db::{Conn, Db, Trouble};

fn customer(db: &Db, id: i64) -> Option<Customer> {
    db.read_now::<_, Trouble>(|conn| Ok(Customer::find(id, conn)?)).expect("read")
}

/// The names of the tags that somebody carries.
fn carried(db: &Db, id: i64) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        let hers = taggings::table.inner_join(tags::table).filter(taggings::customer_id.eq(id));
        Ok(hers.order(tags::name_folded).select(tags::name).load(conn)?)
    })
    .expect("read")
}

/// A conversation of hers with one message, and the browser she wrote from.
fn conversation(customer: i64, conn: &mut Conn) {
    let at = clock().stamp();
    diesel::insert_into(conversations::table)
        .values((
            conversations::customer_id.eq(customer),
            conversations::channel.eq("chat"),
            conversations::state.eq("open"),
            conversations::created_at.eq(at),
            conversations::last_message_at.eq(at),
        ))
        .execute(conn)
        .expect("a conversation");
    let id: Option<i64> = conversations::table.select(diesel::dsl::max(conversations::id)).first(conn).expect("its id");
    diesel::insert_into(chat_visitors::table)
        .values((
            chat_visitors::key_hash.eq(format!("visitor of {customer}")),
            chat_visitors::customer_id.eq(customer),
            chat_visitors::conversation_id.eq(id.expect("one")),
            chat_visitors::created_at.eq(at),
        ))
        .execute(conn)
        .expect("a visitor");
}

/// How many rows of each table name a customer.
fn rows_of(db: &Db, id: i64) -> Vec<(String, i64)> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let mut conn = db.conn().expect("a connection");
    TABLES
        .iter()
        // What the feed tells of both goes on meanwhile, and her history tells of the merge itself.
        .filter(|table| !["segment_moves", "field_changes"].contains(table))
        .map(|table| {
            let asked = diesel::sql_query(format!("SELECT count(*) AS count FROM {table} WHERE customer_id = {id}"));
            let found: Count = muster::each!(&mut *conn, c => asked.get_result(c)).expect("a count");
            (table.to_string(), found.count)
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn one_of_two_keeps_everything_of_both_and_the_other_comes_back_as_she_was() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        let (ana, cy) = (people.ana, people.cy);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let (autumn, winter) = db
            .write_now::<_, Trouble>(|conn| {
                let (autumn, winter) = (campaign("Autumn", conn), campaign("Winter", conn));
                // Ana was left out of the one, Cy got both.
                recipient(autumn, ana, "excluded", false, conn);
                recipient(autumn, cy, "sent", false, conn);
                recipient(winter, cy, "sent", false, conn);
                [ana, cy].into_iter().for_each(|id| conversation(id, conn));
                set_consent(cy, Channel::Sms, Consent::OptedIn, &by(&clock()), conn)?;
                set_consent(cy, Channel::Email, Consent::OptedOut, &by(&clock()), conn)?;
                Ok((autumn, winter))
            })
            .expect("what hangs on them");
        for (id, tag) in [(ana, "Gold"), (cy, "Silver")] {
            let made = post(&marketer, &server, "/tags", &[("name", tag), ("family", "Level"), ("colour", "amber")]);
            assert_eq!(made.status(), 200);
            post(&marketer, &server, &format!("/customers/{id}/taggings"), &[("name", tag)]);
        }
        db.write_now::<_, Trouble>(|conn| {
            let picked = segments::table.select(segments::id).filter(segments::name.eq("Picked")).first::<i64>(conn)?;
            diesel::delete(segment_members::table).execute(conn)?;
            diesel::insert_into(segment_members::table)
                .values((
                    segment_members::segment_id.eq(picked),
                    segment_members::customer_id.eq(cy),
                    segment_members::added_at.eq(clock().stamp()),
                ))
                .execute(conn)?;
            Ok(())
        })
        .expect("Cy alone is picked");
        let before = (customer(&db, ana), customer(&db, cy), rows_of(&db, ana), rows_of(&db, cy));

        let form = page(get(&marketer, &server, &format!("/customers/{ana}/merge?with={cy}")));
        let labels = texts(&form, "tr[role=radiogroup] th");
        assert!(labels.contains(&"Email".to_string()) && labels.contains(&"Plan".to_string()), "{labels:?}");
        let told = text(&form, "#merge .facts");
        assert!(told.contains("Gold makes way for Silver"), "{told}");
        assert!(told.contains("Email: opted out of opted in and opted out"), "{told}");
        assert!(told.contains("1 + 1 = 2") && told.contains("1 + 2, 1 of them the same: 2"), "{told}");
        // What is proposed, but for the name.
        let answer = fill(&marketer, &server, &form, "#merge", &[("field.name", "other"), ("field.email", "other")]);
        assert_eq!((answer.status().as_u16(), answer.url().path()), (200, &*format!("/customers/{ana}")));
        let toast = page(answer);
        assert!(text(&toast, ".toast-m").contains(&format!("#{cy} is part of #{ana} now")));

        let her = customer(&db, ana).expect("she stays");
        assert_eq!((her.name.as_deref(), her.email.as_deref()), (Some("Cy"), Some("cy@mail.example.com")));
        assert_eq!((her.purchase_count, her.total_spent, her.city.as_deref()), (2, 13_550, Some("São Paulo")));
        assert_eq!(her.created_at, before.0.as_ref().expect("Ana").created_at);
        assert_eq!(carried(&db, ana), ["Silver", "VIP", "Wholesale"]);
        let consents = db.read_now::<_, Trouble>(|conn| Ok(Consents::of(ana, conn)?)).expect("read");
        assert_eq!(consents.get(Channel::Email), Consent::OptedOut);
        assert_eq!(consents.get(Channel::Sms), Consent::Unknown, "hers was never asked, and she has a phone");
        // The row that tells less stays under the old number, so that sums are as they were.
        assert_eq!(rows_of(&db, cy), [("campaign_recipients".to_string(), 1)]);
        let statuses: Vec<(i64, i64, String)> = db
            .read_now::<_, Trouble>(|conn| {
                let rows = campaign_recipients::table
                    .order((campaign_recipients::campaign_id, campaign_recipients::customer_id));
                let columns =
                    (campaign_recipients::campaign_id, campaign_recipients::customer_id, campaign_recipients::status);
                Ok(rows.select(columns).load(conn)?)
            })
            .expect("read");
        let row = |campaign, customer, status: &str| (campaign, customer, status.to_string());
        assert_eq!(statuses, [row(autumn, ana, "sent"), row(autumn, cy, "excluded"), row(winter, ana, "sent")]);

        // Her old address leads here, for people and for programs.
        assert_eq!(get(&marketer, &server, &format!("/customers/{cy}")).url().path(), format!("/customers/{ana}"));
        let program = server.program(Role::Agent);
        let json: serde_json::Value =
            get(&program, &server, &format!("/api/v1/customers/{cy}")).json().expect("a customer");
        assert_eq!(json["id"], ana);

        // Somebody writes since: that stays, and is told. The rest goes back.
        let form = page(get(&marketer, &server, &format!("/customers/{ana}/edit")));
        let path = format!("/customers/{ana}");
        let mut typed = fields(&form, &format!("form[action='{path}']"));
        typed.iter_mut().filter(|(name, _)| name == "name").for_each(|(_, value)| *value = "Ana Maria".into());
        assert_eq!(marketer.post(server.url(&path)).form(&typed).send().expect("an answer").status(), 200);
        let profile = page(get(&marketer, &server, &path));
        assert!(text(&profile, "#merged").contains("merged by Mara Marketer"), "{}", text(&profile, "#merged"));
        let undo = attr(&profile, "#merged form", "action");
        let back = post(&marketer, &server, &undo, &[]);
        assert_eq!(back.url().path(), format!("/customers/{cy}"));
        assert!(text(&page(back), ".toast-m").contains("Name was changed since."));

        let (hers, other) = (customer(&db, ana).expect("Ana"), customer(&db, cy).expect("Cy"));
        let same = |one: &Customer, other: &Customer| {
            let mut one = one.clone();
            (one.updated_at, one.name) = (other.updated_at, other.name.clone());
            assert_eq!(&one, other);
        };
        same(&hers, &before.0.expect("Ana"));
        same(&other, &before.1.expect("Cy"));
        assert_eq!((hers.name.as_deref(), other.name.as_deref()), (Some("Ana Maria"), Some("Cy")));
        assert_eq!(
            (carried(&db, ana), carried(&db, cy)),
            (vec!["Gold".into(), "VIP".into()], vec!["Silver".to_string(), "VIP".into(), "Wholesale".into()])
        );
        assert_eq!((rows_of(&db, ana), rows_of(&db, cy)), (before.2, before.3));
        let consents = db.read_now::<_, Trouble>(|conn| Ok(Consents::of_customers(&[ana, cy], conn)?)).expect("read");
        assert_eq!(
            (consents[&ana].get(Channel::Email), consents[&cy].get(Channel::Sms)),
            (Consent::OptedIn, Consent::OptedIn)
        );
        let log: Vec<String> = db
            .read_now::<_, Trouble>(|conn| {
                let about = audit_log::table.filter(audit_log::subject.eq(format!("customer {ana}")));
                Ok(about.order(audit_log::id).select(audit_log::action).load(conn)?)
            })
            .expect("read");
        assert_eq!(log, ["customer.merge", "customer.unmerge"]);
    });
}

#[test]
fn nobody_is_merged_unseen_twice_or_with_herself() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let (ana, bo, cy) = (people.ana, people.bo, people.cy);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let itself = get(&marketer, &server, &format!("/customers/{ana}/merge?with={ana}"));
        assert_eq!(itself.status(), 422);
        assert!(text(&page(itself), "[role=alert]").contains("one and the same customer"));
        let itself = post(&marketer, &server, &format!("/customers/{ana}/merge"), &[("with", &ana.to_string())]);
        assert_eq!(itself.status(), 422);
        assert!(text(&page(itself), "[role=alert]").contains("one and the same customer"));

        // Changed since it was shown: the form comes back with what is new, and with what was chosen.
        let form = page(get(&marketer, &server, &format!("/customers/{ana}/merge?with={bo}")));
        post(&marketer, &server, &format!("/customers/{bo}/taggings"), &[("name", "Late")]);
        let late = fill(&marketer, &server, &form, "#merge", &[("field.city", "other")]);
        assert_eq!(late.status(), 422);
        let again = page(late);
        assert!(text(&again, "[role=alert]").contains("changed since you looked"));
        assert!(text(&again, "#merge .facts").contains("Late"));
        assert!(fields(&again, "#merge").contains(&("field.city".into(), "other".into())));
        assert_eq!(fill(&marketer, &server, &again, "#merge", &[]).status(), 200);
        assert_eq!(customer(&db, ana).expect("Ana").city.as_deref(), Some("sao paulo"));

        // Two people merge the same pair, each the other way round: one does, the other is told.
        let path = |keep: i64, with: i64| format!("/customers/{keep}/merge?with={with}");
        let forms = [page(get(&marketer, &server, &path(ana, cy))), page(get(&marketer, &server, &path(cy, ana)))];
        let sent: Vec<(String, Vec<(String, String)>)> =
            forms.iter().map(|form| (attr(form, "#merge", "action"), fields(form, "#merge"))).collect();
        let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let ask = |(path, form): &(String, Vec<(String, String)>)| {
                let answer = marketer.post(server.url(path)).form(form).send().expect("an answer");
                (answer.status().as_u16(), answer.text().expect("a page"))
            };
            let running: Vec<_> = sent.iter().map(|one| scope.spawn(move || ask(one))).collect();
            running.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let mut statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422]);
        let told = answers.iter().find(|(status, _)| *status == 422).map(|(_, text)| text.clone()).unwrap_or_default();
        assert!(told.contains("Mara Marketer merged these two a moment ago"), "{told}");
        // Bo is part of whoever is left, along the chain.
        let left = if customer(&db, ana).is_some() { ana } else { cy };
        assert_eq!(get(&marketer, &server, &format!("/customers/{bo}")).url().path(), format!("/customers/{left}"));
        if left == cy {
            let first = db.read_now::<_, Trouble>(|conn| Ok(Merge::of_old(bo, conn)?)).expect("read").expect("Bo's");
            let early = post(&marketer, &server, &format!("/customers/merges/{}/undo", first.id), &[]);
            assert_eq!(early.status(), 422);
            assert!(early.text().expect("a page").contains("Undo that first"));
        }
    });
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[test]
fn every_table_that_names_a_customer_is_thought_of() {
    for_each_database(|db| {
        let mut conn = db.conn().expect("a connection");
        let found: Vec<Table> = match &mut *conn {
            Conn::Sqlite(c) => diesel::sql_query(
                "SELECT DISTINCT m.name AS name FROM sqlite_schema m, pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND c.name = 'customer_id' ORDER BY 1",
            )
            .load(c)
            .expect("the tables"),
            Conn::Postgres(c) => diesel::sql_query(
                "SELECT table_name::text AS name FROM information_schema.columns \
                 WHERE table_schema = 'public' AND column_name = 'customer_id' ORDER BY 1",
            )
            .load(c)
            .expect("the tables"),
        };
        let mut known = TABLES.to_vec();
        known.sort_unstable();
        let found: Vec<String> = found.into_iter().map(|table| table.name).filter(|name| name != "changes").collect();
        assert_eq!(found, known);
    });
}

#[test]
fn a_marketer_compares_two_merges_them_and_takes_it_back() {
    for_each_database(|db| {
        import(
            &db,
            "name,email,phone,city\nAnna Müller,anna@one.example,,Berlin\nAnna Muller,,+4915112345678,berlin\n",
        );
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers/1").await;
            marketer.sees("#near", "same name, same city").await;
            marketer.press("Compare").await;
            marketer.sees("h1", "Merge Anna Müller").await;
            marketer.sees(".sides", "+4915112345678").await;
            marketer.press("Merge into #1").await;
            marketer.sees(".toast-m", "#2 is part of #1 now").await;
            marketer.sees(".profile-head", "+4915112345678").await;
            marketer.press("Undo this merge").await;
            marketer.sees(".toast-m", "#2 is a customer of her own again").await;
            marketer.sees("h1", "Anna Muller").await;
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;
        });
    });
}
