"""What the labels are called: action units, expressions, scenes, domains, and how classes relate.

Comes in: names of classes, their counts, or a CSV file of a prior. Goes out: names in their fixed
order and relation priors as NumPy arrays. Loads no JAX. Open labels.py first;
domains.py has R, S, T, V, D and Th.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
