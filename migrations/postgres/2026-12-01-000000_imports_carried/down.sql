DROP INDEX taggings_agent;
CREATE INDEX taggings_agent ON taggings (agent_id, tagged_at);
DROP INDEX purchases_import;
ALTER TABLE purchases DROP COLUMN import_id;
DROP TABLE import_corrections;
DROP TABLE import_changes;
DROP INDEX imports_shape;
DROP INDEX imports_agent;
UPDATE imports SET state = 'uploaded' WHERE state IN ('checking', 'checked');
UPDATE imports SET state = 'done' WHERE state IN ('cancelled', 'undoing', 'undone');
ALTER TABLE imports DROP CONSTRAINT imports_state_check;
ALTER TABLE imports ADD CONSTRAINT imports_state_check CHECK (state IN ('uploaded', 'running', 'done', 'failed'));
ALTER TABLE imports
    DROP COLUMN sha256, DROP COLUMN shape, DROP COLUMN path, DROP COLUMN began_at, DROP COLUMN last_known,
    DROP COLUMN bytes, DROP COLUMN reached, DROP COLUMN restored, DROP COLUMN kept, DROP COLUMN undone_at,
    DROP COLUMN undone_by, DROP COLUMN held_by, DROP COLUMN held_until;
