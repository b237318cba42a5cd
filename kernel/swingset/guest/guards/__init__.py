"""What annotations mean at run time: the shapes of values, the methods of objects, interfaces.

Stands on `passing`. Every message goes through the guards of the method that it calls, every value that is
stored through those of its field or collection. Each shape has a text, which an upgrade compares, and which
is read back by a grammar of its own.

It never evaluates a text that was stored or sent, and never changes the value that it looks at.
"""
