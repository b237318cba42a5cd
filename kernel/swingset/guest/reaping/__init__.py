"""Deletes objects that nothing refers to any more, and tells the kernel: `bringOutYourDead`.

Stands on `stores`, whose entries hold objects too. An object may be held by memory, by stored data or by the
kernel. Counts find the objects that nothing holds, a search finds cycles that only hold themselves, and large
collections are deleted a little at a time.

It never works outside of the delivery that asks for it, so that no transcript shows when memory was freed.
"""
