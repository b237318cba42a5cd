"""Pure kernel logic: cranks, queues, c-lists, promises, reference counts, upgrade.

The kernel does no I/O of its own. What it remembers it keeps in `swingset.world`, what vats compute
they compute in `swingset.workers`, and what a person sees leaves through `swingset.host`.
"""
