DROP TRIGGER log_customers_insert_replace;
CREATE TRIGGER log_customers_insert_replace BEFORE INSERT ON customers BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 1, -1, id FROM customers
    WHERE (email = NEW.email OR phone = NEW.phone OR external_id = NEW.external_id) AND id IS NOT NEW.id;
END;
DROP TRIGGER log_customers_update_replace;
CREATE TRIGGER log_customers_update_replace BEFORE UPDATE ON customers
WHEN (NEW.email, NEW.phone, NEW.external_id) IS NOT (OLD.email, OLD.phone, OLD.external_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 1, -1, id FROM customers
    WHERE (email = NEW.email OR phone = NEW.phone OR external_id = NEW.external_id) AND id <> OLD.id;
END;
DROP TRIGGER log_purchases_insert_replace;
CREATE TRIGGER log_purchases_insert_replace BEFORE INSERT ON purchases BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 6, 0, customer_id FROM purchases
    WHERE (external_id = NEW.external_id OR id = NEW.id) AND customer_id <> NEW.customer_id;
END;
DROP TRIGGER log_purchases_update_replace;
CREATE TRIGGER log_purchases_update_replace BEFORE UPDATE ON purchases
WHEN (NEW.id, NEW.external_id) IS NOT (OLD.id, OLD.external_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 6, 0, customer_id FROM purchases
    WHERE (external_id = NEW.external_id OR id = NEW.id) AND id <> OLD.id;
END;
