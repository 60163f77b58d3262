"""Use cases: load, decide, save; what loses a race loads again."""
