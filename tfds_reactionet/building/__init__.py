"""What any builder needs: the contract of a reader, records, shards, workers, verification.

Comes in: a reader of a raw release. Goes out: ArrayRecord files and metadata that TFDS and drr_jax
read, whole or not at all. Open faces.py (the contract) first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
