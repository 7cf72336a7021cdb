"""TFDS builders for ReactioNet and the benchmarks of its paper; no TensorFlow needed."""
