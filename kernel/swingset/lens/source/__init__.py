"""The source of vats, read as text: outlines, differences, and fixes of code that an upgrade refuses.

Stands on no other room. A source is a stranger's: what cannot be parsed has no outline, and no fix.

It never runs code, and it never changes a source: a fix is a text that the author may take.
"""
