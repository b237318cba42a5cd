"""Copies of worlds outside of their file: archives that can be sent, and mirrors in a database of the host.

Stands on no other room. A copy says by digests what it is a copy of, and is checked against them before it
becomes a world again.

It never trusts an archive: its members, sizes and paths are a stranger's.
"""
