"""The names that kernel and vat have for the same thing: objects by vref, promises by vpid.

Stands on `sending`, whose devices have a presence of their own, and on `passing`. This room knows which
objects have a name, what keeps them alive (memory, stored data, the kernel), and which weak collections have
an entry for them.

It never shows when the interpreter freed an object: it looks at what is in memory only in `bringOutYourDead`.
"""
