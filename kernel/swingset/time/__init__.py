"""What is done with a world's records: look back, repeat, live it differently."""
