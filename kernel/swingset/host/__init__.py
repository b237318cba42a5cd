"""What an embedder calls: open a world, run it, read what came of it."""
