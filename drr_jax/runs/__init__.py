"""What a run leaves on the disk and needs of the machine.

Comes in: a work folder, the state of a training. Goes out: checkpoints, records and logs, whole or
absent, and the processes, mesh and shardings that the training runs on. Open record.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
