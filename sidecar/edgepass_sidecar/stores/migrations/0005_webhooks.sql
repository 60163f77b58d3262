-- What waits to be delivered to the webhook receiver, and what died on the way to it.

CREATE TABLE deliveries (
    cursor INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    type TEXT NOT NULL,
    sequence TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at REAL NOT NULL,
    give_up_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL,
    status TEXT NOT NULL,
    problem TEXT NOT NULL,
    claimed_until REAL NOT NULL
) STRICT;

CREATE INDEX pending_deliveries ON deliveries (due_at, cursor) WHERE status = 'pending';
CREATE INDEX deliveries_of_sequence ON deliveries (sequence, cursor) WHERE status = 'pending';
CREATE INDEX dead_deliveries ON deliveries (created_at) WHERE status = 'dead';
