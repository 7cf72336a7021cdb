"""TFDS builders for ReactioNet and the benchmarks of its paper; no TensorFlow needed.

Comes in: a raw release as its owners distribute it. Goes out: a prepared set of records and
metadata. A folder beside the wings is a data set: open building/faces.py, which says what is in
each, then disfa/reader.py.
"""
