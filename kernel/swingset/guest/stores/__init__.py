"""Collections in the vat's store: the baggage, and maps and sets in the order of their keys.

Stands on `kinds`, since a collection is an instance like any other. Entries are kept one by one, so a
collection may be far larger than memory.

It never reads more than what was asked for.
"""
