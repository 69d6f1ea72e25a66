//! Whom the keys of a line lead to, among whoever could be meant.

use super::columns::Field;
use super::lines::{Fault, Wish};
use super::plan::Key;

/// The one customer that all keys of a line agree on, if any of them finds somebody. `find` looks by one key, `called`
/// says who somebody is.
pub fn found<T: PartialEq>(
    wish: &Wish,
    keys: &[Key],
    find: impl Fn(Key) -> Option<T>,
    called: impl Fn(&T) -> String,
) -> Result<Option<T>, Fault> {
    let mut hit: Option<(Key, T)> = None;
    for key in keys {
        match (find(*key), &hit) {
            (Some(found), None) => hit = Some((*key, found)),
            (Some(found), Some((first, other))) if *other != found => {
                return Err(Fault {
                    at: wish.place(key.field()).unwrap_or(usize::MAX),
                    reason: format!(
                        "Matches {} by {} and {} by {}.",
                        called(other),
                        first.words(),
                        called(&found),
                        key.words()
                    ),
                });
            }
            // A number that nobody has is a mistake, not somebody new.
            (None, _) if *key == Key::Id && wish.id().is_some() => {
                return Err(Fault {
                    at: wish.place(Field::Id).unwrap_or(usize::MAX),
                    reason: format!("There is no customer #{}.", wish.id().unwrap_or_default()),
                });
            }
            _ => {}
        }
    }
    Ok(hit.map(|(_, found)| found))
}
