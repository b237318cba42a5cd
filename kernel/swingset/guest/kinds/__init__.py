"""Kinds: classes whose instances live in the vat's store, `@durable` and `@virtual`.

Stands on `guards` and `clist`. A kind is a class, a descriptor of what is stored of its instances, and the
migrations that lead to it from older versions. An instance in memory is a stand-in that may be made anew at
any time.

It never keeps state in an object: what is not a field is not there.
"""
