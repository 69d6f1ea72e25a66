-- A campaign: one message to one audience over one channel.
-- `audience` is JSON: the segments whose members get it, a filter, the segments and earlier campaigns whose people do not.
-- `version` grows with each change of a draft. `approved` is the number of people somebody agreed to.
-- `receipt` is what the launch settled, as JSON: filter, versions of segments, zone, moment, sums.
CREATE TABLE campaigns (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name        TEXT NOT NULL,
    channel     TEXT NOT NULL CHECK (channel IN ('email', 'sms', 'whatsapp')),
    subject     TEXT NOT NULL DEFAULT '',
    body        TEXT NOT NULL DEFAULT '',
    html        TEXT NOT NULL DEFAULT '',
    audience    TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('draft', 'scheduled', 'held', 'sending', 'paused', 'done', 'cancelled')),
    version     BIGINT NOT NULL DEFAULT 1,
    actor       TEXT NOT NULL,
    agent_id    INTEGER REFERENCES agents (id) ON DELETE SET NULL,
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    approved    BIGINT,
    send_at     TIMESTAMP,
    why         TEXT,
    launched_at TIMESTAMP,
    launched_by TEXT,
    receipt     TEXT,
    finished_at TIMESTAMP
);
CREATE INDEX campaigns_agent ON campaigns (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX campaigns_open ON campaigns (state, send_at) WHERE state IN ('scheduled', 'sending');

-- One row for each member of the audience at the launch, who gets it and who does not; it outlives her.
-- Whoever sends to her holds it until `held_until`. If that passes, its process is gone, and what became of the message is
-- not known. `attempts` tells the attempts apart: only the one that holds the row says what became of it.
CREATE TABLE campaign_recipients (
    campaign_id     INTEGER NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    customer_id     INTEGER NOT NULL,
    name            TEXT,
    address         TEXT,
    status          TEXT NOT NULL CHECK (status IN ('excluded', 'waiting', 'sending', 'sent', 'failed', 'uncertain', 'skipped', 'cancelled')),
    reason          TEXT,
    said            TEXT,
    attempts        BIGINT NOT NULL DEFAULT 0,
    due_at          TIMESTAMP NOT NULL,
    held_by         TEXT,
    held_until      TIMESTAMP,
    settled_at      TIMESTAMP,
    unsubscribed_at TIMESTAMP,
    PRIMARY KEY (campaign_id, customer_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX campaign_recipients_address ON campaign_recipients (campaign_id, address) WHERE status <> 'excluded';
CREATE INDEX campaign_recipients_status ON campaign_recipients (campaign_id, status, reason, customer_id);
CREATE INDEX campaign_recipients_due ON campaign_recipients (campaign_id, due_at, customer_id) WHERE status = 'waiting';
CREATE INDEX campaign_recipients_held ON campaign_recipients (held_until) WHERE status = 'sending';
CREATE INDEX campaign_recipients_customer ON campaign_recipients (customer_id, campaign_id);

-- What became of each attempt to reach somebody.
CREATE TABLE campaign_attempts (
    campaign_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    attempt     BIGINT NOT NULL,
    at          TIMESTAMP NOT NULL,
    outcome     TEXT NOT NULL,
    said        TEXT NOT NULL,
    PRIMARY KEY (campaign_id, customer_id, attempt, at)
) WITHOUT ROWID;

-- Addresses that get nothing any more, as keyed hashes: they outlive the customer.
CREATE TABLE suppressions (
    channel     TEXT NOT NULL,
    address     TEXT NOT NULL,
    reason      TEXT NOT NULL CHECK (reason IN ('unsubscribed', 'bounced', 'complained')),
    at          TIMESTAMP NOT NULL,
    campaign_id INTEGER,
    PRIMARY KEY (channel, address)
) WITHOUT ROWID;

-- Where a channel may not send as fast as it could: when the next message may go.
CREATE TABLE channel_pace (
    channel TEXT PRIMARY KEY NOT NULL,
    next_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
