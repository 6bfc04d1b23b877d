"""Paper: what reports say, and that every format says the same."""
