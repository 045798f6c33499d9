"""The commands of recordings of play: which there are, what they hold, and those of other programs."""

from __future__ import annotations

from playfield.cli.demos.exchange import DemosExport, DemosImport
from playfield.cli.demos.list import DemosList
from playfield.cli.demos.show import DemosShow

DEMOS_COMMANDS = {
    "list": DemosList,
    "show": DemosShow,
    "import": DemosImport,
    "export": DemosExport,
}


class Demos(DemosList):
    """List the recordings of play; playfield demos list|show|import|export"""
