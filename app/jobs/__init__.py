"""The edge of the clock: what runs by itself, when, and what it does. ``app.jobs.table.JOBS`` is the whole of it."""
