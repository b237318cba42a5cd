"""The wire of an open world: its device, the thread with the sockets, its secrets, and what is shared.

HTTP of vats is here too: its device, what it has in the air, and the origins and sites that a host hands in.
Stands on `base` and `controls`. What comes in waits for the world's own thread, what goes out for the commit.

It never lets a peer reach a world in the middle of a run, or a vat reach a socket.
"""
