"""What an embedder calls: open a world, run it, and read the results.

The rooms stand on each other: an open world and its runs, what a host looks at and changes in it, how worlds
are made and opened; then the code of vats, and sessions, in which an interpreter is itself a vat.
"""
