"""Points are where things are; what is learnt draws frames that were never trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from features.recorded import catch, rigged
from playfield.features.autoencoder import (
    AutoencoderSpec,
    Dense,
    FitPlan,
    Points,
    batch_of,
    centres,
    errors,
    fit,
    most_weights,
    ready,
    shared,
)
from playfield.features.frames import split
from playfield.rng import Rng


def test_every_cell_is_shared_out_among_the_points() -> None:
    scores = torch.log(torch.tensor([[[[1.0, 3.0]], [[1.0, 1.0]]]]))
    found = shared(scores, torch.tensor([[[[2.0, 4.0]]]]))
    torch.testing.assert_close(found, torch.tensor([[[[1.0, 3.0]], [[1.0, 1.0]]]]))


def test_points_are_centres_by_hand() -> None:
    # Three columns at 0, 0.5 and 1, two rows at 0 and 1; the first point has 1 and 3, the second has nothing.
    has = torch.tensor([[[[1.0, 0.0, 3.0], [0.0, 0.0, 0.0]], [[0.0] * 3] * 2, [[0.0, 2.0, 0.0], [0.0, 2.0, 0.0]]]])
    code = centres(has, torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 1.0]))
    assert code.numbers[0].tolist() == pytest.approx([0.75, 0.0, 0.0, 0.0, 0.5, 0.5], abs=1e-5)
    assert code.amount.tolist() == [[4.0, 0.0, 4.0]]


def test_background_mean_and_weights_are_of_the_training_part() -> None:
    frame = np.zeros((5, 1, 2, 1), np.uint8)
    frame[:4, 0, 1, 0] = (0, 0, 0, 255)
    frame[4] = 77  # a test row, which nothing may be taken from
    found = rigged(frame, [0.0] * 5, [0, 2, 4], [1, 3])
    spec = AutoencoderSpec(bottleneck=Dense(latents=1), balance=1.0, floor=0.5)
    made = ready(spec, found, np.arange(4), Rng(0))
    assert made.background.flatten().tolist() == [0.0, 0.0]
    assert made.mean.flatten().tolist() == [0.0, 0.25]
    still, moving = 1 / 0.5, 1 / (0.5 + (3 / 16) ** 0.5)
    # All that differs from the background is a quarter of the second pixel, and counts as 1.
    assert made.weight.flatten().tolist() == pytest.approx([still / (moving / 4), 4.0])


def test_pixels_are_alike_without_balance() -> None:
    made = ready(AutoencoderSpec(balance=0.0), catch(), np.arange(300), Rng(0))
    assert len(made.weight.unique()) == 1


def test_the_same_seed_learns_the_same() -> None:
    def weights(seed: int) -> torch.Tensor:
        parts = split(catch(), 0.3, Rng(0).numpy("split"))
        made = ready(AutoencoderSpec(), catch(), parts.train, Rng(seed))
        list(fit(made, catch(), parts, FitPlan(epochs=1, batch=200, seed=seed), lambda done: None))
        return torch.cat([p.detach().flatten() for p in made.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_the_mean_frame_has_an_error_of_one() -> None:
    made = ready(AutoencoderSpec(), catch(), np.arange(300), Rng(0))
    mean = made.mean - made.background
    made.network.decode = lambda code: mean.expand(len(code.numbers), -1, -1, -1)  # type: ignore[method-assign]
    assert errors(made, catch(), np.arange(300, 400)) == pytest.approx((1.0, 1.0))


def test_a_ball_and_a_paddle_of_catch_are_drawn_where_the_mean_frame_has_none() -> None:
    found = catch(frames=2000, seed=0)
    parts = split(found, 0.3, Rng(0).numpy("split"))
    made = ready(AutoencoderSpec(bottleneck=Points(points=3)), found, parts.train, Rng(0))
    done: list[float] = []
    epochs = list(fit(made, found, parts, FitPlan(epochs=4, batch=16, lr=3e-3), done.append))
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    assert done[-1] == 1.0
    assert len(done) == 4 * (len(parts.train) // 16)
    assert epochs[-1].test.weighted < 0.08  # 0.02 with three seeds
    assert epochs[-1].test.weighted < epochs[0].test.weighted
    with torch.inference_mode():
        numbers = made.encode(batch_of(found, parts.test)).numbers.numpy()
    frames = found.frame[parts.test, :, :, 0]
    x = np.arange(48)
    for grey in (255, 128):  # fruit and paddle: their columns are linear in the points
        place = np.array([(np.where(frame == grey, 1, 0).sum(0) * x).sum() / (frame == grey).sum() for frame in frames])
        design = np.column_stack([numbers, np.ones(len(numbers))])
        rest = place - design @ np.linalg.lstsq(design, place)[0]
        assert rest.var() < 0.02 * place.var()


@pytest.mark.parametrize("spec", [Points(points=2), Dense(latents=3), Points(points=1, stride=3, channels=2)])
@pytest.mark.parametrize("shape", [(9, 7, 1), (12, 16, 3)])
def test_frames_of_any_shape_are_drawn_in_that_shape(spec: Points | Dense, shape: tuple[int, int, int]) -> None:
    frame = Rng(0).numpy("frames").integers(0, 256, (4, *shape), np.uint8)
    found = rigged(frame, [0.0] * 4, [0, 2], [1, 3])
    made = ready(AutoencoderSpec(bottleneck=spec), found, np.arange(4), Rng(0))
    assert made.reconstruct(batch_of(found, np.arange(4))).shape == (4, *shape)
    numbers = made.encode(batch_of(found, np.arange(4))).numbers
    assert numbers.shape == (4, spec.latents)
    held = sum(tensor.numel() for tensor in made.state_dict().values())
    assert held <= most_weights(made.spec, shape) + 600
    assert most_weights(made.spec, shape) <= 2 * held + 600


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Points(points=0), "--latents must be 2 or more"),
        (lambda: Dense(latents=0), "--latents, and channels and units of Dense, must be 1 or more"),
        (lambda: AutoencoderSpec(balance=-1.0), "balance must be 0 or more"),
        (lambda: FitPlan(epochs=0), "--epochs and --batch must be 1 or more"),
        (lambda: FitPlan(lr=0.0), "--lr above 0"),
    ],
)
def test_senseless_settings_are_one_sentence(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
