"""The commands of the lab: linear learners in small worlds, many runs at once."""

from __future__ import annotations

from dataclasses import dataclass

from playfield.cli.lab.autoencode import LabAutoencode
from playfield.cli.lab.collect import LabCollect
from playfield.cli.lab.features import LabFeatures
from playfield.cli.lab.figure import LabFigure
from playfield.cli.lab.run import LabRun
from playfield.cli.lab.sweep import LabSweep

LAB_COMMANDS = {
    "run": LabRun,
    "sweep": LabSweep,
    "figure": LabFigure,
    "collect": LabCollect,
    "autoencode": LabAutoencode,
    "features": LabFeatures,
}


@dataclass(frozen=True, slots=True)
class Lab:
    """Sarsa to true online TD(lambda): playfield lab run|sweep|figure|collect|autoencode|features"""

    def run(self) -> int:
        raise ValueError(
            "the lab wants to know what to do: playfield lab run LEARNER WORLD, "
            "playfield lab sweep LEARNER WORLD --over alpha=0.1,0.2,0.5, playfield lab figure 10.4, or "
            "playfield lab collect GAME"
        )
