DROP TRIGGER log_segments_update;
DROP TRIGGER log_segments_delete;
DROP TRIGGER log_segments_insert;
ALTER TABLE feed_state DROP COLUMN looked_at;
DROP TABLE segment_sightings;
