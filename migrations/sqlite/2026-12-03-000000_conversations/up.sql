-- A conversation: what was said with one customer over one channel. `last_message_at` is of messages in or out, notes apart;
-- `last_in` is the newest message of the customer, by which unread is told; `preview` what the list shows of the newest.
CREATE TABLE conversations (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    customer_id     INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL CHECK (channel IN ('chat', 'email', 'sms', 'whatsapp')),
    state           TEXT NOT NULL CHECK (state IN ('open', 'snoozed', 'closed')),
    agent_id        INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    subject         TEXT,
    created_at      TIMESTAMP NOT NULL,
    last_message_at TIMESTAMP NOT NULL,
    last_in         BIGINT NOT NULL DEFAULT 0,
    snoozed_until   TIMESTAMP,
    closed_at       TIMESTAMP,
    preview         TEXT NOT NULL DEFAULT '',
    preview_of      TEXT NOT NULL DEFAULT 'in' CHECK (preview_of IN ('in', 'out', 'note')),
    version         BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX conversations_customer ON conversations (customer_id, channel, last_message_at);
CREATE INDEX conversations_state ON conversations (state, last_message_at, id);
CREATE INDEX conversations_agent ON conversations (agent_id, state, last_message_at) WHERE agent_id IS NOT NULL;
CREATE INDEX conversations_written ON conversations (last_message_at, customer_id);
CREATE INDEX conversations_snoozed ON conversations (snoozed_until) WHERE state = 'snoozed';

-- What was said: by the customer (`in`), to her (`out`), among agents (`note`), and what was done (`event`). A message that
-- its channel repeats has the same `external_id`. Of what goes out over a gateway or by mail `status` says how far it is;
-- whoever sends it holds it until `held_until`, and what then is not settled is uncertain. `folded` is what is searched.
CREATE TABLE messages (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    kind            TEXT NOT NULL CHECK (kind IN ('in', 'out', 'note', 'event')),
    channel         TEXT NOT NULL,
    external_id     TEXT,
    author          TEXT NOT NULL,
    agent_id        INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    body            TEXT NOT NULL,
    folded          TEXT NOT NULL DEFAULT '',
    at              TIMESTAMP NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('done', 'waiting', 'sending', 'sent', 'failed', 'uncertain')),
    said            TEXT,
    address         TEXT,
    attempts        BIGINT NOT NULL DEFAULT 0,
    due_at          TIMESTAMP,
    held_by         TEXT,
    held_until      TIMESTAMP
);
CREATE INDEX messages_conversation ON messages (conversation_id, id);
CREATE UNIQUE INDEX messages_external ON messages (channel, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX messages_due ON messages (due_at) WHERE status IN ('waiting', 'sending');
CREATE INDEX messages_agent ON messages (agent_id) WHERE agent_id IS NOT NULL;

-- How far an agent has read a conversation: up to the message of this number.
CREATE TABLE conversation_reads (
    agent_id        INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seen            BIGINT NOT NULL,
    PRIMARY KEY (agent_id, conversation_id)
) WITHOUT ROWID;
CREATE INDEX conversation_reads_conversation ON conversation_reads (conversation_id);

-- Answers that are written once and used often, with fields as in campaigns.
CREATE TABLE canned_replies (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    body       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

-- A browser that wrote in the website chat: what it shows to be itself, as a hash, and its conversation.
CREATE TABLE chat_visitors (
    key_hash        TEXT PRIMARY KEY NOT NULL,
    customer_id     INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    created_at      TIMESTAMP NOT NULL
) WITHOUT ROWID;
CREATE INDEX chat_visitors_customer ON chat_visitors (customer_id);
CREATE INDEX chat_visitors_conversation ON chat_visitors (conversation_id);

-- Conversations in the change log: source 10, the key is the conversation.
CREATE TRIGGER log_conversations_insert AFTER INSERT ON conversations BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (10, NEW.id, NEW.customer_id);
END;
CREATE TRIGGER log_conversations_delete AFTER DELETE ON conversations BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (10, OLD.id, OLD.customer_id);
END;
CREATE TRIGGER log_conversations_update AFTER UPDATE ON conversations
WHEN (NEW.id, NEW.customer_id, NEW.channel, NEW.state, NEW.agent_id, NEW.last_message_at, NEW.version)
    IS NOT (OLD.id, OLD.customer_id, OLD.channel, OLD.state, OLD.agent_id, OLD.last_message_at, OLD.version) BEGIN
    INSERT INTO changes (source, key, customer_id) VALUES (10, NEW.id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 10, OLD.id, OLD.customer_id WHERE OLD.customer_id <> NEW.customer_id OR OLD.id <> NEW.id;
END;
-- OR REPLACE may take away the one that has this number.
CREATE TRIGGER log_conversations_insert_replace BEFORE INSERT ON conversations BEGIN
    INSERT INTO changes (source, key, customer_id) SELECT 10, id, customer_id FROM conversations WHERE id = NEW.id;
END;
CREATE TRIGGER log_conversations_update_replace BEFORE UPDATE ON conversations WHEN NEW.id <> OLD.id BEGIN
    INSERT INTO changes (source, key, customer_id) SELECT 10, id, customer_id FROM conversations WHERE id = NEW.id;
END;
