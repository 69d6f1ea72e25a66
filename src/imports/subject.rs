//! What the lines of a file are about. Reader, plan, run and report are the same for all; what differs is which columns
//! there are, how a line is settled, and a few words.

use super::columns::{CUSTOMERS, Column, Field, PURCHASES, spoken};
use super::plan::Key;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    #[default]
    Customers,
    Purchases,
}

impl Subject {
    pub const ALL: [Subject; 2] = [Subject::Customers, Subject::Purchases];

    pub fn key(self) -> &'static str {
        match self {
            Subject::Customers => "customers",
            Subject::Purchases => "purchases",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Subject::Customers => "Customers with their tags",
            Subject::Purchases => "Purchases of customers",
        }
    }
    pub fn parse(key: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.key() == key)
    }

    /// What a file that looks like this holds: purchases have an amount and a time, and say whose they are.
    pub fn of(headers: &[String]) -> Subject {
        let named: Vec<Field> = headers.iter().filter_map(|header| Subject::Purchases.named(header)).collect();
        let whose = Key::ALL.iter().any(|key| named.contains(&key.field()));
        match whose && named.contains(&Field::Amount) && named.contains(&Field::PurchasedAt) {
            true => Subject::Purchases,
            false => Subject::Customers,
        }
    }

    pub fn columns(self) -> &'static [Column] {
        match self {
            Subject::Customers => CUSTOMERS,
            Subject::Purchases => PURCHASES,
        }
    }
    /// The field's row. A custom field has none, nor has a field of the other table.
    pub fn column(self, field: Field) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.field == field)
    }
    /// A field by the key it has in plans and `--map`.
    pub fn field(self, key: &str) -> Option<Field> {
        self.columns().iter().find(|column| column.key == key).map(|column| column.field)
    }
    /// The field a header most likely means.
    pub fn named(self, header: &str) -> Option<Field> {
        let header = spoken(header);
        self.columns().iter().find(|column| column.headers.contains(&header.as_str())).map(|column| column.field)
    }

    /// What customers are recognised by unless somebody says otherwise. A customer's own number finds whose a purchase
    /// is; in a list of customers it is most often the number of another system.
    pub fn keys(self) -> &'static [Key] {
        match self {
            Subject::Customers => &Key::STORED,
            Subject::Purchases => &Key::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_headers() {
        let of = |line: &str| Subject::of(&line.split(',').map(str::to_string).collect::<Vec<_>>());
        assert_eq!(of("external_id,email,amount,purchased_at,product"), Subject::Purchases);
        assert_eq!(of("Order date,Order total,Customer number"), Subject::Purchases);
        assert_eq!(of("external_id,email,total_spent,last_purchase_at"), Subject::Customers);
        assert_eq!(of("amount,purchased_at"), Subject::Customers, "nobody bought it");
        assert_eq!(of("email,name,date"), Subject::Customers);
    }
}
