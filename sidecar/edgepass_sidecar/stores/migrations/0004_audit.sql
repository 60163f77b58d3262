-- The chain over the event log, in tables of its own, so that those who write events only insert.

CREATE TABLE seals (
    cursor INTEGER PRIMARY KEY,
    -- NULL where the personal part of the event was erased.
    salt BLOB,
    digest BLOB NOT NULL,
    link BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    previous BLOB NOT NULL,
    statement TEXT NOT NULL,
    key_id TEXT NOT NULL REFERENCES checkpoint_keys (key_id)
) STRICT;

-- Never deleted: signing keys go, and what they signed is still to be verified.
CREATE TABLE checkpoint_keys (
    key_id TEXT PRIMARY KEY,
    jwk TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Users whose events up to the cursor `until` are not all erased.
CREATE TABLE erasures (
    user_id TEXT PRIMARY KEY,
    asked_at REAL NOT NULL,
    until INTEGER NOT NULL,
    -- A JSON list: those that were the user's alone.
    clients TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a user did in the place of others, so that erasing a user reads no more than is erased.
CREATE INDEX events_of_actor ON events (actor_id, cursor) WHERE actor_id IS NOT NULL;
CREATE INDEX events_by_actor ON events (data ->> 'by_actor', cursor)
    WHERE data ->> 'by_actor' IS NOT NULL;
CREATE INDEX sessions_of_actor ON sessions (details ->> '$.actor.sub')
    WHERE details ->> '$.actor.sub' IS NOT NULL;
CREATE INDEX tickets_of_actor ON tickets (terms ->> '$.actor.sub')
    WHERE terms ->> '$.actor.sub' IS NOT NULL;
CREATE INDEX tickets_of_user ON tickets (user_id);
