"""`lab features`: learnt features against fixed ones, by the same linear learners on the same game."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float64

from playfield.cli.lab.progress import progress
from playfield.cli.lab.tables import csv_text
from playfield.cli.lab.words import LEARNERS, named, split
from playfield.features.contest import (
    Contest,
    Match,
    Outcome,
    Sight,
    Table,
    by_chance,
    error_of_the_mean,
    play,
    predictions,
)
from playfield.features.frames import Recording, Split, load, new_folder, protocol_of, require_new
from playfield.features.grid import GridView
from playfield.features.latents import Change, Latents, LatentView, load_latents, split_of
from playfield.linear.charts import Axes, Curve, Point
from playfield.linear.learners import LearnerSpec, TrueOnlineSarsaLambda
from playfield.linear.play import ready
from playfield.linear.studies import point
from playfield.score import scoring_text
from playfield.settings import override, paths, to_plain
from playfield.sinks.lab_plots import curves_picture
from playfield.sinks.plots import save_plot
from playfield.storage import fingerprint
from playfield.storage.files import replace_file
from playfield.types import Array

Positional = tyro.conf.Positional

BINS = 30
"""Points of a learning curve."""
LATE = 0.8
"""Share of the frames after which episodes are told as what was reached while learning."""


@dataclass(frozen=True, slots=True)
class LabFeatures:
    """Learnt features against fixed ones: playfield lab features lab/frames-catch [path=value ...]"""

    folder: Positional[Path]
    """What `playfield lab collect` has written."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings of latents, fixed, grid and policy to change, and lambda_ and gamma; for instance
    latents.encoder.tiles=8, fixed.alpha=0.05 or policy.epsilon=0.2."""
    latents: Path | None = None
    """What `playfield lab autoencode` has written; by default `latents` in the folder of the frames."""
    learner: tuple[str, ...] = ("sarsa_lambda", "true_online_sarsa")
    """Learners of control, as of `playfield lab run`."""
    change: Change = "none"
    """all: of each latent the change since the frame before as well, since one frame does not show movement."""
    frames: int = 100_000
    """Emulator frames of learning control, of every run."""
    sweeps: int = 10
    """Passes of prediction over the training episodes."""
    seeds: int = 3
    """Runs of control of every kind, with seeds one after the other."""
    seed: int = 0
    """The first of them."""
    episodes: int = 30
    """Whole games that every run is evaluated on, greedily."""
    out: Path | None = None
    """Folder to write; by default `features` in that of the frames."""

    def run(self) -> int:
        if min(self.seeds, self.sweeps) < 1 or not self.learner:
            raise ValueError("--seeds and --sweeps must be 1 or more, and --learner must name one")
        contest = override(Contest(), dict(split(text, "gamma=0.9") for text in self.overrides))
        for name in self.learner:
            named(LEARNERS, name, "learner")
        folder = self.folder / "features" if self.out is None else self.out
        require_new(folder)
        path = self.folder / "latents" if self.latents is None else self.latents
        latents, recording = load_latents(path), load(self.folder)
        parts = split_of(path, recording)
        sights = _sights(contest, latents, recording, self.change)
        _check(contest, sights, self.learner)
        match = Match(
            game=recording.about.game,
            protocol=protocol_of(recording.about),
            frames=self.frames,
            episodes=self.episodes,
            policy=contest.policy,
        )
        print(f"game     {match.game}, {scoring_text(recording.about.protocol)}")
        print("prediction of the return of random play: root mean squared error on test episodes", flush=True)
        predicted = _predicted(contest, sights, recording, parts, self.sweeps)
        _report_prediction(predicted, sights)
        print(f"control: {match.frames:,} emulator frames a run; greedy, {match.episodes} whole games each", flush=True)
        played = self._played(match, sights, contest)
        chance = by_chance(match)
        with new_folder(folder) as unfinished:
            self._write(unfinished, recording, contest, Found(predicted, played, chance))
        self._report(Found(predicted, played, chance))
        print(f"results  {folder}")
        return 0

    def _played(self, match: Match, sights: Sequence[Sight], contest: Contest) -> dict[tuple[str, str, int], Outcome]:
        """Control: every way to see with every learner and every seed."""
        found: dict[tuple[str, str, int], Outcome] = {}
        cells = [(sight, name, seed) for sight in sights for name in self.learner for seed in self._seeds]
        with progress("playing", float(len(cells) * match.frames)) as advance:
            for sight, name, seed in cells:
                said = f"{sight.label}, {name}, seed {seed}"
                before = len(found) * match.frames

                def on_frames(frames: int, before: int = before, said: str = said) -> None:
                    advance(before + frames, said)

                learner = _learner(name, contest, sight.terms.alpha)
                outcome = play(match, sight, learner, seed, on_frames)
                found[sight.label, name, seed] = outcome
                print(f"  {said}: {_told(sight, outcome)}", flush=True)
        return found

    @property
    def _seeds(self) -> range:
        return range(self.seed, self.seed + self.seeds)

    def _write(self, folder: Path, recording: Recording, contest: Contest, found: Found) -> None:
        about = {
            "game": recording.about.game,
            "protocol": recording.about.protocol,
            "contest": to_plain(contest),
            "change": self.change,
            "frames": self.frames,
            "seeds": list(self._seeds),
            "prediction": {label: [_or_none(error) for error in errors] for label, errors in found.predicted.items()},
            "control": [
                {"sight": sight, "learner": learner, "seed": seed, "greedy_scores": list(outcome.evaluated),
                 "diverged_at": outcome.diverged_at, "tiles": outcome.tiles}
                for (sight, learner, seed), outcome in found.played.items()
            ],
            "random_scores": list(found.chance),
            "fingerprint": fingerprint.take(),
        }  # fmt: skip
        replace_file(folder / "features.json", json.dumps(about, indent=2).encode() + b"\n")
        rows = [
            (sight, learner, seed, frames, score)
            for (sight, learner, seed), outcome in found.played.items()
            for frames, score in outcome.ended
        ]
        replace_file(folder / "episodes.csv", csv_text(("sight", "learner", "seed", "frames", "score"), rows))
        rules = scoring_text(recording.about.protocol)
        title, count = f"{recording.about.game}, learnt features against fixed ones", len(self._seeds)
        axes = Axes(title=title, x="emulator frames of learning", y="score of an episode")
        words = f"mean of {count} runs and its standard error; {rules}; random play {np.mean(found.chance):.2f}"
        save_plot(curves_picture(axes, found.curves(self.frames), words), folder / "features.png")
        axes = Axes(title=f"{recording.about.game}, value of random play", x="passes", y="RMS error on test episodes")
        words = f"true online TD(lambda); the mean return for all {found.predicted['constant'][0]:.4g}"
        save_plot(curves_picture(axes, found.errors(), words), folder / "prediction.png")

    def _report(self, found: Found) -> None:
        print(f"of all seeds from {self._seeds[0]} to {self._seeds[-1]}: mean and standard error")
        for label, learner in dict.fromkeys((sight, learner) for sight, learner, _ in found.played):
            outcomes = [found.played[label, learner, seed] for seed in self._seeds]
            ends = LATE * self.frames
            scores = [[score for frames, score in o.ended if frames > ends] or [np.nan] for o in outcomes]
            late = _spread(np.array([np.mean(each) for each in scores]))
            greedy = _spread(np.array([np.mean(o.evaluated or np.nan) for o in outcomes]))
            print(f"  {label:<10} {learner:<18} greedy {greedy}   last fifth of learning {late}")
        print(f"  {'random':<10} {'':<18}        {np.mean(found.chance):7.2f}")


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found."""

    predicted: dict[str, list[float]]
    """Error before any learning and after each pass, of every way to see."""
    played: dict[tuple[str, str, int], Outcome]
    """By way to see, learner and seed."""
    chance: tuple[float, ...]

    def curves(self, frames: int) -> list[Curve]:
        """Score over frames, in equal spans of frames, of those in which every run ended an episode."""
        found: list[Curve] = []
        for sight, learner in dict.fromkeys((sight, learner) for sight, learner, _ in self.played):
            outcomes = [outcome for (s, name, _), outcome in self.played.items() if (s, name) == (sight, learner)]
            binned = np.stack([_binned(outcome, frames) for outcome in outcomes])
            points = [
                point((number + 0.5) * frames / BINS, binned[:, number])
                for number in np.flatnonzero(np.isfinite(binned).all(0))
            ]
            found.append(Curve(label=f"{sight}, {learner}", points=tuple(points)))
        return found

    def errors(self) -> list[Curve]:
        """Prediction error over passes."""
        return [
            Curve(
                label=label,
                points=tuple(
                    Point(x=float(x), mean=e, standard_error=float("nan"), runs=1)
                    for x, e in enumerate(errors)
                    if np.isfinite(e)
                ),
            )
            for label, errors in self.predicted.items()
        ]


def _binned(outcome: Outcome, frames: int) -> Float64[Array, "X"]:
    """Mean score of the episodes that ended in each span; nan where none did."""
    ends, scores = (np.array(column) for column in zip(*outcome.ended, strict=True)) if outcome.ended else ((), ())
    span = np.minimum((np.asarray(ends, np.float64) - 1.0) * BINS // frames, BINS - 1).astype(int)
    return np.array([np.mean(np.asarray(scores)[span == x]) if (span == x).any() else np.nan for x in range(BINS)])


def _predicted(
    contest: Contest, sights: Sequence[Sight], recording: Recording, parts: Split, sweeps: int
) -> dict[str, list[float]]:
    """Prediction, by every way to see and by one number for all."""
    found: dict[str, list[float]] = {}
    with progress("predicting", float(len(sights) * len(recording.frame))) as advance:
        for number, sight in enumerate(sights):
            before, label = number * len(recording.frame), sight.label

            def on_row(row: int, before: int = before, label: str = label) -> None:
                advance(before + row, label)

            table, learner = Table(sight, recording, on_row), _predictor(contest, sight)
            found[sight.label] = list(predictions(table, sight.terms.encoder, learner, recording, parts, sweeps))
    constant = error_of_the_mean(recording, parts, contest.gamma)
    return {**found, "constant": [constant] * (sweeps + 1)}


def _report_prediction(predicted: dict[str, list[float]], sights: Sequence[Sight]) -> None:
    terms = {sight.label: sight for sight in sights}
    for label, errors in predicted.items():
        best = int(np.nanargmin(errors))
        said = f"{errors[-1]:8.4f}   least {errors[best]:.4f} after {best} passes"
        if np.isnan(errors[-1]):
            setting = f"{terms[label].setting}.predict_alpha={terms[label].terms.predict_alpha:g}"
            said = f"the weights ran away (beyond a million) with {setting}; give a smaller one"
        print(f"  {label:<10} {said}", flush=True)


def _told(sight: Sight, outcome: Outcome) -> str:
    """What came of one run, in words."""
    if outcome.diverged_at is not None:
        return (
            f"the weights ran away (beyond a million) after {outcome.diverged_at:,} frames with "
            f"{sight.setting}.alpha={sight.terms.alpha:g}; give a smaller one"
        )
    full = outcome.tiles is not None and outcome.tiles[1] > 0
    note = f"; its index table was full, give it more places with {sight.setting}.encoder.size" if full else ""
    return f"greedy {np.mean(outcome.evaluated):.2f}{note}"


def _spread(means: Float64[Array, "S"]) -> str:
    """Mean and standard error of those seeds that have a score."""
    whole = means[np.isfinite(means)]
    if len(whole) == 0:
        return f"{'none':>7}"
    found = point(0.0, whole)
    error = f" +- {found.standard_error:.2f}" if len(whole) > 1 else ""
    runs = f" ({len(whole)} of {len(means)} seeds)" if len(whole) < len(means) else ""
    return f"{found.mean:7.2f}{error}{runs}"


def _or_none(error: float) -> float | None:
    return error if np.isfinite(error) else None


def _sights(contest: Contest, latents: Latents, recording: Recording, change: Change) -> list[Sight]:
    def learnt() -> LatentView:
        return LatentView(latents, change)

    def fixed() -> GridView:
        return GridView(contest.grid, recording.frame.shape[1:])

    fixed()  # a grid that is too fine is told before anything is played
    return [
        Sight(label="latents", setting="latents", view=learnt, terms=contest.latents),
        Sight(label="grid", setting="fixed", view=fixed, terms=contest.fixed),
    ]


def _check(contest: Contest, sights: Sequence[Sight], names: Sequence[str]) -> None:
    """Make every learner and encoder once, before long play.

    Raises: ValueError where one cannot be made.
    """
    for sight in sights:
        _predictor(contest, sight)
        code = sight.terms.encoder.build(sight.view().observations, 1)
        for name in names:
            ready(_learner(name, contest, sight.terms.alpha), contest.policy, code)


def _learner(name: str, contest: Contest, alpha: float) -> LearnerSpec:
    """A learner of the lab with the settings of the contest, as far as it has them."""
    learner = LEARNERS[name]
    known = {path for path, _ in paths(learner)}
    given = {"alpha": alpha, "gamma": contest.gamma, "lambda_": contest.lambda_}
    return override(learner, {path: str(number) for path, number in given.items() if path in known})


def _predictor(contest: Contest, sight: Sight) -> TrueOnlineSarsaLambda:
    """True online TD(λ), as it is called where nothing is chosen."""
    return TrueOnlineSarsaLambda(alpha=sight.terms.predict_alpha, gamma=contest.gamma, lambda_=contest.lambda_)
