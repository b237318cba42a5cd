"""The values that may pass between vats, and their encoding: presences, copies, tagged data, smallcaps.

Stands on `base`. A value is data, which passes by copy, or an object with an identity, which passes by
reference. For a value that may not pass, the sender gets an error that names it and says what to do.

It never names an object: a body refers to objects by their index in a list of slots, and `clist` fills
that list. It never trusts what it reads, because any vat may have written it.
"""
