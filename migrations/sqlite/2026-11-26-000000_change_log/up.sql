-- What was changed, so that sets of customers which are kept in memory can follow: every write leaves a row here, by
-- whomever and in whatever way it was made. How it is read and trimmed stands in `src/db/changes.rs`.
-- `source` is the table: 1 customers, 2 taggings, 3 consents, 4 segment_members, 5 custom_values, 6 purchases, 7 tags.
-- `key` narrows it: customers one bit per column that conditions read (-1: the row came or went), taggings the tag,
-- consents the channel (1 email, 2 sms, 3 whatsapp), segment_members the segment, custom_values the field, else 0.
-- `customer_id` is whose; NULL is everybody's.
-- AUTOINCREMENT: a number is not used again after trimming.
CREATE TABLE changes (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    source      INTEGER NOT NULL,
    key         INTEGER NOT NULL,
    customer_id INTEGER
);

-- One row: the last number that was trimmed away.
CREATE TABLE changes_trimmed (upto INTEGER PRIMARY KEY NOT NULL);
INSERT INTO changes_trimmed (upto) VALUES (0);

-- A later migration that makes one of these tables anew has to make its triggers anew too.
CREATE TRIGGER log_customers_insert AFTER INSERT ON customers BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (1, -1, NEW.id);
END;
CREATE TRIGGER log_customers_delete AFTER DELETE ON customers BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (1, -1, OLD.id);
END;
CREATE TRIGGER log_customers_update AFTER UPDATE ON customers WHEN NEW.id = OLD.id BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 1, mask, NEW.id FROM (SELECT
        ((NEW.name_folded IS NOT OLD.name_folded) << 1) |
        ((NEW.email_folded IS NOT OLD.email_folded) << 2) |
        ((NEW.phone IS NOT OLD.phone) << 3) |
        ((NEW.external_id_folded IS NOT OLD.external_id_folded) << 4) |
        ((NEW.country IS NOT OLD.country) << 5) |
        ((NEW.city_folded IS NOT OLD.city_folded) << 6) |
        ((NEW.language_folded IS NOT OLD.language_folded) << 7) |
        ((NEW.created_at IS NOT OLD.created_at) << 8) |
        ((NEW.updated_at IS NOT OLD.updated_at) << 9) |
        ((NEW.last_seen_at IS NOT OLD.last_seen_at) << 10) |
        ((NEW.purchase_count IS NOT OLD.purchase_count) << 11) |
        ((NEW.total_spent IS NOT OLD.total_spent) << 12) |
        ((NEW.first_purchase_at IS NOT OLD.first_purchase_at) << 13) |
        ((NEW.last_purchase_at IS NOT OLD.last_purchase_at) << 14) AS mask)
    WHERE mask <> 0;
END;
CREATE TRIGGER log_customers_move AFTER UPDATE ON customers WHEN NEW.id <> OLD.id BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (1, -1, OLD.id), (1, -1, NEW.id);
END;
-- OR REPLACE takes away a row that stands in the way without telling its DELETE trigger, so it is noticed before. It
-- finds one by each UNIQUE column. An id that is not given is -1 here.
CREATE TRIGGER log_customers_insert_replace BEFORE INSERT ON customers BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 1, -1, id FROM customers
    WHERE (email = NEW.email OR phone = NEW.phone OR external_id = NEW.external_id) AND id IS NOT NEW.id;
END;
CREATE TRIGGER log_customers_update_replace BEFORE UPDATE ON customers
WHEN (NEW.email, NEW.phone, NEW.external_id) IS NOT (OLD.email, OLD.phone, OLD.external_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 1, -1, id FROM customers
    WHERE (email = NEW.email OR phone = NEW.phone OR external_id = NEW.external_id) AND id <> OLD.id;
END;

-- What OR REPLACE takes from the next four has the key of what comes, and is told by it.
CREATE TRIGGER log_taggings_insert AFTER INSERT ON taggings BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (2, NEW.tag_id, NEW.customer_id);
END;
CREATE TRIGGER log_taggings_delete AFTER DELETE ON taggings BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (2, OLD.tag_id, OLD.customer_id);
END;
CREATE TRIGGER log_taggings_update AFTER UPDATE ON taggings
WHEN (NEW.customer_id, NEW.tag_id, NEW.tagged_at, NEW.actor, NEW.agent_id, NEW.source, NEW.source_id)
    IS NOT (OLD.customer_id, OLD.tag_id, OLD.tagged_at, OLD.actor, OLD.agent_id, OLD.source, OLD.source_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (2, NEW.tag_id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 2, OLD.tag_id, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.tag_id <> NEW.tag_id;
END;

CREATE TRIGGER log_consents_insert AFTER INSERT ON consents BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (3, CASE NEW.channel WHEN 'email' THEN 1 WHEN 'sms' THEN 2 WHEN 'whatsapp' THEN 3 ELSE 0 END,
        NEW.customer_id);
END;
CREATE TRIGGER log_consents_delete AFTER DELETE ON consents BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (3, CASE OLD.channel WHEN 'email' THEN 1 WHEN 'sms' THEN 2 WHEN 'whatsapp' THEN 3 ELSE 0 END,
        OLD.customer_id);
END;
CREATE TRIGGER log_consents_update AFTER UPDATE ON consents
WHEN (NEW.customer_id, NEW.channel, NEW.state, NEW.changed_at, NEW.source)
    IS NOT (OLD.customer_id, OLD.channel, OLD.state, OLD.changed_at, OLD.source) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (3, CASE NEW.channel WHEN 'email' THEN 1 WHEN 'sms' THEN 2 WHEN 'whatsapp' THEN 3 ELSE 0 END,
        NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 3, CASE OLD.channel WHEN 'email' THEN 1 WHEN 'sms' THEN 2 WHEN 'whatsapp' THEN 3 ELSE 0 END,
        OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.channel <> NEW.channel;
END;

CREATE TRIGGER log_segment_members_insert AFTER INSERT ON segment_members BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (4, NEW.segment_id, NEW.customer_id);
END;
CREATE TRIGGER log_segment_members_delete AFTER DELETE ON segment_members BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (4, OLD.segment_id, OLD.customer_id);
END;
CREATE TRIGGER log_segment_members_update AFTER UPDATE ON segment_members
WHEN (NEW.segment_id, NEW.customer_id, NEW.added_at)
    IS NOT (OLD.segment_id, OLD.customer_id, OLD.added_at) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (4, NEW.segment_id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 4, OLD.segment_id, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.segment_id <> NEW.segment_id;
END;

CREATE TRIGGER log_custom_values_insert AFTER INSERT ON custom_values BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (5, NEW.field_id, NEW.customer_id);
END;
CREATE TRIGGER log_custom_values_delete AFTER DELETE ON custom_values BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (5, OLD.field_id, OLD.customer_id);
END;
CREATE TRIGGER log_custom_values_update AFTER UPDATE ON custom_values
WHEN (NEW.customer_id, NEW.field_id, NEW.value, NEW.folded, NEW.number)
    IS NOT (OLD.customer_id, OLD.field_id, OLD.value, OLD.folded, OLD.number) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (5, NEW.field_id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 5, OLD.field_id, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.field_id <> NEW.field_id;
END;

-- OR REPLACE may take away a purchase of somebody else: the one with the same external id, or with the same id.
CREATE TRIGGER log_purchases_insert AFTER INSERT ON purchases BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (6, 0, NEW.customer_id);
END;
CREATE TRIGGER log_purchases_delete AFTER DELETE ON purchases BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (6, 0, OLD.customer_id);
END;
CREATE TRIGGER log_purchases_update AFTER UPDATE ON purchases
WHEN (NEW.customer_id, NEW.product_folded, NEW.amount, NEW.currency, NEW.purchased_at)
    IS NOT (OLD.customer_id, OLD.product_folded, OLD.amount, OLD.currency, OLD.purchased_at) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (6, 0, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 6, 0, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id;
END;
CREATE TRIGGER log_purchases_insert_replace BEFORE INSERT ON purchases BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 6, 0, customer_id FROM purchases
    WHERE (external_id = NEW.external_id OR id = NEW.id) AND customer_id <> NEW.customer_id;
END;
CREATE TRIGGER log_purchases_update_replace BEFORE UPDATE ON purchases
WHEN (NEW.id, NEW.external_id) IS NOT (OLD.id, OLD.external_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 6, 0, customer_id FROM purchases
    WHERE (external_id = NEW.external_id OR id = NEW.id) AND id <> OLD.id;
END;

-- Conditions that ask for tags by a part of their names read the names. A tag comes and goes without taggings, unless
-- foreign keys are off.
CREATE TRIGGER log_tags_update AFTER UPDATE ON tags
WHEN (NEW.id, NEW.name_folded) IS NOT (OLD.id, OLD.name_folded) BEGIN
    INSERT INTO changes (source, key) VALUES (7, 0);
END;
CREATE TRIGGER log_tags_insert AFTER INSERT ON tags
WHEN EXISTS (SELECT 1 FROM taggings WHERE tag_id = NEW.id) BEGIN
    INSERT INTO changes (source, key) VALUES (7, 0);
END;
CREATE TRIGGER log_tags_delete AFTER DELETE ON tags
WHEN EXISTS (SELECT 1 FROM taggings WHERE tag_id = OLD.id) BEGIN
    INSERT INTO changes (source, key) VALUES (7, 0);
END;
CREATE TRIGGER log_tags_insert_replace BEFORE INSERT ON tags
WHEN EXISTS (SELECT 1 FROM tags WHERE name_key = NEW.name_key AND id IS NOT NEW.id) BEGIN
    INSERT INTO changes (source, key) VALUES (7, 0);
END;
CREATE TRIGGER log_tags_update_replace BEFORE UPDATE ON tags
WHEN EXISTS (SELECT 1 FROM tags WHERE name_key = NEW.name_key AND id <> OLD.id) BEGIN
    INSERT INTO changes (source, key) VALUES (7, 0);
END;

-- Every order of a list is walked in an index. The one that keeps `phone` unique serves its order: it has the id too.
CREATE INDEX customers_external_id ON customers (external_id_folded, id);
CREATE INDEX customers_language ON customers (language_folded, id);
CREATE INDEX customers_updated ON customers (updated_at, id);
CREATE INDEX customers_purchase_count ON customers (purchase_count, id);
CREATE INDEX customers_first_purchase ON customers (first_purchase_at, id);

-- Whose moment lies within these seconds.
CREATE INDEX taggings_tagged ON taggings (tagged_at);
CREATE INDEX purchases_purchased ON purchases (purchased_at, customer_id);
