"""Predicates: lines of text that are true of a crank or of a state, for breakpoints and for "since when".

Stands on `looking`, which reads what vats have stored, and on `deliveries`, which finds the line that sent
the message of a crank.

It never evaluates a text: it parses it, and walks the few forms that are allowed.
"""
