"""Where runs are kept: what is refused, and in which words."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentloop.durable.engine import Engine
from agentloop.durable.errors import StoreError
from agentloop.durable.store import Store
from tests.processes import CLIENT, SERVER, environment, run
from tests.surface import scripted_env


@pytest.mark.requirement("durable-store")
@pytest.mark.parametrize("name", ["", "runs.sqlite", "sqlite", "mysql://here/runs"])
def test_a_store_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:PATH or postgresql://"):
        Store.named(name)


def test_without_a_path_runs_are_kept_in_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Store.named("sqlite:").path == tmp_path / "mcp-calc-server" / "runs.sqlite"


def test_a_password_is_not_shown() -> None:
    assert "secret" not in str(Store.named("postgresql://me:secret@there/runs"))


@pytest.mark.requirement("durable-store")
def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    path.write_bytes(b"this is no database, whatever it says" * 100)
    with (
        pytest.raises(StoreError, match=r"runs cannot be used: file is not a database"),
        Store.named(f"sqlite:{path}").held(),
    ):
        pass


@pytest.mark.requirement("durable-store")
def test_a_file_with_a_hole_is_found_out_before_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 1000)
    connection.close()
    content = bytearray(path.read_bytes())
    content[40_000:60_000] = bytes(20_000)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged|malformed"), Store.named(f"sqlite:{path}").held():
        pass


@pytest.mark.parametrize("name", ["mysql://me:planted@here/runs", "postgresql://me:planted@here:port/runs"])
def test_a_refused_url_is_reported_without_its_password(name: str) -> None:
    with pytest.raises(StoreError) as refused:
        Store.named(name)
    assert "planted" not in str(refused.value)


def test_a_store_in_memory_is_refused() -> None:
    with pytest.raises(StoreError, match="would lose all runs"):
        Store.named("sqlite::memory:")


@pytest.mark.slow
@pytest.mark.requirement("durable-store")
@pytest.mark.parametrize("name", ["runs?mode=memory", "a %41#%"])
async def test_runs_are_in_the_file_that_was_named_and_only_its_owner_reads_what_is_beside_it(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for stranger in (name, f"{name}.lock"):
        (folder / stranger).touch(0o644)
    async with Engine(Store.named(f"sqlite:{folder / name}"), []):
        files = {path.name: path.stat() for path in folder.iterdir()}
        assert set(files) <= {name, *(f"{name}{end}" for end in (".lock", "-wal", "-shm", ".lock-journal"))}
        assert {name, f"{name}.lock"} <= set(files)
        assert {stat.st_mode & 0o777 for stat in files.values()} == {0o600}
        with pytest.raises(StoreError, match="in use"), Store.named(f"sqlite:{folder / name}").held():
            pass
    with closing(sqlite3.connect(folder / name)) as connection:
        assert connection.execute("SELECT count(*) FROM workflow_status").fetchone() == (0,)


@pytest.mark.slow
@pytest.mark.requirement("durable-store")
async def test_a_second_process_at_the_same_file_is_refused(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'runs'}"
    with Store.named(store).held():
        second = await run(*SERVER, "--durable", store, env=scripted_env("http://127.0.0.1:9"))
    assert second.code == 2
    assert "is in use by another process" in second.err
    assert "Traceback" not in second.err


@pytest.mark.requirement("durable-store")
async def test_a_place_where_nothing_can_be_written_is_named() -> None:
    ended = await run(*SERVER, "--durable", "sqlite:/proc/runs", env=scripted_env("http://127.0.0.1:9"))
    assert ended.code == 2
    assert "The store /proc/runs cannot be used" in ended.err


@pytest.mark.requirement("durable-optional")
async def test_without_the_extra_everything_else_works(tmp_path: Path) -> None:
    (tmp_path / "dbos.py").write_text("raise ImportError('no dbos here')", encoding="utf-8")
    env = environment(PYTHONPATH=str(tmp_path))
    ended = await run(*CLIENT, "--offline", "--quiet", "1 + 2", env=env)
    assert (ended.code, ended.out) == (0, "Answer: 3\n")


@pytest.mark.requirement("durable-optional")
async def test_without_the_extra_the_option_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "dbos.py").write_text("raise ImportError('no dbos here')", encoding="utf-8")
    env = scripted_env("http://127.0.0.1:9", PYTHONPATH=str(tmp_path))
    ended = await run(*SERVER, "--durable", env=env)
    assert ended.code == 2
    assert "Durable runs need the extra 'durable', which is not installed (no dbos here)." in ended.err
