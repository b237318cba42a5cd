"""An open world: its file, its lock, one caller at a time, the requests of the host, and runs of cranks.

Stands on no other room. The parts of a controller share `opened.Opened`, which commits, and drops the oldest
part of the past as the retention asks for.

It never shows an output before the commit that makes it true.
"""
