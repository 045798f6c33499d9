"""`record`: play is kept as demonstrations to learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import tyro

from playfield.agent import Policy, RandomPolicy
from playfield.build import build_policy
from playfield.cli.about import find_recipe
from playfield.cli.counts import OptionalCount
from playfield.cli.look import trained
from playfield.cli.models import model_path, open_model
from playfield.cli.results import scores_text
from playfield.cli.runs import Known, find_run, free_name, known
from playfield.demonstrations import About, DemonstrationWriter, Player, require_recordable, seen_in
from playfield.games.each import Lost
from playfield.games.games import Games, GameSpec
from playfield.games.protocol import AtariProtocol
from playfield.games.supervised import supervised_games
from playfield.losses import Losses
from playfield.rng import Rng
from playfield.score import scoring_text
from playfield.storage import fingerprint
from playfield.storage.run import check_name
from playfield.study import slug

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class Record:
    """Record play to learn from: playfield record GAME --policy RUN --frames 20000"""

    game: Positional[str]
    """A name from `playfield games`, or gym:ID."""
    policy: str
    """Who plays: a run's name, a model file, or `random`."""
    minutes: float | None = None
    """Play for so many minutes of the game at its normal speed,"""
    frames: OptionalCount = None
    """for so many emulator frames,"""
    episodes: int | None = None
    """or for so many whole episodes, whichever comes first."""
    recipe: str = "dqn"
    """Where `random` plays, the recipe that will be trained: an Atari game is played by its rules."""
    seed: int = 0
    """Of the games and the policy."""
    name: str | None = None
    """Name of the recording; by default made from game and policy."""
    out: Path = Path("demos")
    """Folder of the recordings."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        self._check()
        protocol = self._protocol()
        games = supervised_games(self.game, protocol, 1, 1)
        try:
            policy, player = self._player(games.spec)
            stem = free_name(f"{slug(self.game)}-{slug(Path(self.policy).stem)}", self.out)
            name = stem if self.name is None else self.name
            check_name(name)
            who = "" if player == "chance" else Path(self.policy).name
            about = About.of(games.spec, player, who, fingerprint.take())
            writer = DemonstrationWriter(self.out / name, about, seen_in(games.spec))
            try:
                self._play(games, policy, writer)
            finally:  # also where it is interrupted or the game is lost: what was played before is kept
                writer.close()
                self._tell(writer, games.spec, who or player)
        finally:
            games.close()
        return 0

    def _tell(self, writer: DemonstrationWriter, spec: GameSpec, who: str) -> None:
        """What was played, and where it lies."""
        if not writer.episodes:
            print(f"results  {writer.folder}, in which nothing is kept yet: not one step was played")
            return
        print(f"game     {self.game}, {scoring_text(spec.protocol) if spec.protocol else 'its own rules'}")
        print(f"played   {writer.frames:,} frames, {writer.episodes:,} episodes, by {who}")
        print(f"score    {scores_text(writer.scores, writer.episodes)}")
        print(f"results  {writer.folder}", flush=True)

    def _play(self, games: Games, policy: Policy, writer: DemonstrationWriter) -> None:
        """Raises: Lost where games are lost again and again; what was played before is kept."""
        most_frames = self._most_frames(games.spec)
        step = games.begin(Rng(self.seed).numpy("episodes"))
        writer.begin(step)
        losses = Losses(self.game)
        while writer.frames < most_frames and writer.episodes < (self.episodes or math.inf):
            decision = policy.act(step)
            games.send(decision.action)
            step = games.recv()
            writer.add(int(decision.action[0]), step)
            if step.lost:
                losses.add(step.lost[0])
            elif step.last[0]:
                losses.end_row()
            if (too_many := losses.too_many) is not None:
                raise Lost(too_many)

    def _most_frames(self, spec: GameSpec) -> float:
        timed = math.inf if self.minutes is None else self.minutes * 60.0 * spec.frames_per_second
        return min(timed, math.inf if self.frames is None else self.frames)

    def _check(self) -> None:
        require_recordable(self.game)  # before anything of it is loaded
        given = [limit for limit in (self.minutes, self.frames, self.episodes) if limit is not None]
        if not given:
            raise ValueError("say how much to record, with --minutes, --frames or --episodes")
        if not all(0 < limit < math.inf for limit in given):
            raise ValueError("--minutes, --frames and --episodes must be finite numbers above 0")

    def _protocol(self) -> AtariProtocol:
        """The rules: those that the policy was trained under."""
        if self.policy == "random":
            return find_recipe(self.recipe).protocol
        of = self._of()
        if of.game != self.game:
            raise ValueError(f"{self.policy} plays {of.game}, not {self.game}; record that, or name another run")
        return of.recipe.protocol

    def _of(self) -> Known:
        path = model_path(self.policy, self.runs)
        return known(find_run(self.policy, self.runs)) if path is None else open_model(path).of

    def _player(self, spec: GameSpec) -> tuple[Policy, Player]:
        rng = Rng(self.seed).child("policy")
        if self.policy == "random":
            return RandomPolicy(len(spec.actions), rng.numpy("policy")), "chance"
        if (path := model_path(self.policy, self.runs)) is not None:
            opened = open_model(path)
            return build_policy(opened.of.recipe, spec, opened.network.state_dict(), rng), "agent"
        run = find_run(self.policy, self.runs)
        return build_policy(known(run).recipe, spec, trained(run)[0], rng), "agent"
