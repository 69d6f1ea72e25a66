//! Dates with the day or the month first and numbers with a decimal comma: proposed without doubt, chosen otherwise, and
//! what is wrong is told in the words of its column.

use crate::support::command::{muster, said, told, totals};
use crate::support::imports::{import, import_about};
use crate::support::{Server, for_each_database};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::{customers, purchases};
use muster::db::{Db, Trouble};
use muster::imports::Subject;
use muster::workspace::Workspace;
use reqwest::blocking::multipart::{Form, Part};

/// A file of its own, for the command line.
struct File(tempfile::TempDir);

impl File {
    fn with(text: &str) -> File {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file.csv"), text).expect("a file");
        File(folder)
    }
    fn import(&self, db: &Db, what: &str, more: &[&str]) -> std::process::Output {
        let path = self.0.path().join("file.csv");
        muster(db, &[&["import", what, path.to_str().expect("a path"), "--json"], more].concat())
    }
}

fn in_sao_paulo(db: &Db) {
    db.write_now::<_, Trouble>(|conn| {
        Workspace { zone: chrono_tz::America::Sao_Paulo, ..Workspace::default() }.save(conn)?;
        Ok(())
    })
    .expect("a workspace");
}

/// Amounts and moments of all purchases, in order.
fn bought(db: &Db) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        let rows: Vec<(i64, chrono::NaiveDateTime)> = purchases::table
            .order(purchases::external_id)
            .select((purchases::amount, purchases::purchased_at))
            .load(conn)?;
        Ok(rows.into_iter().map(|(amount, at)| format!("{amount} {at}")).collect())
    })
    .expect("purchases")
}

/// When everybody came, by external id.
fn since(db: &Db) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        let rows: Vec<chrono::NaiveDateTime> =
            customers::table.order(customers::external_id).select(customers::created_at).load(conn)?;
        Ok(rows.into_iter().map(|at| at.to_string()).collect())
    })
    .expect("customers")
}

#[test]
fn what_can_only_be_meant_one_way_is_read_that_way() {
    let sales = File::with(
        "external_id;email;amount;purchased_at\nb1;ana@example.com;1.234,56;31.12.2025 23:30\n\
         b2;ana@example.com;-7;01.02.2025\nb3;ana@example.com;12,5;2025-03-04T05:06:07Z\n",
    );
    for_each_database(|db| {
        in_sao_paulo(&db);
        import(&db, "external_id,email\nc1,ana@example.com\n");
        let done = sales.import(&db, "purchases", &[]);
        assert_eq!(totals(&done)["created"], 3, "{}", told(&done));
        assert!(
            told(&done).contains("dates and numbers: amount: decimal comma, purchased_at: day first"),
            "{}",
            told(&done)
        );
        assert_eq!(bought(&db), ["123456 2026-01-01 02:30:00", "-700 2025-02-01 03:00:00", "1250 2025-03-04 05:06:07"]);
    });
}

#[test]
fn what_may_be_meant_two_ways_is_asked_and_never_guessed() {
    let file = File::with("external_id,created_at\nk1,03/04/2025\nk2,05/06/2025 7:08 PM\n");
    for_each_database(|db| {
        in_sao_paulo(&db);
        let refused = file.import(&db, "customers", &[]);
        assert_eq!(totals(&refused)["rejected"], 2);
        let reason = "line 2, created_at \"03/04/2025\": “03/04/2025” is not a time. Write 2026-09-07 or \
                      2026-09-07T14:30:00Z. Dates in this column are year-month-day; another order can be chosen for it.";
        assert!(told(&refused).contains(reason), "{}", told(&refused));
        let days = file.import(&db, "customers", &["--read", "created_at=day-first"]);
        assert_eq!(totals(&days)["created"], 2, "{}", told(&days));
        assert_eq!(since(&db), ["2025-04-03 03:00:00", "2025-06-05 22:08:00"]);
        let months = file.import(&db, "customers", &["--read", "Created_At=month-first"]);
        assert_eq!(totals(&months)["updated"], 2, "{}", told(&months));
        assert_eq!(since(&db), ["2025-03-04 03:00:00", "2025-05-06 22:08:00"]);
        for (read, why) in [
            ("created_at=decimal-comma", "created_at holds dates; decimal-comma is about numbers"),
            ("external_id=day-first", "external_id becomes neither a date nor a number"),
            ("nothing=day-first", "no column called \"nothing\""),
            ("created_at=backwards", "read as usual, day-first, month-first, decimal-comma, not as \"backwards\""),
            ("created_at", "not of the form HEADER=NOTATION"),
        ] {
            let refused = file.import(&db, "customers", &["--read", read]);
            assert_eq!((refused.status.code(), said(&refused).as_str()), (Some(1), ""), "{read}");
            assert!(told(&refused).contains(why), "{}", told(&refused));
        }
    });
}

#[test]
fn custom_dates_and_numbers_are_read_so_too() {
    let file = File::with(
        "external_id|born|Spend|note\n1|29.02.1988|1 000,5|31.12.2025\n2|30.1.1990 00:00|2,25|1,5\n3|31.04.1990|2.5|x\n\
         4|29.02.1990|1,000.5|\n",
    );
    let maps =
        ["--map", "born=custom.born:date", "--map", "Spend=custom.spend:number", "--map", "note=custom.note:text"];
    let read = ["--read", "born=day-first", "--read", "Spend=decimal-comma"];
    for_each_database(|db| {
        let done = file.import(&db, "customers", &[&maps[..], &read].concat());
        assert_eq!((&totals(&done)["created"], &totals(&done)["rejected"]), (&2.into(), &2.into()), "{}", told(&done));
        for reason in [
            "line 4, born \"31.04.1990\": April has no 31st; dates in this column are day.month.year.",
            "line 4, Spend \"2.5\": “2.5” is not a number; numbers in this column have a decimal comma, like 1.234,56.",
            "line 5, born \"29.02.1990\": February 1990 has no 29th; dates in this column are day.month.year.",
            "line 5, Spend \"1,000.5\": “1,000.5” is not a number;",
        ] {
            assert!(told(&done).contains(reason), "{reason} in {}", told(&done));
        }
        let out = muster(&db, &["export", "--columns", "external_id,custom.born,custom.spend,custom.note"]);
        assert_eq!(
            said(&out),
            "external_id,custom.born,custom.spend,custom.note\n1,1988-02-29,1000.5,31.12.2025\n2,1990-01-30,2.25,\"1,5\"\n"
        );
        // What leaves is written as usual and comes back without a change.
        let done = import(&db, &said(&out));
        assert_eq!(done.sums(), [0, 0, 2, 0, 0, 0], "{:?}", done.reasons());
    });
}

#[test]
fn the_mapping_page_offers_the_ways_and_the_report_says_which_was_chosen() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let text = "email,amount,purchased_at,Printed\na@example.com,5,03/04/2025,01.02.2025\n";
        import(&db, "email\na@example.com\n");
        let part = Part::bytes(text.as_bytes()).file_name("sales.csv");
        let page = admin.post(server.url("/imports")).multipart(Form::new().part("file", part)).send().expect("a page");
        let url = page.url().to_string();
        let html = page.text().expect("text");
        let offered = |at: usize| html.contains(&format!("name=\"notation.{at}\""));
        // A column that becomes nothing yet is asked about when it looks like one of dates.
        assert_eq!([offered(0), offered(1), offered(2), offered(3)], [false, true, true, true], "{html}");
        let form = [
            ("column.0", "email"),
            ("column.1", "amount"),
            ("column.2", "purchased_at"),
            ("column.3", ""),
            ("notation.1", "usual"),
            ("notation.2", "month-first"),
            ("match.1", "email"),
        ];
        admin.post(format!("{url}/check")).form(&form).send().expect("it is tried out");
        admin.post(format!("{url}/run")).send().expect("it runs");
        let report = (0..200).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let html = admin.get(&url).send().ok()?.text().ok()?;
            (!html.contains("You can leave this page")).then_some(html)
        });
        let report = report.expect("it ends");
        assert!(report.contains("purchased_at: month first"), "{report}");
        assert_eq!(bought(&db), ["500 2025-03-04 00:00:00"]);
    });
}

#[test]
fn purchases_are_read_as_their_plan_says_whoever_goes_on_with_them() {
    for_each_database(|db| {
        import(&db, "email\na@example.com\n");
        let text = "email,amount,purchased_at\na@example.com,\"1,5\",1.2.2025\n";
        let done = import_about(Subject::Purchases, &db, text.as_bytes(), |plan, _| {
            plan.read("amount=decimal-comma").expect("a number");
            plan.read("purchased_at=day-first").expect("a date");
            let kept = serde_json::to_string(plan).expect("JSON");
            *plan = serde_json::from_str(&kept).expect("the same plan");
        });
        assert_eq!(done.sums(), [1, 0, 0, 0, 0, 0], "{:?}", done.reasons());
        assert_eq!(bought(&db), ["150 2025-02-01 00:00:00"]);
    });
}
