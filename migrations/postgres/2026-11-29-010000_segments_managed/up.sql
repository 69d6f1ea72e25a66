-- Not offered any more, and still working where it is used.
ALTER TABLE segments ADD COLUMN archived_at TIMESTAMP;
-- When it was last opened, exported, or used to choose customers; to about a minute.
ALTER TABLE segments ADD COLUMN last_used_at TIMESTAMP;
-- Grows with each save, so that two people who edit at the same time notice each other.
ALTER TABLE segments ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- How a static one was made, as JSON.
ALTER TABLE segments ADD COLUMN origin TEXT;

-- What a segment was after each save.
CREATE TABLE segment_versions (
    segment_id BIGINT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    version    BIGINT NOT NULL,
    name       TEXT NOT NULL,
    filter     TEXT,
    private    BOOLEAN NOT NULL,
    agent_id   BIGINT REFERENCES agents (id) ON DELETE SET NULL,
    actor      TEXT NOT NULL,
    saved_at   TIMESTAMP NOT NULL,
    -- How many were in it then; nobody counted before this table was there.
    size       BIGINT,
    PRIMARY KEY (segment_id, version)
);
CREATE INDEX segment_versions_agent ON segment_versions (agent_id) WHERE agent_id IS NOT NULL;
INSERT INTO segment_versions (segment_id, version, name, filter, private, agent_id, actor, saved_at)
SELECT id, 1, name, filter, private, agent_id, actor, updated_at FROM segments;

-- Customers who must be in a segment, or out of it, whatever is changed.
CREATE TABLE segment_pins (
    segment_id  BIGINT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    customer_id BIGINT NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    inside      BOOLEAN NOT NULL,
    actor       TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (segment_id, customer_id)
);
CREATE INDEX segment_pins_customer ON segment_pins (customer_id);

-- How many were in a segment on a day of the workspace's calendar.
CREATE TABLE segment_sizes (
    segment_id BIGINT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    day        DATE NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (segment_id, day)
);
CREATE INDEX segment_sizes_day ON segment_sizes (day);
