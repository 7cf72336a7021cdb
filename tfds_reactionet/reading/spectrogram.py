"""Log-mel spectrograms as stored levels, and the part of one before a frame (docs/method.md 9.10).

The sizes are those of VGGish (Hershey et al. 2017; recalled from its published parameters):
magnitudes of 25 ms under a periodic Hann window every 10 ms, 64 bands from 125 to 7,500 Hz, and
log(band + 0.01).
"""

import functools
from typing import Any

import numpy as np
import scipy.signal
from jaxtyping import Float, Float32, Float64, UInt8

from drr_jax.facs import SPECTROGRAM
from tfds_reactionet.reading.sound import RATE

STEPS, BANDS = SPECTROGRAM
WINDOW, HOP, TRANSFORM = 400, 160, 512  # samples: 25 ms, 10 ms, and of the Fourier transform
LOWEST, HIGHEST = 125.0, 7500.0  # Hz
ADDED = 0.01  # before the logarithm
# Logarithms that levels 1 and 255 stand for; 0 is no sound at all. A full-scale tone has 5.0.
LEVEL_RANGE = (float(np.log(ADDED)), 6.0)
BLOCK = 2048  # steps that are transformed at once

Levels = UInt8[np.ndarray, "steps bands"]


def mel(hertz: Any) -> Any:
    """Mel of a frequency, by the formula of the HTK book: 1127 log(1 + f / 700)."""
    return 1127 * np.log1p(np.asarray(hertz, np.float64) / 700)


@functools.cache
def mel_weights() -> Float64[np.ndarray, "frequencies bands"]:
    """How much of each frequency of the transform is in each band; the mean, in none.

    A band rises linearly in mel from the peak of the one before it, and falls to that of the next.
    """
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    at = mel(np.arange(TRANSFORM // 2 + 1) * RATE / TRANSFORM)[:, None]
    below, peak, above = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (at - below) / (peak - below), (above - at) / (above - peak)
    weights = np.maximum(np.minimum(rising, falling), 0)
    weights[0] = 0
    return weights


def log_mel(samples: Float[np.ndarray, "samples"]) -> Float32[np.ndarray, "steps bands"]:
    """Log-mel spectrogram of samples at RATE; step k is of samples k * HOP to k * HOP + WINDOW."""
    steps = max(0, 1 + (len(samples) - WINDOW) // HOP)
    found = np.empty((steps, BANDS), np.float32)
    if not steps:
        return found
    hann = scipy.signal.get_window("hann", WINDOW)  # periodic
    pieces = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    for start in range(0, steps, BLOCK):
        spectrum = abs(np.fft.rfft(pieces[start : start + BLOCK] * hann, TRANSFORM))
        found[start : start + BLOCK] = np.log(spectrum @ mel_weights() + ADDED)
    return found


def to_levels(logarithms: Float32[np.ndarray, "steps bands"]) -> Levels:
    """Logarithms in LEVEL_RANGE as 1 to 255, what lies outside as its ends."""
    low, high = LEVEL_RANGE
    share = np.clip((logarithms - low) / (high - low), 0, 1)
    return (1 + np.rint(share * 254)).astype(np.uint8)


def window_before(levels: Levels, seconds: float) -> UInt8[np.ndarray, "96 64"]:
    """The last STEPS steps that have ended so many seconds after the sound began.

    Steps that the sound does not have, before its beginning and after its end, are 0.
    """
    # How many steps have ended; a millionth, for the seconds are a rounded quotient.
    ended = int(np.floor((seconds * RATE - WINDOW) / HOP + 1e-6)) + 1
    first, found = ended - STEPS, np.zeros((STEPS, BANDS), np.uint8)
    low, high = max(first, 0), min(ended, len(levels))
    if low < high:
        found[low - first : high - first] = levels[low:high]
    return found


def sound_described() -> dict[str, Any]:
    """What the stored levels mean, for a data set's metadata."""
    return {
        "rate": RATE,
        "window": WINDOW,
        "hop": HOP,
        "transform": TRANSFORM,
        "hertz": [LOWEST, HIGHEST],
        "level_range": list(LEVEL_RANGE),
        "shape": list(SPECTROGRAM),
        "window_ends": "with its frame",
    }
