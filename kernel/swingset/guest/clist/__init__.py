"""The names that kernel and vat have for the same thing: objects by vref, promises by vpid.

Stands on `sending`, whose devices have a presence of their own, and on `passing`. Here is what has a name,
what keeps it alive (memory, stored data, the kernel), and who would notice that it has gone.

It never lets on when the interpreter freed something: what memory holds is looked at only where the dead are
brought out.
"""
