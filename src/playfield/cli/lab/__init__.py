"""The commands of the lab: linear learners in small worlds, many runs at once."""

from __future__ import annotations

from dataclasses import dataclass

from playfield.cli.lab.figure import LabFigure
from playfield.cli.lab.run import LabRun

LAB_COMMANDS = {"run": LabRun, "figure": LabFigure}


@dataclass(frozen=True, slots=True)
class Lab:
    """Sarsa to true online TD(lambda): playfield lab run|figure; more with playfield lab --help"""

    def run(self) -> int:
        raise ValueError(
            "the lab wants to know what to do: playfield lab run LEARNER WORLD, or playfield lab figure 10.4"
        )
