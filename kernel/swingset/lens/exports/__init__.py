"""A world and its history for other programs: JSON data, SQL, trace events, several histories as one.

Stands on `state`, `history` and `watching`. What leaves is data under fixed names, and texts of vats in it
are strangers' texts.

It never lets a question change a world, or read anything beside it.
"""
