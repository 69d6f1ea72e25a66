//! `muster import customers` and `muster import purchases`: the same import as the page's, with a progress bar.

use super::plan::{Key, Mode, Plan, TagMode, Unknown};
use super::run::{self, Progress, Steps, Stopped};
use super::shape::Unreadable;
use super::{Import, State, Subject, Totals, outcome, preview};
use crate::agents::Caller;
use crate::cli::ImportFile;
use crate::custom_fields::{CustomField, Problem};
use crate::db::{Conn, Db, Trouble};
use crate::workspace::Workspace;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

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
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let done = match asked.dry_run {
        true => rehearse(&name, &plan, path, &bar, db),
        false => commit(&name, &plan, path, &bar, db),
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

fn commit(name: &str, plan: &Plan, path: &Path, bar: &ProgressBar, db: &Db) -> Result<Done, Stopped> {
    let import = db.write_now::<_, Stopped>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        plan.make_fields(clock.stamp(), conn)?;
        let caller = Caller::command_line();
        let import = Import::create(name, plan, State::Running, &caller, &clock, conn)?;
        import.audit(&caller, conn)?;
        Ok(import)
    })?;
    let totals = run::carry_out(&import, path, db, &mut |progress| show(bar, progress))?;
    let reasons = db.read_now(|conn| reasons(&import, conn))?;
    Ok((Some(import.id), totals, reasons))
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Wrong { words, .. } => Stopped::Unreadable(Unreadable(words)),
            Problem::Failed(error) => error.into(),
        }
    }
}

/// What the rehearsal leaves behind is taken back, whatever it came to.
enum Back {
    Done(Box<Done>),
    Stopped(Stopped),
}
impl From<Trouble> for Back {
    fn from(trouble: Trouble) -> Self {
        Back::Stopped(trouble.into())
    }
}

fn rehearse(name: &str, plan: &Plan, path: &Path, bar: &ProgressBar, db: &Db) -> Result<Done, Stopped> {
    let back = db.write_now::<(), Back>(|conn| {
        let mut all = || {
            let clock = Workspace::load(conn)?.clock();
            plan.make_fields(clock.stamp(), conn)?;
            let import = Import::create(name, plan, State::Running, &Caller::command_line(), &clock, conn)?;
            let totals = run::run(&import, path, Steps::Within, conn, &mut |progress| show(bar, progress))?;
            Ok((None, totals, reasons(&import, conn)?))
        };
        Err(all().map_or_else(Back::Stopped, |done| Back::Done(Box::new(done))))
    });
    match back {
        Err(Back::Done(done)) => Ok(*done),
        Err(Back::Stopped(stopped)) => Err(stopped),
        Ok(()) => Err(Stopped::Miscounted("the dry run was not taken back".into())),
    }
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
