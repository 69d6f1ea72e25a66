//! `muster import customers` and `muster import purchases`: the same import as the page's, with a progress bar.

use super::plan::{Key, Mode, Plan, TagMode, Unknown};
use super::run::{self, Progress, Stopped};
use super::scratch::Scratch;
use super::shape::Unreadable;
use super::{Import, Incoming, Subject, Totals, files, outcome, preview, rehearsal, work};
use crate::agents::Caller;
use crate::cli::ImportFile;
use crate::custom_fields::{CustomField, Problem};
use crate::db::{Conn, Db, Trouble};
use crate::jobs;
use crate::workspace::Workspace;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many reasons are printed; the rest is in the report.
const PRINTED: i64 = 20;
/// Notes are many where a whole column says the same.
const NOTED: i64 = 10;

/// Exit 0, or 2 if any line was rejected.
pub fn import(subject: Subject, db: &Db, asked: &ImportFile) -> anyhow::Result<ExitCode> {
    let path = asked.file.as_path();
    let fields = db.read_now::<_, Trouble>(|conn| Ok(CustomField::all(conn)?))?;
    let plan = plan(subject, path, asked, &fields).with_context(|| path.display().to_string())?;
    eprintln!("muster: {}, {}", path.display(), plan.read_as);
    if !plan.left_out().is_empty() {
        eprintln!("muster: not imported: {}", plan.left_out().join(", "));
    }
    if !plan.read_otherwise().is_empty() {
        eprintln!("muster: dates and numbers: {}", plan.read_otherwise().join(", "));
    }
    let bar = bar(plan.size);
    let done = match asked.dry_run {
        true => rehearse(&plan, path, &bar, db),
        false => commit(&plan, path, &bar, db),
    };
    bar.finish_and_clear();
    let (id, totals, reasons) = done.with_context(|| path.display().to_string())?;
    for reason in reasons {
        eprintln!("{reason}");
    }
    print(asked, &plan, id, &totals)?;
    Ok(if totals.rejected > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn plan(subject: Subject, path: &Path, asked: &ImportFile, fields: &[CustomField]) -> anyhow::Result<Plan> {
    let mut plan = Plan {
        mode: Mode::parse(&asked.mode).ok_or_else(|| anyhow!("there is no mode {}", asked.mode))?,
        tags: TagMode::parse(&asked.tags).ok_or_else(|| anyhow!("tags are added, replaced or removed"))?,
        unknown_tags: Unknown::parse(&asked.unknown_tags).ok_or_else(|| anyhow!("unknown tags: create or reject"))?,
        tag: asked.tag.clone(),
        limits: asked.limits,
        consent_proof: asked.consent_proof.as_deref().and_then(crate::fold::filled),
        ..Plan::about(subject)
    };
    if !asked.match_by.is_empty() {
        plan.match_by = Key::parse_list(&asked.match_by.join(",")).map_err(|reason| anyhow!(reason))?;
    }
    preview::look(path, &mut plan, fields)?;
    for map in &asked.map {
        plan.map(map, fields).map_err(|reason| anyhow!(reason))?;
    }
    for read in &asked.read {
        plan.read(read).map_err(|reason| anyhow!(reason))?;
    }
    plan.check().map_err(|reason| anyhow!(reason))?;
    Ok(plan)
}

type Done = (Option<i64>, Totals, Vec<String>);

/// The file under the address by which any process finds it again.
fn incoming(path: &Path) -> Result<Incoming, Stopped> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let path = std::fs::canonicalize(path)?;
    Ok(Incoming { name, sha256: files::sha256(&path)?, path: Some(path) })
}

fn commit(plan: &Plan, path: &Path, bar: &ProgressBar, db: &Db) -> Result<Done, Stopped> {
    let file = incoming(path)?;
    let begun = db.read_now::<_, Stopped>(|conn| Ok(Import::unfinished(&file, plan, conn)?))?;
    let holder = jobs::holder();
    let import = match begun {
        Some(import) => {
            eprintln!("muster: goes on with import {}, of which {} lines have landed", import.id, import.settled);
            taken(import.id, &holder, db)?
        }
        None => db.write_now::<_, Stopped>(|conn| {
            let clock = Workspace::load(conn)?.clock();
            plan.make_fields(clock.stamp(), conn)?;
            let caller = Caller::command_line();
            let import = Import::create(&file, plan, &caller, &clock, conn)?;
            import.start(&clock, conn)?;
            import.audit("import.run", &caller, conn)?;
            // At once: a server that looks for work would take it.
            Import::hold(import.id, &holder, conn)?;
            Ok(Import::find(import.id, conn)?.unwrap_or(import))
        })?,
    };
    let totals = run::carry_out(&import, path, &holder, db, &mut |progress| show(bar, progress))?;
    let reasons = db.read_now(|conn| reasons(&import, conn))?;
    Ok((Some(import.id), totals, reasons))
}

/// Waits until the process that began it is known to be gone.
fn taken(id: i64, holder: &str, db: &Db) -> Result<Import, Stopped> {
    let late = Instant::now() + Duration::from_secs(20);
    loop {
        let held = db.write_now::<_, Stopped>(|conn| match Import::hold(id, holder, conn)? {
            true => Ok(Import::find(id, conn)?),
            false => Ok(None),
        })?;
        match held {
            Some(import) => return Ok(import),
            None if Instant::now() > late => return Err(Stopped::Taken),
            None => std::thread::sleep(Duration::from_millis(300)),
        }
    }
}

/// Undoes an import and says how far. Exit 0, or 2 if something was left as it is.
pub fn undo(id: i64, db: &Db) -> anyhow::Result<ExitCode> {
    let caller = Caller::command_line();
    db.write_now::<_, Trouble>(|conn| {
        let Some(import) = Import::find(id, conn)? else { return Ok(Err(format!("there is no import {id}"))) };
        let clock = Workspace::load(conn)?.clock();
        Ok(import.undo(&caller, &clock, conn)?)
    })?
    .map_err(|reason| anyhow!(reason))?;
    work::now(id, db)?;
    // A server that looks for work may have been quicker.
    while db.read_now::<_, Trouble>(|conn| Ok(Import::find(id, conn)?.is_some_and(|import| import.state.is_open())))? {
        std::thread::sleep(Duration::from_millis(300));
    }
    let (import, kept) = db.read_now::<_, Trouble>(|conn| {
        let import = Import::find(id, conn)?.ok_or(diesel::result::Error::NotFound)?;
        let kept = import.remarks(outcome::Remark::KEPT, 0, PRINTED, conn)?;
        Ok((import, kept))
    })?;
    for remark in kept {
        eprintln!("line {}{}: {}", remark.line, spaced(&remark.column_name), remark.reason);
    }
    println!("{:>10} lines are undone", import.restored);
    println!("{:>10} lines were left as they are, or in part", import.kept);
    Ok(if import.kept > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn spaced(column: &str) -> String {
    if column.is_empty() { String::new() } else { format!(", {column}") }
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Wrong { words, .. } => Stopped::Unreadable(Unreadable(words)),
            Problem::Failed(error) => error.into(),
        }
    }
}

fn rehearse(plan: &Plan, path: &Path, bar: &ProgressBar, db: &Db) -> Result<Done, Stopped> {
    let folder = tempfile::tempdir()?;
    let tried = folder.path().join("tried");
    let import = Import::imagined(&incoming(path)?, plan);
    let mut progress = |progress| {
        show(bar, progress);
        Ok(true)
    };
    let totals = rehearsal::rehearse(&import, path, &tried, db, &mut progress)?;
    let mut scratch = Scratch::open(&tried).map_err(|error| Stopped::Miscounted(error.to_string()))?;
    Ok((None, totals, reasons(&import, &mut scratch.conn)?))
}

/// Why lines were rejected, and what is worth knowing of those that landed; each up to a screenful.
fn reasons(import: &Import, conn: &mut Conn) -> Result<Vec<String>, Stopped> {
    let mut reasons = Vec::new();
    for (kind, before, most) in [(outcome::Remark::REJECTED, "", PRINTED), (outcome::Remark::NOTE, "note, ", NOTED)] {
        for remark in import.remarks(kind, 0, most, conn)? {
            reasons.push(match remark.column_name.as_str() {
                "" => format!("{before}line {}: {}", remark.line, remark.reason),
                column => format!("{before}line {}, {column} {:?}: {}", remark.line, remark.value, remark.reason),
            });
        }
        let all = import.count_remarks(kind, conn)?;
        if all > most {
            let what = if before.is_empty() { "" } else { " notes" };
            reasons.push(format!("and {} more{what}", all - most));
        }
    }
    Ok(reasons)
}

/// On a terminal only; elsewhere it stays silent.
fn bar(size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}  {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_position(progress.bytes);
    bar.set_message(format!("{} lines", progress.lines));
}

fn print(asked: &ImportFile, plan: &Plan, id: Option<i64>, totals: &Totals) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let Totals { header, blank, created, updated, unchanged, skipped, rejected } = *totals;
    if asked.json {
        let object = serde_json::json!({
            "import": id, "dry_run": asked.dry_run, "lines": totals.lines(), "header": header, "blank": blank,
            "created": created, "updated": updated, "unchanged": unchanged, "skipped": skipped, "rejected": rejected,
            "not_imported": plan.left_out(),
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    let words = [
        (header, "header"),
        (blank, "blank"),
        (created, "created"),
        (updated, "updated"),
        (unchanged, "unchanged"),
        (skipped, "skipped"),
        (rejected, "rejected"),
    ];
    for (n, word) in words {
        writeln!(out, "{n:>10} {word}")?;
    }
    let told = if asked.dry_run { "lines; nothing was written" } else { "lines" };
    writeln!(out, "{:>10} {told}", totals.lines())?;
    Ok(())
}
