"""The model of the explorer: answers about a world, of the present and of any moment of its past.

Stands on no other room. `exploring` is its door; behind it an index, a picture, a timeline and an inspector
answer in plain data, bounded however large the world is.

It never runs or changes a vat: a verb says what could be done, and the session does it.
"""
