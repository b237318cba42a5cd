"""Annotations as checks at run time: the shapes of values, the methods of objects, interfaces.

Stands on `passing`. The arguments of every message are checked by the guards of the method, and every stored
value by those of its field or collection. Each shape has a text, which an upgrade compares and which
`spelling` can read back.

It never evaluates a text that was stored or sent, and never changes a value that it checks.
"""
