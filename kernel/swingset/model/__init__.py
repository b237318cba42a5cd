"""The words that every layer shares: capdata, references, messages, reports and limits.

This package holds values and no behaviour. A value can be written to the world file, sent through a worker's
door or printed for a person, and means the same in each place.
"""
