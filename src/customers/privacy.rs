//! The rights of a person: a copy of everything that is kept about her, and being forgotten. Both are for admins, and both
//! are noted in the log. `docs/PRIVACY.md` says what goes and what stays, and why.
//!
//! [`everything`] reads all there is, [`export`] writes it as JSON and CSV. [`keys`] are the values she is found by outside
//! her own rows, [`plan`] says what erasing would do, [`erase`] does it in one transaction, and [`files`] looks after what
//! lies beside the database. [`pages`] ask and answer.

pub mod erase;
pub mod everything;
pub mod export;
mod files;
mod keys;
pub mod pages;
mod plan;
mod traces;

pub use keys::Keys;
pub use plan::Plan;
