"""events.csv: onsets, offsets and durations, against a reading of all rows at once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drr_jax.errors import InputError
from drr_jax.predict import events

NAMES = ("AU01", "AU12")
MODEL: Any = SimpleNamespace(names=NAMES, task="au", counts=lambda p: p >= 0.5)


def table_of(rows: list[tuple[int, int, float, float]], times: Any) -> pd.DataFrame:
    """predictions.csv of rows (frame, face, probabilities); `times` turns frames into seconds."""
    table = pd.DataFrame(rows, columns=["frame", "face_id", *(f"{name}_p" for name in NAMES)])
    table.insert(2, "timestamp", times(table["frame"]))
    table.insert(3, "success", 1)
    return table


def regular(rate: float, decimals: int = 3) -> Any:
    """So many frames a second, with times in milliseconds, as some files have them."""
    return lambda frame: ((frame - 1) / rate).round(decimals)


def written(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """events.csv of a table; and Model.events gives the same."""
    table.to_csv(folder / "predictions.csv", index=False)
    found = events.write_events(folder, MODEL, 1 + int(table["frame"].max()))
    made = pd.read_csv(folder / "events.csv")
    assert found.events == len(made)
    shown = [[row[0], row[1], row[2]] for row in found.first]
    assert shown == made.iloc[:, :3].values.tolist()[: events.SHOWN]
    called = events.events_of(table.sample(frac=1, random_state=0), MODEL)
    pd.testing.assert_frame_equal(
        called, made, rtol=0, atol=1.1e-3
    )  # NumPy rounds halves otherwise
    return made


def test_a_duration_counts_the_last_frame(tmp_path):
    rows = [(frame, 0, 0.9, 0.9 * (frame < 12)) for frame in range(1, 4)]
    (one, other) = written(tmp_path, table_of(rows, regular(25))).to_dict("records")
    for event in (one, other):
        assert (event["onset"], event["offset"], event["offset_frame"]) == (0, 0.08, 3)
        assert event["frames"] == 3 and event["duration"] == 0.12
    assert (one["class"], other["class"]) == NAMES


def test_as_many_frames_last_as_long_wherever_they_begin(tmp_path):
    """Of times in milliseconds 11 frames of 30 a second would last from 0.366 to 0.368 s."""
    rows = [(frame, 0, float(frame % 14 < 11), 0.0) for frame in range(1, 200)]
    for decimals in (3, 6):
        made = written(tmp_path, table_of(rows, regular(30, decimals)))
        whole = made[made["frames"] == 11]
        assert len(whole) == 13 and set(whole["duration"]) == {0.367}
        np.testing.assert_allclose(made["onset"], ((made["onset_frame"] - 1) / 30).round(3))


def test_where_frames_last_differently_their_times_count(tmp_path):
    rows = [(frame, 0, float(frame in (4, 5, 6)), float(frame > 8)) for frame in range(1, 12)]
    times = np.array([0, 0, 0.02, 0.03, 0.0333333, 0.1, 0.2, 0.4, 0.41, 0.5, 0.6, 0.7004])
    made = written(tmp_path, table_of(rows, lambda frame: times[frame]))
    assert made["duration"].tolist() == [0.367, 0.301]  # 0.4 - 0.0333333; 0.7004 - 0.5 + 0.1004


def test_a_table_that_has_no_events_says_why():
    table = table_of([(1, 0, 0.9, 0.9)], lambda frame: np.nan * frame)
    with pytest.raises(InputError, match="a table without times: events are of videos"):
        events.events_of(table, MODEL)
    with pytest.raises(InputError, match="a table without the column AU12_p: expected one that"):
        events.events_of(table.drop(columns="AU12_p"), MODEL)


def expected(rows: list[tuple[int, int, float, float]], rate: float) -> list[list[Any]]:
    """(onset frame, face, class, offset frame, peak, duration), from whole traces."""
    found = []
    for face in sorted({row[1] for row in rows}):
        seen = {row[0]: row[2:] for row in rows if row[1] == face}
        for start in [frame for frame in seen if frame - 1 not in seen]:
            stop = start
            while stop in seen:
                stop += 1
            trace = np.array([seen[frame] for frame in range(start, stop)])
            for k, name in enumerate(NAMES):
                near = [trace[max(0, at - 2) : at + 3, k].mean() for at in range(len(trace))]
                on = [0, *(int(value >= 0.5) for value in near), 0]
                steps = np.diff(on)
                for a, b in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True):
                    if b - a >= events.MIN_FRAMES:
                        where = [start + a, face, name, start + b - 1]
                        found.append([*where, max(near[a:b]), (b - a) / rate])
    return sorted(found)


def test_rows_go_by_onset_and_are_those_of_the_whole_trace(tmp_path):
    rng = np.random.default_rng(3)
    level, rows = rng.uniform(0, 1, (4, 2)), []
    for frame in range(1, 400):
        level = np.clip(level + rng.normal(0, 0.15, level.shape), 0, 1)
        here = [face for face in range(4) if (frame // (23 + 9 * face)) % 3 or face == 3]
        rows += [(frame, face, *level[face].round(4).tolist()) for face in here if frame % 131]
    made = written(tmp_path, table_of(rows, regular(10)))
    wanted = pd.DataFrame(
        expected(rows, 10),
        columns=["onset_frame", "face_id", "class", "offset_frame", "peak", "duration"],
    )
    assert len(wanted) > 40 and made["onset_frame"].is_monotonic_increasing
    pd.testing.assert_frame_equal(made[list(wanted)], wanted, atol=2e-3, check_dtype=False)
