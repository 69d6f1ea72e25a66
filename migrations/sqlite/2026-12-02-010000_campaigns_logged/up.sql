-- Who was reached by which campaign: source 9, the key is the campaign. Told is what a condition can tell apart: whether a
-- message was sent or failed, and whether its reader clicked unsubscribe. Freezing an audience, or a message on its way,
-- tells nothing.
CREATE TRIGGER log_campaign_recipients_insert AFTER INSERT ON campaign_recipients
WHEN NEW.status IN ('sent', 'failed') OR NEW.unsubscribed_at IS NOT NULL BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (9, NEW.campaign_id, NEW.customer_id);
END;
CREATE TRIGGER log_campaign_recipients_delete AFTER DELETE ON campaign_recipients
WHEN OLD.status IN ('sent', 'failed') OR OLD.unsubscribed_at IS NOT NULL BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (9, OLD.campaign_id, OLD.customer_id);
END;
CREATE TRIGGER log_campaign_recipients_update AFTER UPDATE ON campaign_recipients
WHEN (NEW.status IN ('sent', 'failed') OR NEW.unsubscribed_at IS NOT NULL
        OR OLD.status IN ('sent', 'failed') OR OLD.unsubscribed_at IS NOT NULL)
    AND (NEW.campaign_id, NEW.customer_id, NEW.status = 'sent', NEW.status = 'failed', NEW.unsubscribed_at IS NULL)
    IS NOT (OLD.campaign_id, OLD.customer_id, OLD.status = 'sent', OLD.status = 'failed', OLD.unsubscribed_at IS NULL) BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (9, NEW.campaign_id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 9, OLD.campaign_id, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.campaign_id <> NEW.campaign_id;
END;
-- OR REPLACE may take away her own row, and somebody else's: the one with the same address in the same campaign.
CREATE TRIGGER log_campaign_recipients_insert_replace BEFORE INSERT ON campaign_recipients BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 9, campaign_id, customer_id FROM campaign_recipients
    WHERE campaign_id = NEW.campaign_id AND customer_id = NEW.customer_id
        AND (status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL)
    UNION ALL
    SELECT 9, campaign_id, customer_id FROM campaign_recipients
    WHERE campaign_id = NEW.campaign_id AND address = NEW.address AND status <> 'excluded'
        AND customer_id <> NEW.customer_id AND (status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL);
END;
CREATE TRIGGER log_campaign_recipients_update_replace BEFORE UPDATE ON campaign_recipients
WHEN (NEW.campaign_id, NEW.customer_id, NEW.address, NEW.status = 'excluded')
    IS NOT (OLD.campaign_id, OLD.customer_id, OLD.address, OLD.status = 'excluded') BEGIN
    INSERT INTO changes (source, key, customer_id)
    SELECT 9, campaign_id, customer_id FROM campaign_recipients
    WHERE campaign_id = NEW.campaign_id AND customer_id = NEW.customer_id
        AND (NEW.campaign_id, NEW.customer_id) IS NOT (OLD.campaign_id, OLD.customer_id)
        AND (status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL)
    UNION ALL
    SELECT 9, campaign_id, customer_id FROM campaign_recipients
    WHERE campaign_id = NEW.campaign_id AND address = NEW.address AND status <> 'excluded'
        AND (campaign_id, customer_id) IS NOT (OLD.campaign_id, OLD.customer_id)
        AND (status IN ('sent', 'failed') OR unsubscribed_at IS NOT NULL);
END;

-- The few who clicked unsubscribe are found without looking at all who got a message.
CREATE INDEX campaign_recipients_unsubscribed ON campaign_recipients (campaign_id, customer_id)
    WHERE unsubscribed_at IS NOT NULL;
