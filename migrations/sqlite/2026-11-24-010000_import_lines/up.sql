-- What became of each line of an import: its totals are counted from here.
CREATE TABLE import_lines (
    import_id   INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line        BIGINT NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('blank', 'created', 'updated', 'unchanged', 'skipped', 'rejected')),
    customer_id INTEGER,
    PRIMARY KEY (import_id, line)
) WITHOUT ROWID;
CREATE INDEX import_lines_customer ON import_lines (import_id, customer_id);
