//! What every test stands on: both databases, a running Muster, and the small world everybody knows by name.
#![allow(dead_code, unused_imports)] // Each room uses its own part.

pub mod browser;
pub mod campaigns;
pub mod command;
mod databases;
pub mod imports;
mod line;
pub mod log;
mod mailings;
pub mod pages;
mod program;
mod server;
pub mod sink;
mod talks;
mod visitors;
pub mod walks;
mod world;

pub use databases::{away, beside, for_each_database, somebody_writes, sqlite};
pub use line::Line;
pub use mailings::{campaign, mailings, recipient};
pub use program::{Program, url};
pub use server::Server;
pub use talks::{colleague, talk, talks};
pub use visitors::{PASSWORD, email_of, hire, program, visitor, visitor_who_stays};
pub use world::{NOW, People, audiences, by, clock, lose_tag, world, world_with_fields};
