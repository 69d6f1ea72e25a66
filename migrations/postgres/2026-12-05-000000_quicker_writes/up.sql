-- Keys are compared letter by letter, as SQLite does, and not by the rules of a language: that is quicker wherever one is
-- looked up or written, and does not change with the system's libraries.
ALTER TABLE customers ALTER COLUMN email TYPE TEXT COLLATE "C", ALTER COLUMN external_id TYPE TEXT COLLATE "C";
ALTER TABLE purchases ALTER COLUMN external_id TYPE TEXT COLLATE "C";
