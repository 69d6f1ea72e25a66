-- Something done to many customers at once. Whom it is about was settled when it was started: `whom` is their ids as one
-- bitmap, and `reached` the last of them that was seen to (again from 0 while it is undone).
-- Whoever works on it holds it until `held_until`; if that passes, its process is gone and another goes on.
CREATE TABLE bulk_actions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('add_tags', 'remove_tags', 'replace_tags', 'set_field', 'add_to_segment', 'delete')),
    -- What is to be done, as JSON, and the same in words.
    details     TEXT NOT NULL,
    words       TEXT NOT NULL,
    -- Whom it is about, in words, and as a filter where one was asked.
    about       TEXT NOT NULL,
    filter      TEXT,
    whom        BLOB NOT NULL,
    actor       TEXT NOT NULL,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'cancelled', 'undoing', 'undone')),
    -- How many the page showed before it was started.
    shown       BIGINT,
    total       BIGINT NOT NULL,
    changed     BIGINT NOT NULL DEFAULT 0,
    already     BIGINT NOT NULL DEFAULT 0,
    failed      BIGINT NOT NULL DEFAULT 0,
    restored    BIGINT NOT NULL DEFAULT 0,
    kept        BIGINT NOT NULL DEFAULT 0,
    reached     BIGINT NOT NULL DEFAULT 0,
    created_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    undone_at   TIMESTAMP,
    undone_by   TEXT,
    held_by     TEXT,
    held_until  TIMESTAMP
);
CREATE INDEX bulk_actions_agent ON bulk_actions (agent_id) WHERE agent_id IS NOT NULL;

-- What became of each customer. A row outlives her: a deletion is undone from `before`.
CREATE TABLE bulk_items (
    action_id   INTEGER NOT NULL REFERENCES bulk_actions (id) ON DELETE CASCADE,
    customer_id INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('changed', 'already', 'failed')),
    -- What undoing needs to know.
    before      TEXT,
    -- Why it failed, or what undoing left alone.
    remark      TEXT,
    PRIMARY KEY (action_id, customer_id)
) WITHOUT ROWID;
CREATE INDEX bulk_items_remark ON bulk_items (action_id, customer_id) WHERE remark IS NOT NULL;
