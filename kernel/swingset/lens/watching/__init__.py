"""What goes on in a world: what vats say, what fails in them, what they cost and take in the file.

Stands on `history`, because all but the sizes is read from records.

It never measures time: costs are computrons and bytes, the same on every machine.
"""
