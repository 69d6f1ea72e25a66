//! The one test binary: promises of the product, kept on both databases. `tests/run` starts what they need.

mod agents;
mod api_customers;
mod assets;
mod audiences;
mod browser;
mod builder_by_hand;
mod changes;
mod changes_by_hand;
mod changes_in_time;
mod changes_replaced;
mod custom_fields;
mod customer_pages;
mod customers;
mod databases;
mod exports;
mod filter_pages;
mod filters;
mod frame;
mod hundred_thousand;
mod import_fields;
mod import_pages;
mod imports;
mod kept_sets;
mod list_plans;
mod lists;
mod moments;
mod oracle;
mod purchases;
mod random_filters;
mod random_worlds;
mod readme;
mod rights;
mod roads;
mod segments;
mod sets;
mod spellings;
mod starting;
mod support;
mod tag_families;
mod tag_manager;
mod tags;
mod tags_that_end;
mod views;

// A template of a test draws the same frame as the pages do, and that says `crate::web`.
use muster::web;
