"""What continues in the next incarnation: watched promises, adopted ones, resumable calls, kinds by handle.

Stands on `stores`. An upgrade drops the heap. What this room keeps is stored under a name, by which the code
of the next incarnation finds it.

It never stores a callback or a coroutine: a call continues because it is run again along its log.
"""
