"""Read-only views of a world: they never change it."""
