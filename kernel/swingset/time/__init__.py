"""What is done with a world's records: look back, repeat, live it differently.

The rooms stand on each other. Some only read: `looking` and `explorer`. Some repeat: `replaying` a world, and
`deliveries` one delivery. Some have a copy go on otherwise: `branches`, `forks` and `bugs`. `copies` carries
worlds to other files and tables.
"""
