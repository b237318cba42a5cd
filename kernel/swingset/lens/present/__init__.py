"""The present of a world for people: what each thing is, what it waits for, and what keeps it alive.

Stands on `source`, which knows the methods of an object, on `state`, and on `history`, which knows where it
came from. A moment of the past has a present, too.

It never asks a vat: a description comes from the tables, the records and the source alone.
"""
