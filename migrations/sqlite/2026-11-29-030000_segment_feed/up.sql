-- Who joined and who left each segment. How it is written stands in `src/segments/feed.rs`.

-- One row: the newest whole step, where in history it stands, and which process is writing the next one.
CREATE TABLE feed_state (
    id      INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    step    BIGINT NOT NULL,
    version TEXT NOT NULL,
    holder  TEXT NOT NULL,
    until   TIMESTAMP NOT NULL
);

-- Who was in a segment after a step, as a compressed bitmap of ids: with the moves after it, who was in it at the newest.
-- `rule` is what it asked then.
CREATE TABLE feed_members (
    segment_id INTEGER PRIMARY KEY NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    step       BIGINT NOT NULL,
    rule       TEXT NOT NULL,
    members    BLOB NOT NULL
);

-- The customer may be gone: that she left is true all the same.
CREATE TABLE segment_moves (
    segment_id  INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    step        BIGINT NOT NULL,
    customer_id INTEGER NOT NULL,
    joined      BOOLEAN NOT NULL,
    at          TIMESTAMP NOT NULL,
    cause       TEXT NOT NULL,
    PRIMARY KEY (segment_id, step, customer_id)
) WITHOUT ROWID;
CREATE INDEX segment_moves_customer ON segment_moves (customer_id, at);
CREATE INDEX segment_moves_at ON segment_moves (segment_id, at, joined);
CREATE INDEX segment_moves_step ON segment_moves (step);
