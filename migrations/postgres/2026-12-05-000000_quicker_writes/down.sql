ALTER TABLE purchases ALTER COLUMN external_id TYPE TEXT COLLATE "default";
ALTER TABLE customers ALTER COLUMN email TYPE TEXT COLLATE "default", ALTER COLUMN external_id TYPE TEXT COLLATE "default";
