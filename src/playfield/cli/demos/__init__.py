"""The commands of recordings of play: which there are, what they hold, and those of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playfield.cli.demos.exchange import DemosExport, DemosImport
from playfield.cli.demos.find import DEMOS
from playfield.cli.demos.list import DemosList
from playfield.cli.demos.show import DemosShow

DEMOS_COMMANDS = {
    "list": DemosList,
    "show": DemosShow,
    "import": DemosImport,
    "export": DemosExport,
}


@dataclass(frozen=True, slots=True)
class Demos:
    """List the recordings of play; playfield demos list|show|import|export"""

    out: Path = DEMOS
    """Folder of the recordings."""

    def run(self) -> int:
        return DemosList(out=self.out).run()
