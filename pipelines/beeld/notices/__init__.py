"""Telling somebody: a scheduled run failed, a source went stale or is fresh again. What is said, how it leaves, what is kept."""
