"""A session: the embedder's own interpreter as a vat of a world, with its references, names and steps.

Stands on all the other rooms. A session begins a new life when its world goes to a state that another life
has made.

It never lets a reference of an ended life reach a vat.
"""
