DROP TABLE past_taggings;
DROP TRIGGER log_taggings_update;
DROP INDEX taggings_bulk;
DROP INDEX taggings_expires;
DROP INDEX taggings_tag;
ALTER TABLE taggings DROP COLUMN expires_at;
CREATE INDEX taggings_tag ON taggings (tag_id, customer_id);
CREATE TRIGGER log_taggings_update AFTER UPDATE ON taggings
WHEN (NEW.customer_id, NEW.tag_id, NEW.tagged_at, NEW.actor, NEW.agent_id, NEW.source, NEW.source_id)
    IS NOT (OLD.customer_id, OLD.tag_id, OLD.tagged_at, OLD.actor, OLD.agent_id, OLD.source, OLD.source_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (2, NEW.tag_id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 2, OLD.tag_id, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.tag_id <> NEW.tag_id;
END;
DROP TABLE tag_aliases;
DROP INDEX tags_family;
ALTER TABLE tags DROP COLUMN archived_at;
ALTER TABLE tags DROP COLUMN family_id;
DROP TABLE tag_families;
