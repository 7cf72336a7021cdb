"""A trained model on images and videos of one's own: faces found, followed and read.

Comes in: a model's folder, images, videos. Goes out: a row a face a frame, events, a page. Open
model.py and stream.py first, detectors.py and tracks.py for the faces.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
