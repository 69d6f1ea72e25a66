-- An import is tried before it is carried out, carried on by another process if its own is gone, stopped, and undone.
-- `lines`: those that have ended in an outcome: whoever goes on begins after them. `bytes`: of the file, read so far.
-- `began_at` is the one moment that all its lines are stamped with, `last_known` the highest customer number then.
-- `shape`: what files of the same columns have in common. `path`: where the file waits; NULL once nobody needs it.
-- `reached`: the line that was undone last; they go back from the last to the first.
-- Whoever works on it holds it until `held_until`; if that passes, its process is gone and another goes on.
CREATE TABLE imports_new (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind        TEXT NOT NULL,
    file_name   TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('uploaded', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled', 'undoing', 'undone')),
    plan        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    created_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    message     TEXT,
    lines       BIGINT NOT NULL DEFAULT 0,
    blank       BIGINT NOT NULL DEFAULT 0,
    created     BIGINT NOT NULL DEFAULT 0,
    updated     BIGINT NOT NULL DEFAULT 0,
    unchanged   BIGINT NOT NULL DEFAULT 0,
    skipped     BIGINT NOT NULL DEFAULT 0,
    rejected    BIGINT NOT NULL DEFAULT 0,
    sha256      TEXT NOT NULL DEFAULT '',
    shape       TEXT NOT NULL DEFAULT '',
    path        TEXT,
    began_at    TIMESTAMP,
    last_known  BIGINT NOT NULL DEFAULT 0,
    bytes       BIGINT NOT NULL DEFAULT 0,
    reached     BIGINT NOT NULL DEFAULT 0,
    restored    BIGINT NOT NULL DEFAULT 0,
    kept        BIGINT NOT NULL DEFAULT 0,
    undone_at   TIMESTAMP,
    undone_by   TEXT,
    held_by     TEXT,
    held_until  TIMESTAMP
);
INSERT INTO imports_new (id, kind, file_name, state, plan, actor, agent_id, created_at, finished_at, message, lines, blank,
    created, updated, unchanged, skipped, rejected, began_at)
SELECT id, kind, file_name, CASE state WHEN 'running' THEN 'failed' ELSE state END, plan, actor, agent_id, created_at,
    finished_at, message, blank + created + updated + unchanged + skipped + rejected, blank, created, updated, unchanged,
    skipped, rejected, CASE state WHEN 'uploaded' THEN NULL ELSE created_at END
FROM imports;

-- One row a line: an import that has any is never deleted, so nothing is asked of `imports` for each.
CREATE TABLE import_lines_new (
    import_id   INTEGER NOT NULL,
    line        BIGINT NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('blank', 'created', 'updated', 'unchanged', 'skipped', 'rejected')),
    customer_id INTEGER,
    PRIMARY KEY (import_id, line)
) WITHOUT ROWID;
INSERT INTO import_lines_new SELECT import_id, line, outcome, customer_id FROM import_lines;

CREATE TABLE import_remarks_new (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    import_id   INTEGER NOT NULL REFERENCES imports_new (id) ON DELETE CASCADE,
    line        BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    column_name TEXT NOT NULL,
    value       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    record      TEXT NOT NULL
);
INSERT INTO import_remarks_new SELECT id, import_id, line, outcome, column_name, value, reason, record FROM import_remarks;

DROP TABLE import_lines;
DROP TABLE import_remarks;
DROP TABLE imports;
ALTER TABLE imports_new RENAME TO imports;
ALTER TABLE import_lines_new RENAME TO import_lines;
ALTER TABLE import_remarks_new RENAME TO import_remarks;
CREATE INDEX import_lines_customer ON import_lines (import_id, customer_id);
CREATE INDEX import_remarks_import ON import_remarks (import_id, line);
CREATE INDEX imports_agent ON imports (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX imports_shape ON imports (shape, id);

-- What a line changed about a customer who was there already, field by field, before and after, as JSON.
CREATE TABLE import_changes (
    import_id   INTEGER NOT NULL,
    line        BIGINT NOT NULL,
    customer_id INTEGER NOT NULL,
    changes     TEXT NOT NULL,
    PRIMARY KEY (import_id, line)
) WITHOUT ROWID;

-- What somebody wrote instead of a line that was rejected: its cells, as JSON.
CREATE TABLE import_corrections (
    import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line      BIGINT NOT NULL,
    record    TEXT NOT NULL,
    actor     TEXT NOT NULL,
    at        TIMESTAMP NOT NULL,
    PRIMARY KEY (import_id, line)
) WITHOUT ROWID;

-- Which import brought a purchase, so that it can be undone.
ALTER TABLE purchases ADD COLUMN import_id INTEGER;
CREATE INDEX purchases_import ON purchases (import_id, id) WHERE import_id IS NOT NULL;

-- What came by the command line or through the API has no agent, and is not looked for by one.
DROP INDEX taggings_agent;
CREATE INDEX taggings_agent ON taggings (agent_id, tagged_at) WHERE agent_id IS NOT NULL;
