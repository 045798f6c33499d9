"""The reference game's rules, without its window."""

from __future__ import annotations

from playfield.games.desktop.refgame import BALLS, COLUMNS, PADDLE, ROWS, World


def perfect(world: World) -> int:
    target = min(max(world.column - PADDLE // 2, 0), COLUMNS - PADDLE)
    return (target > world.paddle) - (target < world.paddle)


def test_every_ball_can_be_caught_and_then_it_is_over():
    for seed in range(20):
        world = World(seed)
        ticks = 0
        while not world.over:
            world.tick(perfect(world))
            ticks += 1
        assert (world.caught, world.fallen, ticks) == (BALLS, BALLS, BALLS * (ROWS - 1))


def test_a_ball_that_misses_counts_as_fallen_only():
    world = World(0)
    world.column, world.paddle, world.row = 15, 0, ROWS - 2
    world.tick(0)
    assert (world.caught, world.fallen, world.row) == (0, 1, 0)
    world.column, world.paddle, world.row = 3, 0, ROWS - 2
    world.tick(1)
    assert (world.caught, world.fallen, world.paddle) == (1, 2, 1)


def test_the_paddle_stays_in_the_field():
    world = World(1)
    for _ in range(20):
        world.tick(-1)
    assert world.paddle == 0
    for _ in range(30):
        world.tick(1)
    assert world.paddle == COLUMNS - PADDLE


def test_the_seed_decides_where_balls_fall():
    def columns(seed: int) -> list[int]:
        world, found = World(seed), []
        while not world.over:
            if world.row == 0:
                found.append(world.column)
            world.tick(0)
        return found

    assert columns(4) == columns(4) != columns(5)
    assert len(set(columns(4))) > 5
