"""Many forks of a world at once: in this process, in processes of this machine, or on a Dask cluster.

A world is data, and what a fork of it does is a pure function of that data and of what is said to it. So a
fork can run anywhere, twice, or not at all if its outcome is known, and the outcome is the same. That is what
Dask distributes well: scheduling, transport, retries and the dashboard are Dask's (the extra `cluster`).
The deliveries of one world stay in one process.

- `variants` says what is other in one fork, and names it by content;
- `trials` lives one variant in a fork, and measures it;
- `parcels` takes a world apart, `packs` and `carrying` bring it into other processes, each row once;
- `pools` are the processes;
- `keeping` is what a folder keeps of them, and how it is read again;
- `sweeps` puts them together, `outcomes` is what comes of it;
- `histories` has one history verified in slices, `checking` a corpus of worlds;
- `worlds` runs whole worlds, and brings the new ones back.

A world that has to outlive its machine is another thing: `failover` keeps its truth in PostgreSQL, where the
process with the lease runs it and another takes over.

Nothing here is part of a world: no outcome, order or number of processes reaches a vat, a record or a digest.
"""

from swingset.cluster.checking import CheckedWorld, verify_worlds
from swingset.cluster.failover.errors import LeaseCode, LeaseError
from swingset.cluster.failover.leases import Lease
from swingset.cluster.failover.meeting import HowTaken
from swingset.cluster.failover.standing_by import LeasedWorld, lease_world, look_at_lease
from swingset.cluster.histories import SliceLost, verify_history
from swingset.cluster.outcomes import Sweep, TrialOutcome
from swingset.cluster.pools import ClusterMissing, NotLoaded
from swingset.cluster.sweeps import sweep
from swingset.cluster.trials import Trial
from swingset.cluster.variants import BadVariant, Variant
from swingset.cluster.worlds import NewWorld, WorldTask, run_worlds

__all__ = [
    "BadVariant",
    "CheckedWorld",
    "ClusterMissing",
    "HowTaken",
    "Lease",
    "LeaseCode",
    "LeaseError",
    "LeasedWorld",
    "NewWorld",
    "NotLoaded",
    "SliceLost",
    "Sweep",
    "Trial",
    "TrialOutcome",
    "Variant",
    "WorldTask",
    "lease_world",
    "look_at_lease",
    "run_worlds",
    "sweep",
    "verify_history",
    "verify_worlds",
]
