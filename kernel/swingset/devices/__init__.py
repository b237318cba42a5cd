"""The devices a world can have: each module serves one kind, and holds no state of its own.

A device keeps its state in the world file, through the context of its calls. Any further power is passed in
when the host constructs it.
"""
