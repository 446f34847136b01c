"""What the module's C sources take from tables of the linker: the generated headers are what the tables give, a class
without its function does not build, and rows mean to C what they mean to Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from linker.hypervisors.shared import x86_64_headers
from linker.hypervisors.shared.x86_64_headers import FOLDER, HEADERS, classes_header
from linker.hypervisors.shared.x86_64_rows import ROW, ROW_FIELDS, SITE, SITE_FIELDS
from linker.sites.x86_64.classes import ANY, CLASSES, IOPL, RING0, Row

HYPERVISORS = FOLDER.parents[1]


@pytest.mark.parametrize("name", HEADERS)
def test_generated_headers_are_kept(name: str) -> None:
    assert (FOLDER / name).read_text() == HEADERS[name](), "run `make generated` and commit the result"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", "-B", "-C", str(folder / "lol/src-x86_64"), f"MODULE={folder / 'lol.so'}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_class_without_its_function_does_not_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("lol/src-x86_64", "shared/src-x86_64"):
        shutil.copytree(HYPERVISORS / part, tmp_path / part)
    assert build(tmp_path).returncode == 0
    invented = Row(CLASSES[-1].number + 1, "invented", "invented", "f1", "none", level=RING0)
    monkeypatch.setattr(x86_64_headers, "CLASSES", (*CLASSES, invented))
    (tmp_path / "shared/src-x86_64/classes.h").write_text(classes_header())
    done = build(tmp_path)
    assert done.returncode != 0
    assert "undefined reference to `op_invented'" in done.stderr


def test_numbers_are_dense() -> None:
    """The dispatch table has an entry for each; a hole would be an entry without a function."""
    assert [row.number for row in CLASSES] == list(range(1, len(CLASSES) + 1))


def test_levels_are_those_of_the_manual() -> None:
    """Intel SDM vol. 3, 5.9, names the privileged instructions; vol. 1, 19.5.1, those that IOPL decides."""
    level = {row.name: row.level for row in CLASSES}
    privileged = (
        "lgdt lidt lldt ltr mov_to_cr mov_from_cr lmsw clts mov_to_dr mov_from_dr invd wbinvd invlpg hlt rdmsr wrmsr"
    )
    assert {level[name] for name in privileged.split()} == {RING0}
    assert {name for name in level if level[name] == IOPL} == {"cli", "sti"}
    assert {level[name] for name in "pushf popf sgdt sidt sldt str smsw cpuid rdtsc verr lar lsl".split()} == {ANY}


def test_c_reads_what_python_writes(tmp_path: Path) -> None:
    """A C program prints the members of a row and of a site as Python packed them."""
    row: tuple[int | bytes, ...] = (
        0x0201,
        3,
        4,
        5,
        6,
        b"\7\x08\x09\x0a",
        -11,
        -12,
        13,
        14,
        15,
        16,
        -17,
        -18,
        1 << 63,
        bytes(range(16)),
    )
    site: tuple[int | bytes, ...] = (0x04030201, 0x0605, 0x0807, 9, bytes((10, 11, 12)))
    prints = {
        "row": [(f.name, f.elements, value) for f, value in zip(ROW_FIELDS, row, strict=True)],
        "site": [(f.name, f.elements, value) for f, value in zip(SITE_FIELDS, site, strict=True)],
    }
    lines = [
        f'printf("%lld\\n", (long long){name}.{member}{f"[{i}]" if count > 1 else ""});'
        for name, members in prints.items()
        for member, count, _ in members
        for i in range(count)
    ]
    expected = [
        item if item < 1 << 63 else item - (1 << 64)  # printed as a signed number
        for members in prints.values()
        for _, _, value in members
        for item in (value if isinstance(value, bytes) else (value,))
    ]
    source = tmp_path / "reader.c"
    packed = ROW.pack(*row) + SITE.pack(*site)
    source.write_text(
        '#include <stdio.h>\n#include "rows.h"\nint main(void)\n{\n    struct row row;\n    struct site site;\n'
        "    fread(&row, sizeof row, 1, stdin);\n    fread(&site, sizeof site, 1, stdin);\n"
        + "\n".join(lines)
        + "\n}\n"
    )
    program = tmp_path / "reader"
    subprocess.run(["gcc", "-std=gnu11", "-w", "-I", FOLDER, "-o", program, source], check=True)
    said = subprocess.run([program], input=packed, capture_output=True, check=True).stdout
    assert [int(line) for line in said.split()] == expected
