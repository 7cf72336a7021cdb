"""Dyadic Relation Reasoning: class-wise heads, the graph over class nodes, and both together.

Comes in: a batch. Goes out: logits by domain and of the graph, attention, embeddings for the
contrast. Open drr.py first; heads.py and graph.py are its parts, which the GCN baselines use, too.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
