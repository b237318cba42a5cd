"""Messages: `E(x).method()`, `D(device).method()`, and where they go.

Stands on `passing`. A message goes to another vat, waits for a promise, or calls an object of this same vat
in a later turn; the sender cannot tell which. A device is called at once.

It never runs code of the receiver before the turn of the sender is over.
"""
