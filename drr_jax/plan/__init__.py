"""What a run would cost on accelerators that are not here: its step, compiled ahead of time.

Comes in: a config and a topology. Goes out: memory, FLOPs, bytes, collectives, a roofline, a page.
Open command.py first, then compiling.py for what is compiled and roofline.py for what it means.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
