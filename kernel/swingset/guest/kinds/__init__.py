"""Kinds: classes whose instances live in the vat's store, `@durable` and `@virtual`.

Stands on `guards` and `clist`. A kind consists of a class, a descriptor of its stored instances, and the
migrations from older versions. An instance in memory is only a stand-in, which may be made again at any time.

It never keeps state in the Python object: an instance has its fields and nothing else.
"""
