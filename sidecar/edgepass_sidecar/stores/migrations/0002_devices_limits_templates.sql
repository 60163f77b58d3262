-- What sessions are started with and seen from, marks on users, templates, notes.

ALTER TABLE clients ADD COLUMN rotation_due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN rotated_for TEXT;
CREATE INDEX clients_by_change ON clients (updated_at);

ALTER TABLE sessions ADD COLUMN second_factor_at REAL;
-- JSON: what is read and written as a whole, and never asked for by itself.
ALTER TABLE sessions ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
CREATE INDEX live_sessions ON sessions (id) WHERE status IN ('active', 'pending');
CREATE INDEX dead_sessions ON sessions (updated_at) WHERE status NOT IN ('active', 'pending');

ALTER TABLE users ADD COLUMN is_banned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN not_before REAL NOT NULL DEFAULT 0;

ALTER TABLE tickets ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

CREATE TABLE templates (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
    hash BLOB PRIMARY KEY,
    text BLOB NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX notes_by_expiry ON notes (expires_at);

ALTER TABLE events ADD COLUMN actor_id TEXT;
ALTER TABLE events ADD COLUMN ip_address TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
