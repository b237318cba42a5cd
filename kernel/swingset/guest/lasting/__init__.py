"""What goes on in the next incarnation: watched promises, adopted ones, resumable calls, kinds by handle.

Stands on `stores`. An upgrade throws the heap away. What is here is kept in the vat's store, by a name, and
found by the code of the next incarnation.

It never keeps a callback or a coroutine: a call goes on by being run again along its log.
"""
