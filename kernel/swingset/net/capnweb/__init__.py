"""Cap'n Web, the protocol of web pages and of programs in Node, beside OCapN and on the same tables.

A client opens a session by an address that nobody can guess, and gets the object that is shared under it. It
has no key and is no peer: nobody introduces anybody, and nothing of a session outlives its connection. The
npm package `capnweb` 0.12 speaks the other side.

A session has two tables. What this side exports is at positive numbers if the client has asked for it, and
at negative ones if this side has passed it; 0 is the main object. What the client exports is the mirror of
it. Each number is used once, and counted, because what is on its way when a side lets go of it must not be
lost.

A client can name only what it was given. It calls methods of objects and reads parts of plain data; nothing
else is ever looked up by a name, so nothing that is inherited is within reach. What a vat cannot be sent
rejects the call, and what is no message of the protocol ends the session.
"""
