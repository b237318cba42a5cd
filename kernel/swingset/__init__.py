"""The vat kernel: a library with no Jupyter in it."""
