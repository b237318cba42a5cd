"""Read-only views of a world: they never change it.

The rooms stand on each other: what source says, what the tables say, what the records say; then what both say
of a present world, what it costs, its pictures, and its exports for other programs.
"""
