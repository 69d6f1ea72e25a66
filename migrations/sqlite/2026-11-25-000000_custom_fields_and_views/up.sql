-- Fields a business adds. One that was deleted stays as a name without values, so that a filter which still asks for it
-- says so on its row.
CREATE TABLE custom_fields (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    key        TEXT NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('text', 'number', 'boolean', 'date', 'choice')),
    choices    TEXT NOT NULL DEFAULT '[]',
    created_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP
);

-- No row is no value. `value` is what people read; it is compared by `folded` (text, choice) or by `number` (millionths,
-- 0 and 1, days since 0001-01-01).
CREATE TABLE custom_values (
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    field_id    INTEGER NOT NULL REFERENCES custom_fields (id) ON DELETE CASCADE,
    value       TEXT NOT NULL,
    folded      TEXT,
    number      BIGINT,
    PRIMARY KEY (customer_id, field_id)
) WITHOUT ROWID;
CREATE INDEX custom_values_field ON custom_values (field_id, customer_id);
CREATE INDEX custom_values_folded ON custom_values (field_id, folded, customer_id) WHERE folded IS NOT NULL;
CREATE INDEX custom_values_number ON custom_values (field_id, number, customer_id) WHERE number IS NOT NULL;

-- A filter with the columns and the order of its list, kept under a name in the sidebar. Names are unique among the
-- shared ones, and among the private ones of each person.
CREATE TABLE views (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    filter     TEXT NOT NULL,
    shown      TEXT NOT NULL,
    sort       TEXT NOT NULL,
    private    BOOLEAN NOT NULL,
    agent_id   INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    actor      TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX views_shared ON views (name_key) WHERE NOT private;
CREATE UNIQUE INDEX views_private ON views (agent_id, name_key) WHERE private;
