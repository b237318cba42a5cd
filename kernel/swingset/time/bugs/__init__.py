"""Makes a test of a bug: the inputs of a world as calls of the public API, shortened while the bug shows.

Stands on `replaying`, `deliveries`, `predicates` and `branches`: from them it has what hosts asked, what the
bug is, and how references and host functions of the world are stood in for.

It never writes a text of a world but as a literal.
"""
