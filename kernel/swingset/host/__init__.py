"""What an embedder calls: open a world, run it, and read the results."""
