"""Object-capability worlds in a notebook."""
