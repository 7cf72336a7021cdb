"""Dyadic Relation Reasoning: class-wise heads, the graph over class nodes, and both together.

Comes in: features of every domain. Goes out: predictions by domain and of the graph, embeddings for
the contrast. Open drr.py first.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
