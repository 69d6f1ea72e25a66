//! One part for each row of the table of goals. Each fills in what it found; none knows of the others.

mod builder;
mod bulk;
mod count;
mod first;
mod floor;
mod list;
mod memory;
mod segments;
mod tag;

use crate::bench::Bench;
use crate::results::Part;

pub type Measure = fn(&mut Bench, &mut Part) -> anyhow::Result<()>;

/// In the order they are run. What is asked for the first time comes before whatever else might ask for it.
pub const ALL: &[(&str, Measure)] = &[
    ("floor", floor::measure),
    ("count", count::measure),
    ("first", first::measure),
    ("builder", builder::measure),
    ("tag", tag::measure),
    ("list", list::measure),
    ("segments", segments::measure),
    ("bulk", bulk::measure),
    ("memory", memory::measure),
];
