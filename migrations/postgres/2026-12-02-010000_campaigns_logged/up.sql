-- Who was reached by which campaign: source 9, the key is the campaign. Told is what a condition can tell apart: whether a
-- message was sent or failed, and whether its reader clicked unsubscribe. Freezing an audience, or a message on its way,
-- tells nothing. The search path as for the other functions of the log.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', TRUE);

CREATE FUNCTION log_campaign_recipients() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    SELECT 9, campaign_id, array_agg(customer_id) FROM rows
    WHERE status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL GROUP BY 2;
    RETURN NULL;
END $$;
-- What is on one side only is what changed.
CREATE FUNCTION log_campaign_recipients_update() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
    INSERT INTO changes (source, key, customers)
    WITH before AS (
        SELECT campaign_id, customer_id, status = 'sent' AS sent, status = 'failed' AS failed, unsubscribed_at IS NULL AS stayed
        FROM was WHERE status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL
    ), after AS (
        SELECT campaign_id, customer_id, status = 'sent' AS sent, status = 'failed' AS failed, unsubscribed_at IS NULL AS stayed
        FROM now WHERE status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL
    )
    SELECT 9, key, array_agg(customer_id) FROM (
        SELECT DISTINCT campaign_id AS key, customer_id FROM (
            (TABLE before EXCEPT ALL TABLE after) UNION ALL (TABLE after EXCEPT ALL TABLE before)
        ) AS sides
    ) AS changed GROUP BY key;
    RETURN NULL;
END $$;
CREATE TRIGGER log_campaign_recipients_insert AFTER INSERT ON campaign_recipients REFERENCING NEW TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_campaign_recipients();
CREATE TRIGGER log_campaign_recipients_delete AFTER DELETE ON campaign_recipients REFERENCING OLD TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_campaign_recipients();
CREATE TRIGGER log_campaign_recipients_update AFTER UPDATE ON campaign_recipients
    REFERENCING OLD TABLE AS was NEW TABLE AS now
    FOR EACH STATEMENT EXECUTE FUNCTION log_campaign_recipients_update();
CREATE TRIGGER log_campaign_recipients_truncate AFTER TRUNCATE ON campaign_recipients
    FOR EACH STATEMENT EXECUTE FUNCTION log_truncate(9);

-- The few who clicked unsubscribe are found without looking at all who got a message.
CREATE INDEX campaign_recipients_unsubscribed ON campaign_recipients (campaign_id, customer_id)
    WHERE unsubscribed_at IS NOT NULL;
