//! The one test binary: promises of the product, kept on both databases. `tests/run` starts what they need.

mod agents;
mod api_customers;
mod assets;
mod audiences;
mod browser;
mod custom_fields;
mod customer_pages;
mod customers;
mod databases;
mod exports;
mod filters;
mod frame;
mod import_pages;
mod imports;
mod moments;
mod readme;
mod rights;
mod roads;
mod segments;
mod spellings;
mod support;
mod tags;

// A template of a test draws the same frame as the pages do, and that says `crate::web`.
use muster::web;
