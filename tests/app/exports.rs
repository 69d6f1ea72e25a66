//! What leaves as CSV is safe in a spreadsheet and comes back without a change; and the command line's words.

use crate::support::command::{muster, said, told, totals};
use crate::support::{for_each_database, world};

#[test]
fn export_then_import_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.csv");
    let file = file.to_str().unwrap();
    let awkward = folder.path().join("awkward.csv");
    std::fs::write(
        &awkward,
        "external_id,name,city,tags,sms_consent\n-9,'=SUM(A1),'(clear),=x;(clear),no\n''-8,\"Doe; \"\"J\"\"\",'''@x,,yes\n\
         ,Keyless,,VIP,\n",
    )
    .unwrap();
    for_each_database(|db| {
        world(&db);
        let done =
            muster(&db, &["import", "customers", awkward.to_str().unwrap(), "--json", "--consent-proof", "paper"]);
        assert_eq!(totals(&done)["created"], 3, "{}", told(&done));
        assert!(muster(&db, &["export", "--out", file]).status.success());
        let again = muster(&db, &["import", "customers", file, "--json"]);
        let sums = totals(&again);
        assert_eq!((&sums["created"], &sums["updated"], &sums["unchanged"]), (&0.into(), &0.into(), &8.into()));
        assert_eq!(again.status.code(), Some(0), "{}", told(&again));
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("'=SUM(A1)") && !text.contains("''(clear)") && text.contains("'(clear)"));
        assert!(text.contains("+5511912345678") && text.contains("'+5511912345678"), "{text}");
    });
}

#[test]
fn an_export_holds_whom_the_filter_selects_and_nobody_else() {
    for_each_database(|db| {
        world(&db);
        let out =
            muster(&db, &["export", "--filter", "tags contains VIP", "--columns", "external_id,tags,total_spent"]);
        assert_eq!(said(&out), "external_id,tags,total_spent\nc1,VIP,120.00\nc3,VIP;Wholesale,15.50\nc5,VIP,1000.00\n");
        assert_eq!(said(&muster(&db, &["count", "--filter", "tags contains VIP"])), "3\n");
        let asked = ["count", "--filter", "last_seen_at in the last 90 days", "--now", "2026-09-08T15:00:00Z"];
        assert_eq!(said(&muster(&db, &asked)), "2\n");
        for words in [
            &["count", "--filter", "tags contains Nothing"][..],
            &["export", "--filter", "colour is red"],
            &["export", "--columns", "colour"],
        ] {
            let refused = muster(&db, words);
            assert_eq!((refused.status.code(), said(&refused).as_str()), (Some(1), ""), "{words:?}");
            assert!(told(&refused).starts_with("muster: "), "{}", told(&refused));
        }
    });
}

#[test]
fn the_command_line_says_how_an_import_went() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    std::fs::write(&file, "E-Mail,Name,Plan,Labels\nana@example.com,Ana,pro,VIP\nbo@example,Bo,free,\n\n").unwrap();
    let file = file.to_str().unwrap();
    for_each_database(|db| {
        let dry = muster(&db, &["import", "customers", file, "--dry-run", "--json"]);
        let sums = totals(&dry);
        assert_eq!((&sums["lines"], &sums["created"], &sums["rejected"]), (&4.into(), &1.into(), &1.into()));
        assert_eq!(said(&muster(&db, &["count", "--filter", "everyone"])), "0\n");
        let done = muster(&db, &["import", "customers", file, "--tag", "Autumn", "--map", "Plan=city"]);
        assert_eq!(done.status.code(), Some(2));
        assert!(told(&done).contains("line 3, E-Mail \"bo@example\": "), "{}", told(&done));
        let words: Vec<String> = said(&done).lines().map(|line| line.trim().to_string()).collect();
        let sums = "1 header,1 blank,1 created,0 updated,0 unchanged,0 skipped,1 rejected,4 lines";
        assert_eq!(words.join(","), sums);
        let out = muster(&db, &["export", "--columns", "email,city,tags"]);
        assert_eq!(said(&out), "email,city,tags\nana@example.com,pro,Autumn;VIP\n");
    });
}
