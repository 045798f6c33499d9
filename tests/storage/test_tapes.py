import pytest

from playfield.storage import AppendFile, DamagedFile, RecordedEpisode, TapeLog, Tapes

EPISODES = [
    RecordedEpisode(
        episode=n,
        game=n % 2,
        seed=2**64 - 1 - n,
        score=float(n % 3),
        frames=4 * n,
        truncated=n == 2,
        actions=bytes(range(n)) * 3,
    )
    for n in range(5)
]


@pytest.fixture
def path(tmp_path):
    file = AppendFile(tmp_path / "tapes.log")
    log = TapeLog(file)
    for episode in EPISODES[:3]:
        log.add(episode)
    file.close()
    file = AppendFile(tmp_path / "tapes.log")
    log = TapeLog(file)
    for episode in EPISODES[3:]:
        log.add(episode)
    assert file.sync().bytes == (tmp_path / "tapes.log").stat().st_size
    file.close()
    return tmp_path / "tapes.log"


def test_tapes_come_back(path):
    tapes = Tapes(path)
    assert list(tapes) == EPISODES
    assert tapes.warning is None
    assert tapes.best() == EPISODES[2]
    assert tapes.episode(4) == EPISODES[4]
    with pytest.raises(ValueError, match="no episode 9"):
        tapes.episode(9)


def test_every_cut_leaves_the_whole_episodes_before_it(path):
    data = path.read_bytes()
    whole = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        tapes = Tapes(path)
        found = list(tapes)
        assert found == EPISODES[: len(found)]
        assert len(found) >= whole
        assert tapes.warning is None or "tapes.log" in tapes.warning
        whole = len(found)
        for zeros in (3, 40):
            path.write_bytes(data[:length] + bytes(zeros) if length in (8, len(data)) else data[:length])
            assert list(tapes) == found
    assert whole == 4


def test_every_flipped_bit_is_found_and_the_file_is_named(path):
    data = bytearray(path.read_bytes())
    for place in range(len(data)):
        data[place] ^= 1 << (place % 8)
        path.write_bytes(data)
        data[place] ^= 1 << (place % 8)
        with pytest.raises(DamagedFile, match=r"tapes\.log") as damage:
            list(Tapes(path))
        assert damage.value.path == path
