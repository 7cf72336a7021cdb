"""The page to try a model on: photos, videos and the demo's tuples in a browser.

Comes in: a model's folder. Goes out: a page on this machine, which keeps nothing of what it is
given. Open command.py first, then blocks.py; asking.py asks the model, without Gradio.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
