-- What somebody who was about to change customers saw of a segment, where the feed had not looked since an earlier change:
-- without it the feed would find only what both came to. `customers` is a compressed bitmap of those who were all inside or
-- all outside then, and `cause` why, if that is news. `version` is where in history they were seen.
CREATE TABLE segment_sightings (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    segment_id BIGINT NOT NULL,
    inside     BOOLEAN NOT NULL,
    customers  BLOB NOT NULL,
    at         TIMESTAMP NOT NULL,
    cause      TEXT NOT NULL,
    version    TEXT NOT NULL
);

-- The moment of the newest look.
ALTER TABLE feed_state ADD COLUMN looked_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:00';

-- What a segment asks is changed: source 8, for everybody.
CREATE TRIGGER log_segments_insert AFTER INSERT ON segments BEGIN
    INSERT INTO changes (source, key) VALUES (8, NEW.id);
END;
CREATE TRIGGER log_segments_delete AFTER DELETE ON segments BEGIN
    INSERT INTO changes (source, key) VALUES (8, OLD.id);
END;
CREATE TRIGGER log_segments_update AFTER UPDATE ON segments
WHEN (NEW.id, NEW.kind, NEW.filter) IS NOT (OLD.id, OLD.kind, OLD.filter) BEGIN
    INSERT INTO changes (source, key) VALUES (8, NEW.id);
END;
