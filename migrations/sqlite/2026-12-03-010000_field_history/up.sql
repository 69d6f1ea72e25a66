-- What people and programs change about a customer, field by field: who, from where, before and after. `field` is named as in
-- files and the API (`name`, `email_consent`, `custom.plan`), and a value is kept as it is stored, NULL for none. The first
-- row of somebody is that she was added: `created_at`, before which there was nothing. Imports and bulk actions keep their
-- own.
CREATE TABLE field_changes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    at          TIMESTAMP NOT NULL,
    field       TEXT NOT NULL,
    before      TEXT,
    after       TEXT,
    actor       TEXT NOT NULL,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    source      TEXT NOT NULL,
    source_id   INTEGER
);
CREATE INDEX field_changes_customer ON field_changes (customer_id, at, id);
CREATE INDEX field_changes_agent ON field_changes (agent_id) WHERE agent_id IS NOT NULL;

-- A timeline tells the messages of somebody's conversations by their time.
CREATE INDEX messages_at ON messages (conversation_id, at, id);
