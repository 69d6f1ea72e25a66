//! Her rights.
