"""What a host looks at and changes in an open world: vats, meters, options, devices, checkpoints, the past.

Stands on `base`. Each module is a part of the controller; what it changes is a request, with a record.

It never changes a world by looking at it.
"""
