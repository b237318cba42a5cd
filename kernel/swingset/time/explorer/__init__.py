"""The model of the explorer: answers about a world, of the present and of any moment of its past."""
