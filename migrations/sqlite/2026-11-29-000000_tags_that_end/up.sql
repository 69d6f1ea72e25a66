-- Of the tags of one family a customer carries one at most: a new one replaces the old.
CREATE TABLE tag_families (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL
);
ALTER TABLE tags ADD COLUMN family_id INTEGER REFERENCES tag_families (id) ON DELETE SET NULL;
CREATE INDEX tags_family ON tags (family_id) WHERE family_id IS NOT NULL;
-- Not offered any more, and still on whoever carries it.
ALTER TABLE tags ADD COLUMN archived_at TIMESTAMP;

-- Names that a tag had, or that another tag had which went into it: imports, links and filters still understand them.
CREATE TABLE tag_aliases (
    name_key   TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    tag_id     INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
CREATE INDEX tag_aliases_tag ON tag_aliases (tag_id);

-- From then on a tagging is over, whether or not its row is still there.
ALTER TABLE taggings ADD COLUMN expires_at TIMESTAMP;
CREATE INDEX taggings_expires ON taggings (expires_at, tag_id, customer_id) WHERE expires_at IS NOT NULL;
DROP INDEX taggings_tag;
CREATE INDEX taggings_tag ON taggings (tag_id, customer_id, expires_at);
-- What one bulk action did can be found, and undone.
CREATE INDEX taggings_bulk ON taggings (source_id, customer_id, tag_id) WHERE source = 'bulk';

DROP TRIGGER log_taggings_update;
CREATE TRIGGER log_taggings_update AFTER UPDATE ON taggings
WHEN (NEW.customer_id, NEW.tag_id, NEW.tagged_at, NEW.actor, NEW.agent_id, NEW.source, NEW.source_id, NEW.expires_at)
    IS NOT (OLD.customer_id, OLD.tag_id, OLD.tagged_at, OLD.actor, OLD.agent_id, OLD.source, OLD.source_id, OLD.expires_at) BEGIN
    INSERT INTO changes (source, key, customer_id)
    VALUES (2, NEW.tag_id, NEW.customer_id);
    INSERT INTO changes (source, key, customer_id)
    SELECT 2, OLD.tag_id, OLD.customer_id
    WHERE OLD.customer_id <> NEW.customer_id OR OLD.tag_id <> NEW.tag_id;
END;

-- Taggings that are over: what they were, and how they ended. The history of a customer is these and her taggings.
CREATE TABLE past_taggings (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    customer_id     INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    -- The tag may be gone too.
    tag_id          INTEGER NOT NULL,
    tag_name        TEXT NOT NULL,
    tagged_at       TIMESTAMP NOT NULL,
    actor           TEXT NOT NULL,
    agent_id        INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    source          TEXT NOT NULL,
    source_id       INTEGER,
    expires_at      TIMESTAMP,
    ended_at        TIMESTAMP NOT NULL,
    ended_by        TEXT NOT NULL,
    ended_source    TEXT NOT NULL,
    ended_source_id INTEGER,
    why             TEXT NOT NULL CHECK (why IN ('removed', 'expired', 'replaced', 'merged', 'undone'))
);
CREATE INDEX past_taggings_customer ON past_taggings (customer_id, ended_at);
CREATE INDEX past_taggings_tag ON past_taggings (tag_id, ended_at);
CREATE INDEX past_taggings_agent ON past_taggings (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX past_taggings_bulk ON past_taggings (ended_source_id, customer_id, tag_id) WHERE ended_source = 'bulk';
