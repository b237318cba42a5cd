"""What host and guest have to spell alike, and nothing else: no values, no vats, the standard library only.

It lies below both, and is a part of the guest library that runs inside vats.
"""
