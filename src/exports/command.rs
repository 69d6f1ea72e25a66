//! `muster export` and `muster count`.

use super::Columns;
use crate::agents::Caller;
use crate::cli::{Count, Export};
use crate::custom_fields::CustomField;
use crate::db::{Conn, Db, Trouble};
use crate::filters::fields::Fields;
use crate::filters::whom::Whom;
use crate::filters::{self, Filter, Rule};
use crate::web::stream::Broken;
use crate::workspace::Workspace;
use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, FixedOffset, Utc};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// Writes CSV to a file or to stdout.
pub fn export(db: &Db, asked: &Export) -> anyhow::Result<ExitCode> {
    let fields = db.read_now::<_, Trouble>(|conn| Ok(CustomField::all(conn)?))?;
    let columns =
        Columns::parse(asked.columns.iter().map(String::as_str), &fields).map_err(|reason| anyhow!(reason))?;
    let filter = select(db, asked.filter.as_deref().unwrap_or_default(), asked.now, |filter, _| Ok(filter.clone()))?;
    let who = Whom::Matching(Box::new(filter));
    db.write_now::<_, Trouble>(|conn| Ok(super::remember(&who, &columns, &Caller::command_line(), conn)?))?;
    match &asked.out {
        Some(path) => {
            let written = to_file(db, &who, &columns, path)?;
            eprintln!("muster: {written} customers written to {}", path.display());
        }
        None => {
            let out = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
            match db.read_now(|conn| super::write(&who, &columns, out, conn)) {
                // `muster export | head` is no mistake.
                Err(Broken::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {}
                done => drop(done?),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The file appears whole or not at all.
fn to_file(db: &Db, who: &Whom, columns: &Columns, path: &Path) -> anyhow::Result<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = || format!("cannot write {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    let mut out = BufWriter::with_capacity(64 << 10, file.as_file_mut());
    let written = db.read_now(|conn| super::write(who, columns, &mut out, conn)).with_context(cannot)?;
    out.flush().with_context(cannot)?;
    drop(out);
    file.persist(path).with_context(cannot)?;
    Ok(written)
}

/// Prints how many a filter selects.
pub fn count(db: &Db, asked: &Count) -> anyhow::Result<ExitCode> {
    let count = select(db, &asked.filter, asked.now, |filter, conn| Ok(filters::count(filter, conn)?))?;
    match asked.json {
        true => println!("{}", serde_json::json!({ "count": count })),
        false => println!("{count}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks the filter and answers by it, in one snapshot. A filter that makes no sense is refused.
fn select<T>(
    db: &Db,
    spelling: &str,
    now: Option<DateTime<FixedOffset>>,
    work: impl FnOnce(&Filter, &mut Conn) -> Result<T, Broken>,
) -> anyhow::Result<T> {
    let rule = db.read_now::<_, Broken>(|conn| Ok(Rule::read(spelling, &Fields::load(conn)?)))??;
    let mut filter = None;
    let done = db.read_now::<_, Broken>(|conn| {
        let mut clock = Workspace::load(conn)?.clock();
        if let Some(now) = now {
            clock.now = now.with_timezone(&Utc);
        }
        let checked = filter.insert(Filter::check(&rule, conn, &clock)?);
        if !checked.problems().is_empty() {
            return Ok(None);
        }
        work(checked, conn).map(Some)
    })?;
    match (done, filter) {
        (Some(done), _) => Ok(done),
        (None, filter) => {
            let problems = filter.iter().flat_map(Filter::problems).map(|problem| problem.words.as_str());
            bail!("this filter selects nobody. {}", problems.collect::<Vec<_>>().join(" "))
        }
    }
}
