"""Replays a world: the requests of its hosts come again, and each step is compared with its record.

Stands on no other room. What a kernel reaches outside of itself, workers and devices, is played from the
records, so a replay needs nothing but the file.

It never goes on after a step that is not as recorded: it says what is different.
"""
