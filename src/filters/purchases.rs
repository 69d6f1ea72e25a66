//! Conditions on purchases: at least one, or no single one, satisfies the whole filter inside the parentheses. That
//! filter is one expression on the row of a purchase, so "Boots for 100 or more" is one purchase and never two.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::{Column, Place};
use super::operators::{Meaning, Operator};
use super::rule::{Condition, Part, Rule};
use super::wanted::Wanted;
use crate::db::nodes::On;
use crate::db::schema::purchases;
use chrono::NaiveDateTime;

/// What is asked of one purchase: one condition on its row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bought {
    column: Column<purchases::table>,
    wanted: Wanted,
}

impl Bought {
    pub fn on(&self, now: NaiveDateTime) -> On<purchases::table> {
        self.wanted.on(self.column, now)
    }

    /// Purchases that an end has passed between two moments.
    pub fn passed(&self, from: NaiveDateTime, to: NaiveDateTime) -> Option<Bought> {
        Some(Bought { column: self.column, wanted: self.wanted.passed(from, to)? })
    }
}

pub fn any_where(asked: &Asked) -> Result<Ask, String> {
    let Some(Part::Inner(rule)) = asked.parts.first() else {
        return Err("Say what the purchase was. Until then this filter selects nobody.".into());
    };
    Ok(Ask::One(Source::Purchases(inside(rule, asked)?)))
}

fn inside(node: &Rule, around: &Asked) -> Result<Ask<Bought>, String> {
    match node {
        Rule::Where(condition) => one(condition, around),
        Rule::Group(_, rows) if rows.is_empty() => {
            Err("Say what the purchase was. Until then this filter selects nobody.".into())
        }
        Rule::Group(join, rows) => {
            Ok(Ask::joined(*join, rows.iter().map(|row| inside(row, around)).collect::<Result<_, _>>()?))
        }
    }
}

/// One condition on the row of a purchase.
pub fn one(condition: &Condition, around: &Asked) -> Result<Ask<Bought>, String> {
    let operator = super::operator(condition)?;
    let field = &*condition.field;
    let asked = Asked { field, parts: &condition.parts, ..*around };
    let (operator, opposite): (&Operator, bool) = operator.positive(field);
    let (Meaning::Wants(wants), Place::Purchase(column)) = (&operator.meaning, field.place) else {
        return Err(format!("{} cannot be asked of a purchase.", field.label));
    };
    let ask = match wants(&asked)? {
        Wanted::Nothing => Ask::Nobody,
        wanted => Ask::One(Bought { column, wanted }),
    };
    Ok(if opposite { ask.negated() } else { ask })
}
