"""What any raw release needs: images, videos, meshes, archives, tables, crops, folds, numbers.

Comes in: files as their owners distribute them, damaged ones included. Goes out: arrays, or one
line that names the file and its defect. Open pixels.py and trees.py first,
numbering.py for which image a label is of.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
