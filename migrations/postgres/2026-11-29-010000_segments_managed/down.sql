DROP TABLE segment_sizes;
DROP TABLE segment_pins;
DROP TABLE segment_versions;
ALTER TABLE segments DROP COLUMN origin;
ALTER TABLE segments DROP COLUMN version;
ALTER TABLE segments DROP COLUMN last_used_at;
ALTER TABLE segments DROP COLUMN archived_at;
