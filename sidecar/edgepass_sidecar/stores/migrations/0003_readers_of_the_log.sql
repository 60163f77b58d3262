-- What the readers of the event log look it up by, and how far each of them has come.

CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_by_type ON events (type, cursor);
CREATE INDEX events_of_session ON events (session_id, cursor) WHERE session_id IS NOT NULL;
CREATE INDEX events_of_client ON events (client_id, cursor) WHERE client_id IS NOT NULL;
CREATE INDEX events_of_user ON events (user_id, cursor) WHERE user_id IS NOT NULL;

CREATE TABLE positions (
    reader TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a secret key opens: 'backend' the backend API, 'edge' the revocation feed and no more.
ALTER TABLE secret_keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'backend';
