//! Muster: customers, tags, filters, segments and imports that are right the moment they change.
//!
//! A feature is a noun: `customers` says what a customer is and does, SQL included; `customers::pages` says what a
//! browser may ask. Arrows point down: segments know filters, filters know customers; `web` and `db` know none of them.

pub mod agents;
pub mod app;
pub mod bulk;
pub mod campaigns;
pub mod cli;
pub mod config;
pub mod conversations;
pub mod custom_fields;
pub mod customers;
pub mod db;
pub mod decimal;
pub mod demo;
pub mod exports;
pub mod filters;
pub mod fold;
pub mod imports;
pub mod jobs;
pub mod live;
mod naming;
pub mod purchases;
pub mod segments;
pub mod tags;
pub mod views;
pub mod web;
pub mod workspace;
