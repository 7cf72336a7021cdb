"""Dyadic Relation Reasoning (DRR) on ReactioNet, in JAX and Flax.

    import drr_jax

    drr_jax.train("reactionet:demo", "runs/demo")
    drr_jax.evaluate("runs/demo")
    model = drr_jax.load("runs/demo")
    table = model.predict("video.mp4")
    events = model.events(table)

Nothing is loaded before it is asked for.
"""

import lazy_loader as lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
