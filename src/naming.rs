//! Names that people give to what they keep: segments, views. One line of 1 to 100 characters, and each of a kind once,
//! whatever its case.

use crate::fold::filled;

/// A name as it is stored, or what is wrong with it. `what` it is the name of: `segment`.
pub fn clean(what: &str, raw: &str) -> Result<String, String> {
    let name = filled(raw).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        0 => Err(format!("Give the {what} a name.")),
        1..=100 if name.chars().any(char::is_control) => Err("A name may not hold control characters.".into()),
        1..=100 => Ok(name),
        n => Err(format!("A name may have 100 characters; this one has {n}.")),
    }
}

/// Somebody else has it. Without the name where only the database knows it.
pub fn taken(what: &str, name: Option<&str>) -> String {
    let name = name.map_or("this name".into(), |name| format!("“{name}”"));
    format!("There is a {what} called {name} already. Names differ by more than case.")
}
