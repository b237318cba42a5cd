"""Collections in the vat's store: the baggage, and maps and sets in the order of their keys.

Stands on `kinds`, because a collection is an instance like any other. Each entry has its own key in the
store, so a collection may be far larger than memory.

It never reads more entries than the caller asks for.
"""
