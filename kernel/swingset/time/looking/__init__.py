"""Looks at a world and its past: stored values, searches, questions in SQL, exports, monitoring.

Stands on no other room. Most of it joins a view of `swingset.lens` with a controller that is open.

It never runs a crank, and leaves the digest and the file as they were.
"""
