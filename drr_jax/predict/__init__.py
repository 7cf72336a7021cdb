"""A trained model on images and videos of one's own: faces found, followed and read.

Comes in: a model's folder; images, videos, a camera, a prepared set. Goes out: a row a face and
frame, events, annotated pictures, a page, or the scores on another set. Open job.py first (all in
order), model.py and stream.py, then detectors.py and tracks.py for the faces.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
