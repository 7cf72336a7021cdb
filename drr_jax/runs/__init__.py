"""What a run leaves on the disk and needs of the machine.

Comes in: a work folder, the state of a training. Goes out: checkpoints and records, whole or
absent; logs, whose last line may be cut; the processes, mesh and shardings that the training runs
on. Which file is whose is in docs/architecture.md. Open record.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
