-- An import is tried before it is carried out, carried on by another process if its own is gone, stopped, and undone.
-- `lines`: those that have ended in an outcome: whoever goes on begins after them. `bytes`: of the file, read so far.
-- `began_at` is the one moment that all its lines are stamped with, `last_known` the highest customer number then.
-- `shape`: what files of the same columns have in common. `path`: where the file waits; NULL once nobody needs it.
-- `reached`: the line that was undone last; they go back from the last to the first.
-- Whoever works on it holds it until `held_until`; if that passes, its process is gone and another goes on.
ALTER TABLE imports DROP CONSTRAINT imports_state_check;
ALTER TABLE imports ADD CONSTRAINT imports_state_check
    CHECK (state IN ('uploaded', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled', 'undoing', 'undone'));
ALTER TABLE imports
    ADD COLUMN sha256     TEXT NOT NULL DEFAULT '',
    ADD COLUMN shape      TEXT NOT NULL DEFAULT '',
    ADD COLUMN path       TEXT,
    ADD COLUMN began_at   TIMESTAMP,
    ADD COLUMN last_known BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN bytes      BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN reached    BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN restored   BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN kept       BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN undone_at  TIMESTAMP,
    ADD COLUMN undone_by  TEXT,
    ADD COLUMN held_by    TEXT,
    ADD COLUMN held_until TIMESTAMP;
UPDATE imports SET began_at = created_at WHERE state <> 'uploaded';
UPDATE imports SET state = 'failed' WHERE state = 'running';
UPDATE imports SET lines = blank + created + updated + unchanged + skipped + rejected;
CREATE INDEX imports_agent ON imports (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX imports_shape ON imports (shape, id);

-- One row a line: an import that has any is never deleted, so nothing is asked of `imports` for each.
ALTER TABLE import_lines DROP CONSTRAINT import_lines_import_id_fkey;

-- What a line changed about a customer who was there already, field by field, before and after, as JSON.
CREATE TABLE import_changes (
    import_id   BIGINT NOT NULL,
    line        BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    changes     TEXT NOT NULL,
    PRIMARY KEY (import_id, line)
);

-- What somebody wrote instead of a line that was rejected: its cells, as JSON.
CREATE TABLE import_corrections (
    import_id BIGINT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line      BIGINT NOT NULL,
    record    TEXT NOT NULL,
    actor     TEXT NOT NULL,
    at        TIMESTAMP NOT NULL,
    PRIMARY KEY (import_id, line)
);

-- Which import brought a purchase, so that it can be undone.
ALTER TABLE purchases ADD COLUMN import_id BIGINT;
CREATE INDEX purchases_import ON purchases (import_id, id) WHERE import_id IS NOT NULL;

-- What came by the command line or through the API has no agent, and is not looked for by one.
DROP INDEX taggings_agent;
CREATE INDEX taggings_agent ON taggings (agent_id, tagged_at) WHERE agent_id IS NOT NULL;
