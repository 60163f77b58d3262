-- Clients with their sessions, users, tickets, keys, and the event log.
-- Times are seconds since the epoch.

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    token_hash BLOB NOT NULL,
    previous_token_hash BLOB,
    rotated_at REAL NOT NULL,
    last_active_session_id TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id),
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    -- Never indexed: it is the one column that refreshes write.
    last_active_at REAL NOT NULL,
    expire_at REAL NOT NULL,
    inactivity_timeout REAL,
    first_factor_at REAL NOT NULL,
    ip_address TEXT NOT NULL,
    user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX live_sessions_of_client ON sessions (client_id) WHERE status IN ('active', 'pending');
CREATE INDEX sessions_of_client ON sessions (client_id, created_at);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_age ON sessions (created_at);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    external_id TEXT UNIQUE,
    profile TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_age ON users (created_at);

CREATE TABLE tickets (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    status TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    session_id TEXT
) STRICT, WITHOUT ROWID;

-- One row: the whole list is replaced at once, so two rotations cannot interleave.
CREATE TABLE signing_keys (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    keys TEXT NOT NULL
) STRICT;

CREATE TABLE secret_keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    hint TEXT NOT NULL,
    created_at REAL NOT NULL,
    revoked_at REAL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a cursor is never given twice, even after the last lines were cut.
CREATE TABLE events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    client_id TEXT,
    session_id TEXT,
    user_id TEXT,
    data TEXT NOT NULL
) STRICT;
