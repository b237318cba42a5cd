"""The tables of a world: read once, with the records in the stores of vats, and checked.

Stands on no other room. The world may be damaged or a stranger's, so a row is checked before it is read.

It never says what a row means to people: it counts and compares.
"""
