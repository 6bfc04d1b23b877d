"""Rules: pure functions over frozen facts and an instant. Standard library only; never reads the clock."""
