"""Models: encoders, class-wise heads, graph module, DRR."""
