"""What every part of a vat rests on: promises and turns, errors, the store of keys, and which vat is running.

Stands on nothing but the standard library. A part of a vat does not import the vat that it is a part of: it
is given it, calls it `vat`, and what it needs of it is said by a Protocol (`base.vat`). Which kind of vat it
is in, a program's, a notebook's or one that stands alone, and what follows from that, is in `base.vat_kinds`.

It never looks at what a value means: it knows no object that passes between vats, no guard and no kind.
"""
