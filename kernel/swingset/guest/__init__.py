"""The library that runs inside a vat: marshalling, promises, kinds, and the dispatch of deliveries.

It is the only code that a vat shares with every other vat, and it runs wherever vat code runs: in the wasm
guest, in the host's interpreter, in a unit test. So it needs nothing but the standard library, keeps no clock
and no randomness, and orders everything it does by what happened, never by hashes or addresses.

Vat authors import `swingset.vat`; workers import `swingset.guest.liveslots`.
"""
