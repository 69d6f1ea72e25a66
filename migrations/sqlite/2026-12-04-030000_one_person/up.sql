-- Two customers who were one person: `old_id` went into `new_id`, and its address leads there. `kept` is what undoing needs
-- to know, as JSON; NULL once it was undone, or the person erased. No row of `customers` is asked for: she may go too.
CREATE TABLE merges (
    id        INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    old_id    BIGINT NOT NULL,
    new_id    BIGINT NOT NULL,
    at        TIMESTAMP NOT NULL,
    actor     TEXT NOT NULL,
    kept      TEXT,
    undone_at TIMESTAMP,
    undone_by TEXT
);
CREATE INDEX merges_old ON merges (old_id);
CREATE INDEX merges_new ON merges (new_id);

-- Two who look alike and are not the same person: they are not offered again. The lower number comes first.
CREATE TABLE not_duplicates (
    one_id   BIGINT NOT NULL,
    other_id BIGINT NOT NULL,
    at       TIMESTAMP NOT NULL,
    actor    TEXT NOT NULL,
    PRIMARY KEY (one_id, other_id)
) WITHOUT ROWID;
CREATE INDEX not_duplicates_other ON not_duplicates (other_id);
