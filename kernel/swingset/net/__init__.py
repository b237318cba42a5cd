"""OCapN, the protocol between worlds, without a socket: bytes come in, and bytes go out.

It needs only the standard library and `swingset.wire`, so it runs inside the service vat that speaks it, and
in the host for tests and test peers. `Hub` is the whole from outside; `outside` is what it needs.
Modules import each other relatively, so that a vat can have them under a name of its own.
"""

MODULES = (
    *("values", "syrup", "framing", "locators", "nearness", "keys", "dialects", "limits", "store", "outside"),
    "capdata",
    *(
        "names",
        "extents",
        "cells",
        "grants",
        "routing",
        "cards",
        "moves",
        "sessions",
        "handoff",
        "descriptors",
    ),
    *("reaching", "bootstrap"),
    *("capnweb.paths", "capnweb.text", "capnweb.writing", "capnweb.tables", "capnweb.reading"),
    *("capnweb.later", "capnweb.mapping", "capnweb.web", "operations"),
    *("links", "link_said", "link_hello", "core", "hub"),
)
"""The modules of the protocol, each before those that import it."""
