//! Numbers as people type them, held as whole numbers and never as floats: amounts in minor units, custom numbers in
//! millionths.

/// A typed number among the stored ones: the last that is not above it and the first that is not below. They are the
/// same unless more decimals were typed than are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    pub floor: i64,
    pub ceil: i64,
}

/// `1000`, `1000.5`, `-3`; anything else is told how to write it.
pub fn read(typed: &str, decimals: u32) -> Result<Around, String> {
    let wrong = || format!("“{typed}” is not a number. Write it like 1000 or 15.50.");
    let large = || format!("“{typed}” is too large.");
    let (sign, digits) = match typed.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, typed),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || (part.is_empty() && digits.contains('.')) {
        return Err(wrong());
    }
    let kept: String = part.chars().chain(std::iter::repeat('0')).take(decimals as usize).collect();
    let rest = part.chars().skip(decimals as usize).any(|c| c != '0');
    let stored: i64 = format!("{whole}{kept}").parse().map_err(|_| large())?;
    let next = || stored.checked_add(1).ok_or_else(large);
    Ok(match (sign, rest) {
        (1, true) => Around { floor: stored, ceil: next()? },
        (-1, true) => Around { floor: -next()?, ceil: -stored },
        (sign, _) => Around { floor: sign * stored, ceil: sign * stored },
    })
}

/// The whole number that stands for what was typed, where it has no more decimals than are stored.
pub fn exact(typed: &str, decimals: u32) -> Result<i64, String> {
    let Around { floor, ceil } = read(typed, decimals)?;
    match (floor == ceil, decimals) {
        (true, _) => Ok(floor),
        (false, 0) => Err(format!("“{typed}” has decimals; a whole number is wanted here.")),
        (false, _) => Err(format!("“{typed}” has more than {decimals} decimals.")),
    }
}

/// Written with as many decimals as it needs: `15.5`.
pub fn spell(stored: i64, decimals: u32) -> String {
    let unit = 10u64.pow(decimals);
    let (whole, part) = (stored.unsigned_abs() / unit, stored.unsigned_abs() % unit);
    let sign = if stored < 0 { "-" } else { "" };
    match part {
        0 => format!("{sign}{whole}"),
        part => format!("{sign}{whole}.{part:0width$}", width = decimals as usize).trim_end_matches('0').to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stands_among_whole_numbers() {
        let around = |floor, ceil| Ok(Around { floor, ceil });
        assert_eq!(read("15.5", 2), around(1550, 1550));
        assert_eq!(read("-3", 0), around(-3, -3));
        assert_eq!(read("2.5", 0), around(2, 3));
        assert_eq!(read("-2.5", 0), around(-3, -2));
        assert_eq!(read("0.001", 2), around(0, 1));
        assert_eq!(read("7.00", 0), around(7, 7));
        for nonsense in ["", "-", ".5", "5.", "1,000", "1e3", "٣", "ten", "99999999999999999999"] {
            assert!(read(nonsense, 2).is_err(), "{nonsense}");
        }
        assert!(read("9223372036854775807.5", 0).is_err(), "no number lies above the last");
    }

    #[test]
    fn a_number_is_written_as_it_was_meant() {
        for typed in ["15.5", "-0.000001", "0", "1000", "-3", "120.25"] {
            assert_eq!(exact(typed, 6).map(|stored| spell(stored, 6)), Ok(typed.to_string()));
        }
        assert_eq!(exact("007.50", 6).map(|stored| spell(stored, 6)), Ok("7.5".into()));
        assert!(exact("0.0000001", 6).is_err());
    }
}
