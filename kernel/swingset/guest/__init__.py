"""The library that runs inside a vat: marshalling, promises, kinds, and the dispatch of deliveries.

It is the only code that a vat shares with every other vat, and it runs wherever vat code runs: in the wasm
guest, in the host's interpreter, in a unit test. So it needs only the standard library, uses no clock and no
randomness, and orders everything by the order of events, never by hashes or addresses.

It is made of rooms that build on each other; none imports from a room above it:

    base     promises, turns, errors, the store of keys
    passing  the values that may pass between vats, and their encoding
    guards   annotations as checks at run time
    sending  messages, to objects and to devices
    clist    the names that kernel and vat have for the same thing
    kinds    classes whose instances are stored
    stores   the baggage and the collections
    lasting  promises and calls that continue in the next incarnation
    reaping  deletes what nothing refers to any more

On top are the modules of this folder, which combine the parts: `liveslots` is a vat and serves its
deliveries, `loader` runs its source, `supervisor` is its loop in the wasm guest, `standalone` is a vat
without a kernel, and `powers` and `contracts` are what its author gets.

Vat authors import `swingset.vat`; workers import `swingset.guest.liveslots`.
"""
