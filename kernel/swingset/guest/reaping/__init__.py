"""Bringing out the dead: what nothing refers to any more is deleted, and the kernel is told.

Stands on `stores`, whose entries hold objects too. Three pillars hold an object: memory, stored data, the
kernel. Counts find what has lost all of them, a search finds what is held by nothing but itself, and large
things are deleted a little at a time.

It never works at another moment than the delivery that asks for it, so that no transcript shows when memory
was freed.
"""
