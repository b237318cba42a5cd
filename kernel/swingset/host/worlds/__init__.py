"""How a world is made from a configuration, opened, and handed out as a controller.

Stands on `base` and `controls`, whose parts the controller puts together.

It never leaves half a world behind: a new one is built as a whole, or not at all.
"""
