-- What was changed, so that sets of customers which are kept in memory can follow: every write leaves rows here, by
-- whomever and in whatever way it was made. How they are read and trimmed stands in `src/db/changes.rs`.
-- `source` is the table: 1 customers, 2 taggings, 3 consents, 4 segment_members, 5 custom_values, 6 purchases, 7 tags.
-- `key` narrows it: customers one bit per column that conditions read (-1: the row came or went), taggings the tag,
-- consents the channel (1 email, 2 sms, 3 whatsapp), segment_members the segment, custom_values the field, else 0;
-- -1 without customers is the whole table.
-- `customers` are whose, all of one statement and key; NULL is everybody's.
-- `xid` is the transaction: numbers would not be in the order of commits.
CREATE TABLE changes (
    xid       XID8 NOT NULL DEFAULT pg_current_xact_id(),
    source    SMALLINT NOT NULL,
    key       BIGINT NOT NULL,
    customers BIGINT[]
);
CREATE INDEX changes_xid ON changes (xid);

-- One row: what transactions before this one wrote was trimmed away.
CREATE TABLE changes_trimmed (upto XID8 PRIMARY KEY NOT NULL);
INSERT INTO changes_trimmed (upto) VALUES ('0');

-- The functions below find the log wherever the writer's own search path leads, and past temporary tables of its name;
-- and whoever may write to a table may have it logged.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

CREATE FUNCTION log_truncate() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key) VALUES (TG_ARGV[0]::SMALLINT, -1);
    RETURN NULL;
END $$;

-- The rows that came or went. A cascade asks for nobody's rows again and again: that is answered first.
CREATE FUNCTION log_customers() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM rows) THEN RETURN NULL; END IF;
    INSERT INTO changes (source, key, customers) SELECT 1, -1, array_agg(id) FROM rows;
    RETURN NULL;
END $$;
-- Both sides by id: one that is on one side only came or went.
CREATE FUNCTION log_customers_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 1, mask, array_agg(id) FROM (
        SELECT id, CASE WHEN was.id IS NULL OR now.id IS NULL THEN -1 ELSE
            ((was.name_folded IS DISTINCT FROM now.name_folded)::INT << 1) |
            ((was.email_folded IS DISTINCT FROM now.email_folded)::INT << 2) |
            ((was.phone IS DISTINCT FROM now.phone)::INT << 3) |
            ((was.external_id_folded IS DISTINCT FROM now.external_id_folded)::INT << 4) |
            ((was.country IS DISTINCT FROM now.country)::INT << 5) |
            ((was.city_folded IS DISTINCT FROM now.city_folded)::INT << 6) |
            ((was.language_folded IS DISTINCT FROM now.language_folded)::INT << 7) |
            ((was.created_at IS DISTINCT FROM now.created_at)::INT << 8) |
            ((was.updated_at IS DISTINCT FROM now.updated_at)::INT << 9) |
            ((was.last_seen_at IS DISTINCT FROM now.last_seen_at)::INT << 10) |
            ((was.purchase_count IS DISTINCT FROM now.purchase_count)::INT << 11) |
            ((was.total_spent IS DISTINCT FROM now.total_spent)::INT << 12) |
            ((was.first_purchase_at IS DISTINCT FROM now.first_purchase_at)::INT << 13) |
            ((was.last_purchase_at IS DISTINCT FROM now.last_purchase_at)::INT << 14)
        END AS mask FROM was FULL JOIN now USING (id)
    ) AS compared WHERE mask <> 0 GROUP BY mask;
    RETURN NULL;
END $$;
CREATE TRIGGER log_customers_insert AFTER INSERT ON customers REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_customers();
CREATE TRIGGER log_customers_delete AFTER DELETE ON customers REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_customers();
CREATE TRIGGER log_customers_update AFTER UPDATE ON customers REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_customers_update();
CREATE TRIGGER log_customers_truncate AFTER TRUNCATE ON customers
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(1);

-- Of an update, what is on one side only is what changed: before it and after it.
CREATE FUNCTION log_taggings() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM rows) THEN RETURN NULL; END IF;
    INSERT INTO changes (source, key, customers)
    SELECT 2, tag_id, array_agg(customer_id) FROM rows GROUP BY 2;
    RETURN NULL;
END $$;
CREATE FUNCTION log_taggings_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 2, key, array_agg(customer_id) FROM (
        SELECT DISTINCT tag_id AS key, customer_id FROM (
            (TABLE was EXCEPT ALL TABLE now) UNION ALL (TABLE now EXCEPT ALL TABLE was)
        ) AS sides
    ) AS changed GROUP BY key;
    RETURN NULL;
END $$;
CREATE TRIGGER log_taggings_insert AFTER INSERT ON taggings REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_taggings();
CREATE TRIGGER log_taggings_delete AFTER DELETE ON taggings REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_taggings();
CREATE TRIGGER log_taggings_update AFTER UPDATE ON taggings REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_taggings_update();
CREATE TRIGGER log_taggings_truncate AFTER TRUNCATE ON taggings
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(2);

CREATE FUNCTION log_consents() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM rows) THEN RETURN NULL; END IF;
    INSERT INTO changes (source, key, customers)
    SELECT 3, CASE channel WHEN 'email' THEN 1 WHEN 'sms' THEN 2 WHEN 'whatsapp' THEN 3 ELSE 0 END,
        array_agg(customer_id) FROM rows GROUP BY 2;
    RETURN NULL;
END $$;
CREATE FUNCTION log_consents_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 3, key, array_agg(customer_id) FROM (
        SELECT DISTINCT CASE channel WHEN 'email' THEN 1 WHEN 'sms' THEN 2 WHEN 'whatsapp' THEN 3 ELSE 0 END AS key,
            customer_id FROM (
            (TABLE was EXCEPT ALL TABLE now) UNION ALL (TABLE now EXCEPT ALL TABLE was)
        ) AS sides
    ) AS changed GROUP BY key;
    RETURN NULL;
END $$;
CREATE TRIGGER log_consents_insert AFTER INSERT ON consents REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_consents();
CREATE TRIGGER log_consents_delete AFTER DELETE ON consents REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_consents();
CREATE TRIGGER log_consents_update AFTER UPDATE ON consents REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_consents_update();
CREATE TRIGGER log_consents_truncate AFTER TRUNCATE ON consents
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(3);

CREATE FUNCTION log_segment_members() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM rows) THEN RETURN NULL; END IF;
    INSERT INTO changes (source, key, customers)
    SELECT 4, segment_id, array_agg(customer_id) FROM rows GROUP BY 2;
    RETURN NULL;
END $$;
CREATE FUNCTION log_segment_members_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 4, key, array_agg(customer_id) FROM (
        SELECT DISTINCT segment_id AS key, customer_id FROM (
            (TABLE was EXCEPT ALL TABLE now) UNION ALL (TABLE now EXCEPT ALL TABLE was)
        ) AS sides
    ) AS changed GROUP BY key;
    RETURN NULL;
END $$;
CREATE TRIGGER log_segment_members_insert AFTER INSERT ON segment_members REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_segment_members();
CREATE TRIGGER log_segment_members_delete AFTER DELETE ON segment_members REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_segment_members();
CREATE TRIGGER log_segment_members_update AFTER UPDATE ON segment_members REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_segment_members_update();
CREATE TRIGGER log_segment_members_truncate AFTER TRUNCATE ON segment_members
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(4);

CREATE FUNCTION log_custom_values() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM rows) THEN RETURN NULL; END IF;
    INSERT INTO changes (source, key, customers)
    SELECT 5, field_id, array_agg(customer_id) FROM rows GROUP BY 2;
    RETURN NULL;
END $$;
CREATE FUNCTION log_custom_values_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 5, key, array_agg(customer_id) FROM (
        SELECT DISTINCT field_id AS key, customer_id FROM (
            (TABLE was EXCEPT ALL TABLE now) UNION ALL (TABLE now EXCEPT ALL TABLE was)
        ) AS sides
    ) AS changed GROUP BY key;
    RETURN NULL;
END $$;
CREATE TRIGGER log_custom_values_insert AFTER INSERT ON custom_values REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_custom_values();
CREATE TRIGGER log_custom_values_delete AFTER DELETE ON custom_values REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_custom_values();
CREATE TRIGGER log_custom_values_update AFTER UPDATE ON custom_values REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_custom_values_update();
CREATE TRIGGER log_custom_values_truncate AFTER TRUNCATE ON custom_values
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(5);

CREATE FUNCTION log_purchases() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM rows) THEN RETURN NULL; END IF;
    INSERT INTO changes (source, key, customers)
    SELECT 6, 0, array_agg(customer_id) FROM rows GROUP BY 2;
    RETURN NULL;
END $$;
CREATE FUNCTION log_purchases_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 6, key, array_agg(customer_id) FROM (
        SELECT DISTINCT 0 AS key, customer_id FROM (
            (SELECT customer_id, product_folded, amount, currency, purchased_at FROM was
                EXCEPT ALL SELECT customer_id, product_folded, amount, currency, purchased_at FROM now)
            UNION ALL
            (SELECT customer_id, product_folded, amount, currency, purchased_at FROM now
                EXCEPT ALL SELECT customer_id, product_folded, amount, currency, purchased_at FROM was)
        ) AS sides
    ) AS changed GROUP BY key;
    RETURN NULL;
END $$;
CREATE TRIGGER log_purchases_insert AFTER INSERT ON purchases REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_purchases();
CREATE TRIGGER log_purchases_delete AFTER DELETE ON purchases REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_purchases();
CREATE TRIGGER log_purchases_update AFTER UPDATE ON purchases REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_purchases_update();
CREATE TRIGGER log_purchases_truncate AFTER TRUNCATE ON purchases
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(6);

-- Conditions that ask for tags by a part of their names read the names.
CREATE FUNCTION log_tags_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key)
    SELECT 7, 0 WHERE EXISTS (
        SELECT FROM was FULL JOIN now USING (id) WHERE was.name_folded IS DISTINCT FROM now.name_folded
    );
    RETURN NULL;
END $$;
CREATE TRIGGER log_tags_update AFTER UPDATE ON tags REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_tags_update();

-- Every order of a list is walked in an index.
CREATE INDEX customers_phone ON customers (phone, id);
CREATE INDEX customers_external_id ON customers (external_id_folded, id);
CREATE INDEX customers_language ON customers (language_folded, id);
CREATE INDEX customers_updated ON customers (updated_at, id);
CREATE INDEX customers_purchase_count ON customers (purchase_count, id);
CREATE INDEX customers_first_purchase ON customers (first_purchase_at, id);

-- Whose moment lies within these seconds.
CREATE INDEX taggings_tagged ON taggings (tagged_at, tag_id, customer_id);
CREATE INDEX purchases_purchased ON purchases (purchased_at, customer_id);
