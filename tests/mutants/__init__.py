"""Faults that are planted in a copy of the sources, to see whether the tests notice (`make mutants`).

`planting` finds the places where one can be planted, `reach` which tests go there, `trial` runs those, and
`tables` and `findings` say what is looked at: a case there is a line.
"""
