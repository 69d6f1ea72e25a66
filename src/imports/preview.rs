//! The beginning of a file, as the mapping page shows it.

use super::notation::Doubt;
use super::plan::Plan;
use super::reader::{Content, Reader};
use super::shape::{Shape, Unreadable};
use super::{Subject, cells};
use crate::config::Limits;
use crate::custom_fields::CustomField;
use std::path::Path;

/// How many values of a column are shown.
const SAMPLES: usize = 3;
/// How far is looked for them.
const LOOKED_AT: usize = 500;
/// Larger files are not counted before they are imported.
const COUNTED: u64 = 128 << 20;

/// Some values of each column, in the order of the file.
pub fn samples(path: &Path, plan: &Plan) -> Result<Vec<Vec<String>>, Unreadable> {
    let shape = Shape::find(path, &plan.shape)?;
    let mut reader = Reader::open(path, &shape, &plan.limits)?;
    let mut samples = vec![Vec::new(); reader.headers.len()];
    for _ in 0..LOOKED_AT {
        let Some(line) = reader.next_line()? else { break };
        let Content::Record(cells) = line.content else { continue };
        for (column, cell) in samples.iter_mut().zip(cells.iter()) {
            let value = cells::plain(cell);
            if column.len() < SAMPLES && !value.is_empty() && !column.iter().any(|shown| shown == value) {
                column.push(value.chars().take(60).collect());
            }
        }
        if samples.iter().all(|column| column.len() >= SAMPLES) {
            break;
        }
    }
    Ok(samples)
}

/// What a file holds, by its headers.
pub fn subject(path: &Path, limits: &Limits) -> Result<Subject, Unreadable> {
    let shape = Shape::find(path, &Plan::default().shape)?;
    Ok(Subject::of(&Reader::open(path, &shape, limits)?.headers))
}

/// Reads the file as it is, or as a person chose, and proposes what becomes of its columns and how they are
/// written.
pub fn look(path: &Path, plan: &mut Plan, fields: &[CustomField]) -> Result<(), Unreadable> {
    let shape = Shape::find(path, &plan.shape)?;
    let mut reader = Reader::open(path, &shape, &plan.limits)?;
    plan.propose(&reader.headers, fields);
    plan.read_as = shape.words();
    plan.encoding = shape.encoding.name().into();
    plan.delimiter = char::from(shape.delimiter);
    plan.size = std::fs::metadata(path)?.len();
    plan.lines = None;
    let mut doubts = vec![Doubt::whole(); reader.headers.len()];
    for _ in 0..LOOKED_AT {
        let Some(line) = reader.next_line()? else { break };
        let Content::Record(cells) = line.content else { continue };
        doubts.iter_mut().zip(cells.iter()).for_each(|(doubt, cell)| doubt.see(cell));
    }
    plan.notations = doubts.iter().map(Doubt::notation).collect();
    if plan.size <= COUNTED {
        while reader.next_line()?.is_some() {}
        plan.lines = Some(reader.records_read);
    }
    Ok(())
}
