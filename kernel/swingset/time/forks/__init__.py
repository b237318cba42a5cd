"""What a host tries in a fork: what if, re-delivery to new code, and another way to go on.

Stands on `branches`, which live the past again, and on `looking`, which compares the states of two worlds.

It never changes the world that it asks about, unless the host says that the world shall go on from there.
"""
