"""What the report shows of a run's inputs."""

import numpy as np

from drr_jax.training import shown


def test_a_spectrogram_is_shown_with_time_to_the_right_and_pitch_upwards():
    levels, maps = np.zeros((2, 96, 64), np.uint8), np.zeros((2, 6, 4, 3))
    levels[0, 90, 60], maps[0, 5, 3, 2] = 255, 1  # late and high
    found = shown._heard({"audio": levels}, {"attention": {"A": maps}})
    assert found["audio"].shape == (2, 64, 96, 3) and found["attention_A"].shape == (2, 4, 6, 3)
    assert np.argwhere(found["audio"][..., 0]).tolist() == [[0, 3, 90]]
    assert np.argwhere(found["attention_A"]).tolist() == [[0, 0, 5, 2]]
    assert shown._heard({}, {}) == {}
