"""The code of vats, as a host gives it: drafts, shared modules, upgrades, and their rehearsal in a fork.

Stands on `base`, `controls` and `worlds`. Code comes in cells and modules, and becomes one bundle for its
vat.

It never tries anything on the world itself: a rehearsal has a fork, which is discarded.
"""
