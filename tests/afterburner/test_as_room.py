"""Instructions as long as their room, or longer, get no padding and no word about it."""

from pathlib import Path

from assembling import assemble, run_as


def test_an_instruction_that_fills_its_room_is_not_padded(tmp_path: Path) -> None:
    made = assemble("lidt 0x1234\nlidt 0x1234(,%rax,8)\nlgdt %fs:0x1234(,%rax,8)\n", tmp_path)
    assert [len(site.code) for site in made.sites] == [8, 8, 9]


def test_no_warning_about_it(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("lidt 0x1234\n.data\ncli\n")
    done = run_as("--fatal-warnings", "-o", "a.o", "a.s", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
