"""What every part of a vat rests on: promises and turns, errors, the store of keys, and which vat is running.

Stands on nothing but the standard library. A part of a vat does not import the vat that it is a part of; what
it needs of it is said here, once, as a Protocol, and the object that it is given is called `vat`.

It never looks at what a value means: it knows no object that passes between vats, no guard and no kind.
"""
