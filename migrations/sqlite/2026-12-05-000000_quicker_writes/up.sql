-- Hardly ever does anybody stand in the way of a row that comes. Whether somebody does is asked where the trigger is chosen:
-- what is written is put together only then, which each new customer of an import would pay for.
DROP TRIGGER log_customers_insert_replace;
CREATE TRIGGER log_customers_insert_replace BEFORE INSERT ON customers
WHEN EXISTS (SELECT 1 FROM customers WHERE email = NEW.email)
    OR EXISTS (SELECT 1 FROM customers WHERE phone = NEW.phone)
    OR EXISTS (SELECT 1 FROM customers WHERE external_id = NEW.external_id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 1, -1, id FROM customers WHERE email = NEW.email AND id IS NOT NEW.id
    UNION ALL SELECT 1, -1, id FROM customers WHERE phone = NEW.phone AND id IS NOT NEW.id
    UNION ALL SELECT 1, -1, id FROM customers WHERE external_id = NEW.external_id AND id IS NOT NEW.id;
END;
DROP TRIGGER log_purchases_insert_replace;
CREATE TRIGGER log_purchases_insert_replace BEFORE INSERT ON purchases
WHEN EXISTS (SELECT 1 FROM purchases WHERE external_id = NEW.external_id)
    OR EXISTS (SELECT 1 FROM purchases WHERE id = NEW.id) BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 6, 0, customer_id FROM purchases WHERE external_id = NEW.external_id AND customer_id <> NEW.customer_id
    UNION ALL SELECT 6, 0, customer_id FROM purchases WHERE id = NEW.id AND customer_id <> NEW.customer_id;
END;
