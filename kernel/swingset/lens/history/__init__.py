"""The records of a world in words: what happened, why, what came of it, and when.

Stands on `state`, which reads what records refer to. A record is found by its number, its crank or what is in
it; a cause is a chain of records, and a story is all that one of them says.

It never repeats a crank: what no record has is not told.
"""
