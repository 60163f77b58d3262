"""Use cases: load, decide, save. Each does at most one read and one write of the store's client."""
