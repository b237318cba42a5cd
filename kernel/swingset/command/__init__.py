"""The command `swingset`."""
