"""The devices a world can have: each module serves one kind, and holds no state of its own.

What a device remembers is in the world file, through the context of its calls. What it can do beyond that it
is given when the host constructs it.
"""
