-- Ids fit in 32 bits so that audiences can be held as compact bitmaps, and are never used twice: a filter that names a
-- deleted tag must not wake up on another one.
-- Times are UTC. A column named *_folded is its neighbour after NFKC, trim, case fold and accent fold, written by us,
-- because the two databases disagree about case and neither folds accents.
CREATE TABLE agents (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    email         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('agent', 'marketer', 'admin')),
    may_send      BOOLEAN NOT NULL DEFAULT FALSE,
    may_export    BOOLEAN NOT NULL DEFAULT FALSE,
    password_hash TEXT NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    disabled_at   TIMESTAMP
);

CREATE TABLE sessions (
    key_hash     TEXT PRIMARY KEY NOT NULL,
    agent_id     INTEGER REFERENCES agents (id) ON DELETE CASCADE,
    state        TEXT NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL
);
CREATE INDEX sessions_agent ON sessions (agent_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE sign_in_failures (
    id     INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    key    TEXT NOT NULL,
    at     TIMESTAMP NOT NULL
);
CREATE INDEX sign_in_failures_key ON sign_in_failures (key, at);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('agent', 'marketer', 'admin')),
    token_hash   TEXT NOT NULL UNIQUE,
    created_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    revoked_at   TIMESTAMP
);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE audit_log (
    id      INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at      TIMESTAMP NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
);

CREATE TABLE customers (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL CHECK (id BETWEEN 1 AND 4294967295),
    name               TEXT,
    name_folded        TEXT,
    email              TEXT UNIQUE,
    email_folded       TEXT,
    phone              TEXT UNIQUE,
    external_id        TEXT UNIQUE,
    external_id_folded TEXT,
    country            TEXT,
    city               TEXT,
    city_folded        TEXT,
    language           TEXT,
    language_folded    TEXT,
    created_at         TIMESTAMP NOT NULL,
    updated_at         TIMESTAMP NOT NULL,
    last_seen_at       TIMESTAMP,
    purchase_count     BIGINT NOT NULL DEFAULT 0,
    total_spent        BIGINT NOT NULL DEFAULT 0,
    first_purchase_at  TIMESTAMP,
    last_purchase_at   TIMESTAMP
);
CREATE INDEX customers_name ON customers (name_folded, id);
CREATE INDEX customers_email ON customers (email_folded, id);
CREATE INDEX customers_city ON customers (city_folded, id);
CREATE INDEX customers_country ON customers (country, id);
CREATE INDEX customers_created ON customers (created_at, id);
CREATE INDEX customers_last_seen ON customers (last_seen_at, id);
CREATE INDEX customers_last_purchase ON customers (last_purchase_at, id);
CREATE INDEX customers_total_spent ON customers (total_spent, id);

-- No row means unknown.
CREATE TABLE consents (
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    channel     TEXT NOT NULL CHECK (channel IN ('email', 'sms', 'whatsapp')),
    state       TEXT NOT NULL CHECK (state IN ('opted_in', 'opted_out')),
    changed_at  TIMESTAMP NOT NULL,
    source      TEXT NOT NULL,
    PRIMARY KEY (customer_id, channel)
) WITHOUT ROWID;
CREATE INDEX consents_channel ON consents (channel, state, customer_id);

CREATE TABLE tags (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE,
    name_folded TEXT NOT NULL,
    colour      TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    created_at  TIMESTAMP NOT NULL
);

CREATE TABLE taggings (
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    tag_id      INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    tagged_at   TIMESTAMP NOT NULL,
    actor       TEXT NOT NULL,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    source      TEXT NOT NULL CHECK (source IN ('profile', 'list', 'conversation', 'bulk', 'import', 'campaign', 'api')),
    source_id   INTEGER,
    PRIMARY KEY (customer_id, tag_id)
) WITHOUT ROWID;
CREATE INDEX taggings_tag ON taggings (tag_id, customer_id);
CREATE INDEX taggings_agent ON taggings (agent_id, tagged_at);

CREATE TABLE segments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL CHECK (kind IN ('static', 'dynamic')),
    filter      TEXT,
    private     BOOLEAN NOT NULL DEFAULT FALSE,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    actor       TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL
);

CREATE TABLE segment_members (
    segment_id  INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    added_at    TIMESTAMP NOT NULL,
    PRIMARY KEY (segment_id, customer_id)
) WITHOUT ROWID;
CREATE INDEX segment_members_customer ON segment_members (customer_id, segment_id);

-- Amounts are whole minor units (cents).
CREATE TABLE purchases (
    id             INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    external_id    TEXT UNIQUE,
    customer_id    INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    product        TEXT,
    product_folded TEXT,
    amount         BIGINT NOT NULL,
    currency       TEXT NOT NULL,
    purchased_at   TIMESTAMP NOT NULL
);
CREATE INDEX purchases_customer ON purchases (customer_id, purchased_at);
CREATE INDEX purchases_product ON purchases (product_folded, customer_id);

CREATE TABLE imports (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind        TEXT NOT NULL,
    file_name   TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('uploaded', 'running', 'done', 'failed')),
    plan        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    created_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    message     TEXT,
    lines       BIGINT NOT NULL DEFAULT 0,
    blank       BIGINT NOT NULL DEFAULT 0,
    created     BIGINT NOT NULL DEFAULT 0,
    updated     BIGINT NOT NULL DEFAULT 0,
    unchanged   BIGINT NOT NULL DEFAULT 0,
    skipped     BIGINT NOT NULL DEFAULT 0,
    rejected    BIGINT NOT NULL DEFAULT 0
);

-- What is worth telling about a line: rejections, and notes on lines that landed.
CREATE TABLE import_remarks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    import_id   INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line        BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    column_name TEXT NOT NULL,
    value       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    record      TEXT NOT NULL
);
CREATE INDEX import_remarks_import ON import_remarks (import_id, line);

-- Filters whose text is too long for a URL, by the hash of that text.
CREATE TABLE stored_filters (
    key        TEXT PRIMARY KEY NOT NULL,
    text       TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
