//! Importing a file in a test, without the command line and the pages.

use muster::agents::Caller;
use muster::custom_fields::CustomField;
use muster::db::{Db, Trouble};
use muster::imports::reader::Reader;
use muster::imports::shape::{Shape, Unreadable};
use muster::imports::{Import, Incoming, Plan, Remark, State, Subject, Totals, outcome, rehearsal, run};
use muster::workspace::Workspace;
use std::io::Write;
use std::path::Path;

/// What an import came to.
pub struct Done {
    pub id: i64,
    pub totals: Totals,
    pub rejected: Vec<Remark>,
    pub notes: Vec<Remark>,
}

impl Done {
    /// `created updated unchanged skipped rejected blank`
    pub fn sums(&self) -> [i64; 6] {
        let t = &self.totals;
        [t.created, t.updated, t.unchanged, t.skipped, t.rejected, t.blank]
    }
    /// `line column: reason` of every rejection.
    pub fn reasons(&self) -> Vec<String> {
        self.rejected.iter().map(|r| format!("{} {}: {}", r.line, r.column_name, r.reason)).collect()
    }
}

/// Imports a customers file as the program does, after `change` has had its say about the plan.
pub fn import_bytes(db: &Db, bytes: &[u8], change: impl FnOnce(&mut Plan)) -> Done {
    import_about(Subject::Customers, db, bytes, |plan, _| change(plan))
}

/// Imports a file of purchases.
pub fn import_purchases(db: &Db, text: &str) -> Done {
    import_about(Subject::Purchases, db, text.as_bytes(), |_, _| {})
}

/// The same for any file; `change` is told of the custom fields too. Before, it is tried out: what that says comes true,
/// to the line.
pub fn import_about(subject: Subject, db: &Db, bytes: &[u8], change: impl FnOnce(&mut Plan, &[CustomField])) -> Done {
    let (done, foretold) = carry(subject, db, bytes, change);
    assert_eq!(foretold, done.totals, "the dry run said otherwise");
    done
}

/// A file that others are imported beside: what a dry run says of it may be over a moment later.
pub fn import_beside_others(subject: Subject, db: &Db, text: &str) -> Done {
    carry(subject, db, text.as_bytes(), |_, _| {}).0
}

fn carry(subject: Subject, db: &Db, bytes: &[u8], change: impl FnOnce(&mut Plan, &[CustomField])) -> (Done, Totals) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut plan = Plan::about(subject);
    let shape = Shape::find(file.path(), &plan.shape).unwrap();
    let mut conn = db.conn().unwrap();
    let fields = CustomField::all(&mut conn).unwrap();
    plan.propose(&Reader::open(file.path(), &shape, &plan.limits).unwrap().headers, &fields);
    change(&mut plan, &fields);
    plan.check().unwrap();
    let file_of = Incoming { name: "test.csv".into(), sha256: String::new(), path: Some(file.path().to_path_buf()) };
    let folder = tempfile::tempdir().unwrap();
    let imagined = Import::imagined(&file_of, &plan);
    let mut on = |_| Ok(true);
    let foretold = rehearsal::rehearse(&imagined, file.path(), &folder.path().join("tried"), db, &mut on).unwrap();
    let holder = "a test";
    let import = db
        .write_on::<_, Trouble>(&mut conn, |conn| {
            let clock = Workspace::load(conn)?.clock();
            plan.make_fields(clock.stamp(), conn).expect("the fields are made");
            let import = Import::create(&file_of, &plan, &Caller::command_line(), &clock, conn)?;
            assert!(import.start(&clock, conn)? && Import::hold(import.id, holder, conn)?);
            Ok(Import::find(import.id, conn)?.expect("it is there"))
        })
        .unwrap();
    let totals = run::carry_out(&import, file.path(), holder, db, &mut |_| {}).unwrap();
    let rejected = import.remarks(outcome::Remark::REJECTED, 0, 1000, &mut conn).unwrap();
    let notes = import.remarks(outcome::Remark::NOTE, 0, 1000, &mut conn).unwrap();
    let kept = Import::find(import.id, &mut conn).unwrap().unwrap();
    assert_eq!((kept.state, kept.totals), (State::Done, totals));
    (Done { id: import.id, totals, rejected, notes }, foretold)
}

/// How the file would be read, in words; or why it would not.
pub fn looked_at(path: &Path) -> Result<String, Unreadable> {
    let plan = Plan::default();
    let shape = Shape::find(path, &plan.shape)?;
    Reader::open(path, &shape, &plan.limits).map(|_| shape.words())
}

pub fn import(db: &Db, text: &str) -> Done {
    import_bytes(db, text.as_bytes(), |_| {})
}

pub fn import_with(db: &Db, text: &str, change: impl FnOnce(&mut Plan)) -> Done {
    import_bytes(db, text.as_bytes(), change)
}
