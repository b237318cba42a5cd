"""A world that fails over: its truth is in PostgreSQL, and the process with the lease runs it.

Stands on no other room. A database has the journal of the world, which are its commits and their bulk, and
one row more: the lease. It says which process runs the world, until when, under which epoch, and at which
commit the world stands. A commit is one transaction, which locks that row and compares the epoch and the
commit before; then the file commits, and only then do outputs leave. So a process that was taken over cannot
commit, and nothing that it did since is seen by anybody.

- `database` makes connections, and hides what is secret in their address;
- `tables` are the tables, and how a row of them is read and written;
- `leases` takes a lease, keeps it by heartbeats, and gives it back;
- `holding` is the fence of the file of a world: each commit, asked and stored;
- `meeting` brings a file up to the truth;
- `standing_by` opens a world with all of that.

The file beside it is a cache: it may lack the last of the truth, and never has what the truth lacks.

It never guesses whether a commit was made whose answer was lost: it asks. It never judges time by the clock
of a host: leases run by the clock of the database. And none of it reaches a vat, a record or a digest.
"""
