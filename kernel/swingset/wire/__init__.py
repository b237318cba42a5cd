"""The spelling that host and guest have to share, and nothing else; it imports only the standard library.

Both import it, and it is a part of the guest library that runs inside vats.
"""
