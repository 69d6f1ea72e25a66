DROP TRIGGER log_segments_truncate ON segments;
DROP TRIGGER log_segments_update ON segments;
DROP TRIGGER log_segments ON segments;
DROP FUNCTION log_segments();
ALTER TABLE feed_state DROP COLUMN looked_at;
DROP TABLE segment_sightings;
