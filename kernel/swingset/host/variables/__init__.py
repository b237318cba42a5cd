"""The variables of a program: which of them a world can keep, and what the names of a session stand for.

Stands on no other room. A variable is looked at without running code of its class.

It never pickles, and it never guesses: what cannot be kept is listed, with the reason.
"""
