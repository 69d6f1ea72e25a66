//! What is left open about how a column is written, value by value.

use super::Notation;
use crate::imports::cells::{self, Cell};
use chrono_tz::Tz;

/// What the values of a column leave open about how they are written.
#[derive(Clone, Debug)]
pub struct Doubt {
    day_first: bool,
    month_first: bool,
    comma: bool,
    /// A comma stood where none divides thousands.
    comma_told: bool,
}

impl Doubt {
    /// Before any value was seen.
    pub fn whole() -> Doubt {
        Doubt { day_first: true, month_first: true, comma: true, comma_told: false }
    }

    /// One more cell of the column.
    pub fn see(&mut self, cell: &str) {
        let Cell::Value(value) = cells::read(cell) else { return };
        let fits = |notation: Notation| notation.usually(value, Some(Tz::UTC)).is_ok();
        self.day_first = self.day_first && fits(Notation::DayFirst);
        self.month_first = self.month_first && fits(Notation::MonthFirst);
        self.comma = self.comma && fits(Notation::DecimalComma);
        self.comma_told = self.comma_told || (self.comma && !may_have_a_point(value));
    }

    /// The one way in which all of them make sense; the usual one as long as there is any doubt.
    pub fn notation(&self) -> Notation {
        match self {
            Doubt { day_first: true, month_first: false, .. } => Notation::DayFirst,
            Doubt { day_first: false, month_first: true, .. } => Notation::MonthFirst,
            Doubt { comma: true, comma_told: true, .. } => Notation::DecimalComma,
            _ => Notation::Usual,
        }
    }
}

/// True for a number that makes sense too where commas divide thousands: `5`, `1.234`, `12,345`.
fn may_have_a_point(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let (mut groups, divided) = (whole.split(','), whole.contains(','));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let begins = |group: &str| plain(group) && (!divided || (group.len() <= 3 && !group.starts_with('0')));
    let first = groups.next().is_some_and(begins);
    first && groups.all(|group| plain(group) && group.len() == 3) && plain(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notation_is_proposed_only_when_nothing_else_can_be_meant() {
        let proposed = |values: &[&str]| {
            let mut doubt = Doubt::whole();
            values.iter().for_each(|value| doubt.see(value));
            doubt.notation()
        };
        for (values, notation) in [
            (&["31.12.2025", "01.02.2025", "", "(clear)"][..], Notation::DayFirst),
            (&["2025-12-31", "31/12/2025 14:30"], Notation::DayFirst),
            (&["12/31/2025", "1/2/2025"], Notation::MonthFirst),
            (&["01.02.2025", "03.04.2025"], Notation::Usual),
            (&["31/12/2025", "12/31/2025"], Notation::Usual),
            (&["31.12.2025", "soon"], Notation::Usual),
            (&["2025-12-31"], Notation::Usual),
            (&["12,50", "7"], Notation::DecimalComma),
            (&["1.234,56"], Notation::DecimalComma),
            (&["1.234", "'-0,125"], Notation::DecimalComma),
            (&["1.234.567", "5"], Notation::DecimalComma),
            (&["1,234", "12,345,678"], Notation::Usual),
            (&["1.234", "5.500"], Notation::Usual),
            (&["1,234.56", "1,5"], Notation::Usual),
            (&["12,50", "12.5"], Notation::Usual),
            (&["Doe, Jane"], Notation::Usual),
            (&[], Notation::Usual),
        ] {
            assert_eq!(proposed(values), notation, "{values:?}");
        }
    }
}
