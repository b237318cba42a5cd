"""What may pass between vats, and how it is written: presences, copies, tagged data, smallcaps bodies.

Stands on `base`. A value is data, which passes by copy, or an object with an identity, which passes by
reference. What may not pass is named here, with what to do about it, in the words that a sender reads.

It never names an object: a body holds the places of objects in a list of slots, and `clist` fills that list.
It never trusts what it reads, which any vat may have written.
"""
