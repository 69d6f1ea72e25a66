//! What a cell says, and how a value is written into one so that no spreadsheet runs it (SPEC 4).

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Leaves the value alone.
    Empty,
    /// `(clear)`: empties the value.
    Clear,
    Value(&'a str),
}

/// Reads a cell: one `'` that guards a spreadsheet is taken off, then outer white space.
pub fn read(raw: &str) -> Cell<'_> {
    match plain(raw) {
        "" => Cell::Empty,
        "(clear)" if raw.trim() == "(clear)" => Cell::Clear,
        value => Cell::Value(value),
    }
}

/// The cell's text without the `'` that keeps a spreadsheet from running it, trimmed.
pub fn plain(raw: &str) -> &str {
    let rest = raw.trim_start_matches('\'');
    let guards = rest.len() < raw.len() && (runs(rest) || rest == "(clear)");
    (if guards { &raw[1..] } else { raw }).trim()
}

/// A value as it may stand in a cell: one that a spreadsheet would run, or import would take for `(clear)`, gets a `'`.
pub fn guarded(value: &str) -> std::borrow::Cow<'_, str> {
    let rest = value.trim_start_matches('\'');
    if runs(rest) || rest == "(clear)" { format!("'{value}").into() } else { value.into() }
}

/// `^[=+\-@\t\r]`
fn runs(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_cell_reads_back_as_what_it_was() {
        for value in
            ["=1+1", "+4670", "-x", "@a", "''=x", "'", "'x", "O'Brien", "(clear)", "'(clear)", "((clear))", "5"]
        {
            let cell = guarded(value);
            assert_eq!(read(&cell), Cell::Value(value), "{value} as {cell}");
        }
        assert_eq!(guarded("+55"), "'+55");
        assert_eq!(guarded("O'Brien"), "O'Brien");
        assert_eq!(read(" (clear) "), Cell::Clear);
        assert_eq!(read("'(clear)"), Cell::Value("(clear)"));
        assert_eq!(read("  "), Cell::Empty);
        assert_eq!(read("'+55 11"), Cell::Value("+55 11"));
        assert_eq!(read("'quoted'"), Cell::Value("'quoted'"));
    }
}
