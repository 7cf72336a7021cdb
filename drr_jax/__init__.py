"""Dyadic Relation Reasoning (DRR) on ReactioNet, in JAX and Flax."""

__version__ = "0.1.0"
