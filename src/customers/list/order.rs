//! The order of a list: which columns it is sorted by, and which way.

use super::columns::{By, COLUMNS, Column};

/// One column of an order, and which way.
#[derive(Clone, Copy)]
pub struct Key {
    pub column: &'static Column,
    pub by: &'static By,
    pub descending: bool,
}

/// The order of a list: columns, `-` for descending. The id always breaks ties, in the direction of the first column, so
/// that one index on (column, id) is walked for both directions.
#[derive(Clone, Default)]
pub struct Sort(pub(super) Vec<Key>);

/// More columns than this decide nothing any more.
const MOST_KEYS: usize = 8;

impl Sort {
    /// Reads `-created_at,name`. Empty is the order of ids.
    pub fn parse(spelling: &str) -> Result<Sort, String> {
        let mut keys: Vec<Key> = Vec::new();
        for word in spelling.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
            let found = Column::find(name).and_then(|column| Some((column, column.by.as_ref()?)));
            let (column, by) = found.ok_or_else(|| {
                let sortable = COLUMNS.iter().filter(|column| column.by.is_some());
                let known: Vec<&str> = sortable.map(|column| column.key).collect();
                match crate::filters::fields::nearest(name, known.iter().copied()) {
                    Some(near) => format!("Customers cannot be sorted by “{name}”. Did you mean {near}?"),
                    None => format!("Customers cannot be sorted by “{name}”. They can by {}.", known.join(", ")),
                }
            })?;
            // The second mention of a column decides nothing.
            if !keys.iter().any(|key| key.column.key == column.key) {
                keys.push(Key { column, by, descending });
            }
        }
        match keys.len() {
            ..=MOST_KEYS => Ok(Sort(keys)),
            many => Err(format!("Customers can be sorted by up to {MOST_KEYS} columns, not {many}.")),
        }
    }

    /// What an address asks for: newest first, until somebody chooses otherwise.
    pub fn asked(spelling: &str) -> Result<Sort, String> {
        Sort::parse(if spelling.trim().is_empty() { "-created_at" } else { spelling })
    }

    /// The same of an order that was kept, leaving out what is no order any more.
    pub fn kept(spelling: &str) -> Sort {
        let words = spelling.split(',').filter(|word| Sort::parse(word).is_ok());
        Sort::asked(&words.collect::<Vec<_>>().join(",")).unwrap_or_default()
    }

    /// As an address spells it.
    pub fn spell(&self) -> String {
        let word = |key: &Key| format!("{}{}", if key.descending { "-" } else { "" }, key.column.key);
        self.0.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// The order in words: `by Created, latest first`.
    pub fn words(&self) -> String {
        let word = |key: &Key| {
            let way = match (key.by, key.descending) {
                (By::Text(..), false) => "",
                (By::Text(..), true) => ", Z to A",
                (By::Number(..), false) => ", smallest first",
                (By::Number(..), true) => ", largest first",
                (By::Time(..), false) => ", earliest first",
                (By::Time(..), true) => ", latest first",
            };
            format!("{}{way}", key.column.label)
        };
        match self.0.is_empty() {
            true => String::new(),
            false => format!("by {}", self.0.iter().map(word).collect::<Vec<_>>().join(", then ")),
        }
    }

    /// The column it begins with.
    pub fn first(&self) -> Option<&'static str> {
        self.0.first().map(|key| key.column.key)
    }

    /// `aria-sort` of a heading, when the list is sorted by it first.
    pub fn direction(&self, key: &str) -> Option<&'static str> {
        let first = self.0.first().filter(|first| first.column.key == key)?;
        Some(if first.descending { "descending" } else { "ascending" })
    }

    /// The order that a press on this heading leads to: the other way round when it leads already. Times and numbers
    /// begin with the largest.
    pub fn pressed(&self, key: &str) -> String {
        let descending = match self.direction(key) {
            Some(direction) => direction == "ascending",
            None => Column::find(key).is_some_and(|column| !matches!(column.by, Some(By::Text(..)))),
        };
        format!("{}{key}", if descending { "-" } else { "" })
    }
}

impl PartialEq for Sort {
    fn eq(&self, other: &Sort) -> bool {
        self.spell() == other.spell()
    }
}

impl std::fmt::Debug for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sort({})", self.spell())
    }
}

#[cfg(test)]
mod tests {
    use super::Sort;

    #[test]
    fn an_order_is_a_list_of_columns() {
        let sort = Sort::parse(" -created_at, external_id,created_at").expect("an order");
        assert_eq!(sort.spell(), "-created_at,external_id");
        assert_eq!(Sort::parse("").expect("ids").spell(), "");
        assert!(Sort::parse("nam").unwrap_err().ends_with("Did you mean name?"));
        assert!(Sort::parse("password").is_err());
        assert!(Sort::parse("tags").unwrap_err().starts_with("Customers cannot be sorted by “tags”."));
        assert_eq!(Sort::kept("-tags,name,-city").spell(), "name,-city");
        assert_eq!(Sort::kept("tags").spell(), "-created_at");
    }

    #[test]
    fn pressing_a_heading_turns_the_order() {
        let sort = |spelling: &str| Sort::parse(spelling).expect("an order");
        assert_eq!(sort("name").pressed("name"), "-name");
        assert_eq!(sort("-name").pressed("name"), "name");
        assert_eq!(sort("name").pressed("last_seen_at"), "-last_seen_at");
        assert_eq!(sort("name").direction("name"), Some("ascending"));
        assert_eq!(sort("name,-city").direction("city"), None);
    }
}
