"""The library that runs inside a vat: marshalling, promises, kinds, and the dispatch of deliveries.

It is the only code that a vat shares with every other vat, and it runs wherever vat code runs: in the wasm
guest, in the host's interpreter, in a unit test. So it needs nothing but the standard library, keeps no clock
and no randomness, and orders everything it does by what happened, never by hashes or addresses.

It is a house of rooms that stand on each other; none imports from one above it:

    base     promises, turns, errors, the store of keys
    passing  what may pass between vats, and how it is written
    guards   what annotations mean at run time
    sending  messages, to objects and to devices
    clist    the names that kernel and vat have for the same thing
    kinds    classes whose instances are stored
    stores   the baggage and the collections
    lasting  what goes on in the next incarnation
    reaping  what nothing refers to any more

On top are the modules of this folder, which put the parts together: `liveslots` is a vat and serves its
deliveries, `loader` runs its source, `supervisor` is its loop in the wasm guest, `standalone` a vat without a
kernel, `powers` and `contracts` what its author is handed.

Vat authors import `swingset.vat`; workers import `swingset.guest.liveslots`.
"""
