"""Branches: a past in which one thing is changed, lived again in a fork of the world.

Stands on `replaying`, whose script answers for what is outside of the world. What came from outside comes
again, its references mean what they meant, and the outcomes are compared.

It never runs code of the host, and never sends anything out of the fork.
"""
