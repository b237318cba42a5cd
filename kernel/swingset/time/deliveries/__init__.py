"""One past delivery, repeated beside the world: traced line by line, or under a debugger.

Stands on `replaying`, which repeats the crank of a delivery that was rolled back. The vat's own engine runs
its code, and its syscalls are answered from the record.

It never lets a repetition reach the world: the first syscall that is not as recorded ends it.
"""
