"""The audit trail: a chain over the event log, signed checkpoints, exports that show changes."""
