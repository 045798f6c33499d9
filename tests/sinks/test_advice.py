"""Each diagnostic is judged by its newest value: advice beyond its healthy range, the reason where there is none."""

from __future__ import annotations

import pytest

from playfield.sinks.advice import HEALTHY, Finding, advise

JUDGED = [
    # field, healthy values, unhealthy values with a word of the advice
    ("q_overestimation", [0.5, -0.5, 0.0], [(0.51, "bootstrap=Double"), (-0.51, "lag behind")]),
    ("dormant_units", [0.0, 0.25], [(0.26, "LayerNorm")]),
    ("clipped_targets", [0.0, 0.01], [(0.011, "returns.low")]),
    ("priority_age", [1.0, 2000.0], [(2001.0, "out of date")]),
    ("effective_sample_size", [0.5, 1.0], [(0.49, "sampler.alpha")]),
    ("replay_ratio", [0.5, 8.0, 64.0], [(0.49, "never learnt from"), (65.0, "overfits")]),
    ("policy_churn", [0.0, 0.25], [(0.26, "turn the policy over")]),
]
TITLES = {
    "q_overestimation": "Q overestimation",
    "grad_norm_clipped": "gradient norm after",
    "grad_norm": "gradient norm before",
    "dormant_units": "dormant",
    "clipped_targets": "clipped targets",
    "priority_age": "age of drawn priorities",
    "effective_sample_size": "effective sample size",
    "replay_ratio": "replay ratio",
    "policy_churn": "policy churn",
}


def find(field: str, *rows: dict[str, float | None]) -> Finding:
    (found,) = [f for f in advise(rows, oldest_age=2000.0) if f.title.startswith(TITLES[field])]
    return found


@pytest.mark.parametrize(("field", "good", "bad"), JUDGED, ids=[field for field, _, _ in JUDGED])
def test_advice_begins_where_the_healthy_range_ends(field: str, good: list[float], bad: list[tuple[float, str]]):
    for value in good:
        found = find(field, {"frames": 10, field: value})
        assert (found.value, found.verdict, found.is_advice) == (value, HEALTHY, False)
    for value, word in bad:
        found = find(field, {"frames": 10, field: value})
        assert word in found.verdict
        assert found.is_advice
        assert "\n" not in found.verdict


def test_every_diagnostic_is_told_and_what_is_missing_is_said_to_be_missing():
    found = advise([{"frames": 10, "loss": 1.0}])
    assert len(found) == len(TITLES)
    for one in found:
        assert one.value is None
        assert one.verdict.startswith("missing: ")
        assert not one.is_advice


def test_the_newest_value_counts_and_says_when_it_was_new():
    found = find(
        "dormant_units",
        {"frames": 10, "dormant_units": 0.9},
        {"frames": 20, "dormant_units": 0.1},
        {"frames": 30, "dormant_units": None},
    )
    assert (found.value, found.frames, found.verdict) == (0.1, 20, HEALTHY)


def test_overestimation_is_measured_by_what_was_returned():
    assert find("q_overestimation", {"q_overestimation": 4.9, "discounted_return": 10.0}).verdict == HEALTHY
    assert find("q_overestimation", {"q_overestimation": 5.1, "discounted_return": -10.0}).is_advice
    assert find("q_overestimation", {"q_overestimation": 5.1, "discounted_return": -10.0}).healthy == "-5 to 5"


def test_a_gradient_is_judged_against_the_median_so_far():
    before = [{"grad_norm": norm} for norm in (1.0, 2.0, 3.0, 2.0)]
    assert find("grad_norm", *before, {"grad_norm": 20.0}).verdict == HEALTHY
    assert "diverge" in find("grad_norm", *before, {"grad_norm": 21.0}).verdict
    assert "vanished" in find("grad_norm", *before, {"grad_norm": 0.019}).verdict


def test_clipping_is_judged_against_the_gradient_of_the_same_row():
    rows = {"grad_norm": 100.0, "grad_norm_clipped": 10.0}
    assert find("grad_norm_clipped", rows).verdict == HEALTHY
    assert "clip_norm" in find("grad_norm_clipped", rows | {"grad_norm": 101.0}).verdict
