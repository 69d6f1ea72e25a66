//! Her rights: a copy of everything that is kept about her, and being forgotten everywhere, with all counts as before.

use crate::support::campaigns::{done, email_to, launch};
use crate::support::imports::import_with;
use crate::support::pages::{get, page, post, text};
use crate::support::{Server, clock, for_each_database};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use muster::agents::Role;
use muster::campaigns::Campaign;
use muster::db::schema::{audit_log, conversations, customers, import_lines, messages, suppressions};
use muster::db::{Address, Conn, Db, Trouble};
use muster::imports::Import;
use reqwest::blocking::Client;
use reqwest::blocking::multipart::{Form, Part};
use std::path::Path;

/// Nobody but her has this word, in her name, her address and all that was ever said of her; nor these digits.
const WORD: &str = "zyxwortel";
const DIGITS: &str = "70987612";

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

/// Every text of every table that has the word or the digits in it, as `table.column`.
fn places(db: &Db) -> Vec<String> {
    let mut conn = db.conn().expect("a connection");
    let names = |conn: &mut Conn, query: &str| -> Vec<String> {
        let rows: Vec<Name> = muster::each!(conn, c => diesel::sql_query(query).load(c)).expect("names");
        rows.into_iter().map(|row| row.name).collect()
    };
    let all = match &mut *conn {
        Conn::Sqlite(_) => {
            "SELECT m.name || '.' || c.name AS name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        }
        Conn::Postgres(_) => {
            "SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let mut found = Vec::new();
    for place in names(&mut conn, all) {
        let (table, column) = place.split_once('.').expect("a column");
        let asked = format!(
            "SELECT '{place}' AS name FROM {table} WHERE lower(CAST(\"{column}\" AS TEXT)) LIKE '%{WORD}%' \
             OR CAST(\"{column}\" AS TEXT) LIKE '%{DIGITS}%' LIMIT 1"
        );
        found.extend(names(&mut conn, &asked));
    }
    found
}

/// Files below a folder that have the word in them.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file").to_ascii_lowercase();
            let holds = |word: &str| bytes.windows(word.len()).any(|piece| piece == word.as_bytes());
            if holds(WORD) || holds(DIGITS) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn upload(admin: &Client, server: &Server, name: &str, file: String) -> String {
    let form = Form::new().part("file", Part::bytes(file.into_bytes()).file_name(name.to_string()));
    let answer = admin.post(server.url("/imports")).multipart(form).send().expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.url().path().to_string()
}

#[test]
fn nothing_of_an_erased_person_is_left_anywhere_and_all_sums_are_as_before() {
    for_each_database(|db| {
        let file = format!(
            "external_id,name,email,phone,city,tags,email_opt_in\n\
             {WORD}-1,Olga {WORD},olga@{WORD}.example,+46{DIGITS}0,{WORD}by,Regular,yes\n\
             {WORD}-2,Olga {WORD}sson,{WORD}@mail.example,,,,yes\n\
             n-3,Nils,nils@shop.example,,,Regular,yes\n\
             n-4,Nobody,olga@{WORD}.example@wrong,,,,\n"
        );
        let imported = import_with(&db, &file, |plan| plan.consent_proof = Some("asked at the till".into()));
        let again = format!("external_id,city\n{WORD}-1,New {WORD}by\n");
        import_with(&db, &again, |_| {});
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let olga = db
            .read_now::<_, Trouble>(|conn| {
                let first = customers::table.filter(customers::external_id.eq(format!("{WORD}-1")));
                Ok(first.select(customers::id).first::<i64>(conn)?)
            })
            .expect("Olga");
        // A campaign lies in the outbox, somebody wrote, two records of her were merged, and the log says much.
        let campaign = email_to(&db, "News", "tags contains Regular");
        launch(&db, &campaign).expect("it goes");
        done(&db, &campaign);
        db.write_now::<_, Trouble>(|conn| {
            let at = clock().stamp();
            let talk: i64 = diesel::insert_into(conversations::table)
                .values((
                    conversations::customer_id.eq(olga),
                    conversations::channel.eq("email"),
                    conversations::state.eq("open"),
                    conversations::subject.eq(format!("About {WORD}")),
                    conversations::created_at.eq(at),
                    conversations::last_message_at.eq(at),
                    conversations::preview.eq(format!("I am {WORD}")),
                ))
                .returning(conversations::id)
                .get_result(conn)?;
            diesel::insert_into(messages::table)
                .values((
                    messages::conversation_id.eq(talk),
                    messages::kind.eq("note"),
                    messages::channel.eq("email"),
                    messages::author.eq("Ada"),
                    messages::body.eq(format!("=She says she is {WORD}")),
                    messages::at.eq(at),
                    messages::status.eq("done"),
                    messages::address.eq(format!("olga@{WORD}.example")),
                ))
                .execute(conn)?;
            for (subject, details) in [
                (format!("customer {olga}"), format!("{{\"before\":{{\"city\":\"{WORD}by\"}}}}")),
                ("campaign 1".to_string(), format!("{{\"to\":\"OLGA@{WORD}.example\",\"sent\":7}}")),
            ] {
                diesel::insert_into(audit_log::table)
                    .values((
                        audit_log::at.eq(at),
                        audit_log::actor.eq("Ada"),
                        audit_log::action.eq("note"),
                        audit_log::subject.eq(subject),
                        audit_log::details.eq(details),
                    ))
                    .execute(conn)?;
            }
            Ok(())
        })
        .expect("what was said");
        let other = db
            .read_now::<_, Trouble>(|conn| {
                let second = customers::table.filter(customers::external_id.eq(format!("{WORD}-2")));
                Ok(second.select(customers::id).first::<i64>(conn)?)
            })
            .expect("the other");
        let form = page(get(&admin, &server, &format!("/customers/{olga}/merge?with={other}")));
        let merged = crate::support::pages::fill(&admin, &server, &form, "#merge", &[("field.name", "hers")]);
        assert_eq!(merged.status(), 200);
        let bulk = [("do", "set_field"), ("field", "city"), ("value", "Oslo"), ("id", &*olga.to_string())];
        post(&admin, &server, "/bulk", &bulk);
        let waiting = upload(&admin, &server, "late.csv", format!("name,email\nOlga {WORD},olga@{WORD}.example\n"));
        let kept = upload(&admin, &server, "others.csv", "name,email\nNils,nils@shop.example\n".into());

        // A copy of everything, as JSON and as CSV, which no spreadsheet runs.
        let path = |rest: &str| format!("/customers/{olga}{rest}");
        let json: serde_json::Value = get(&admin, &server, &path("/data.json")).json().expect("JSON");
        assert_eq!(json["profile"][0]["email"], format!("olga@{WORD}.example"));
        assert_eq!(json["conversations"][0]["messages"][0]["kind"], "note");
        assert_eq!(json["campaigns"][0]["status"], "sent");
        assert_eq!(json["imports"].as_array().map(Vec::len), Some(3));
        let csv = get(&admin, &server, &path("/data.csv")).text().expect("CSV");
        assert!(csv.starts_with("section,field,value,at,who\n"), "{csv}");
        assert!(csv.contains(&format!("conversations,messages.body,'=She says she is {WORD},")), "{csv}");
        assert!(csv.contains("tags,tag,Regular,"), "{csv}");
        let marketer = server.signed_in(Role::Marketer);
        assert_eq!(get(&marketer, &server, &path("/data.json")).status(), 403);

        // The page says what goes and what does not; a slip erases nobody.
        let asked = page(get(&admin, &server, &path("/erase")));
        let told = text(&asked, "#erase");
        assert!(
            told.contains("The import late.csv is discarded") && told.contains("1 conversation with 1 message"),
            "{told}"
        );
        let slip = post(&admin, &server, &path("/erase"), &[("who", "Nils")]);
        assert_eq!(slip.status(), 422);
        let before = sums(&db, &campaign, imported.id);
        assert!(!places(&db).is_empty());
        let number = format!("#{olga}");
        let answer = post(&admin, &server, &path("/erase"), &[("who", &number)]);
        assert_eq!(answer.status(), 200, "{}", answer.text().unwrap_or_default());

        assert_eq!(places(&db), Vec::<String>::new());
        assert_eq!(sums(&db, &campaign, imported.id), before);
        for gone in [olga, other] {
            assert_eq!(get(&admin, &server, &format!("/customers/{gone}")).status(), 404);
        }
        assert_eq!(get(&admin, &server, &waiting).status(), 404);
        assert_eq!(get(&admin, &server, &kept).status(), 200, "what does not name her waits on");
        let outbox = server.outbox();
        let folder = outbox.parent().expect("the folder beside");
        assert_eq!(files(folder), Vec::<String>::new());
        if let Address::Sqlite(path) = db.address() {
            let mut conn = db.conn().expect("a connection");
            if let Conn::Sqlite(c) = &mut *conn {
                c.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("the log is emptied");
            }
            assert_eq!(files(Path::new(path).parent().expect("its folder")), Vec::<String>::new());
        }
        let log: Vec<String> = db
            .read_now::<_, Trouble>(|conn| {
                let about = audit_log::table.filter(audit_log::subject.eq(format!("customer {olga}")));
                Ok(about.order(audit_log::id).select(audit_log::action).load(conn)?)
            })
            .expect("the log");
        let expected = ["note", "customer.merge", "customer.export", "customer.export", "customer.erase"];
        assert_eq!(log, expected);
        // Nils is as he was.
        let nils = page(get(&admin, &server, "/customers"));
        assert!(nils.html().contains("nils@shop.example"));
    });
}

/// What a campaign and an import came to, and how many addresses get nothing any more.
fn sums(db: &Db, campaign: &Campaign, import: i64) -> (String, String, Vec<(i64, String)>, i64) {
    db.read_now::<_, Trouble>(|conn| {
        let sums = muster::campaigns::recipients::Sums::of(campaign.id, conn)?;
        let kept = Import::find(import, conn)?.expect("the import");
        let lines = import_lines::table.filter(import_lines::import_id.eq(import)).order(import_lines::line);
        let lines = lines.select((import_lines::line, import_lines::outcome)).load(conn)?;
        Ok((format!("{sums:?}"), format!("{:?}", kept.totals), lines, suppressions::table.count().get_result(conn)?))
    })
    .expect("the sums")
}
