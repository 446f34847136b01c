"""Our encoding and decoding against GNU as and objdump, both directions, over every operand of every instruction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ia64_binutils import assemble_text, disassemble_bytes

from afterburner.ia64.statements import Statement
from linker.errors import LinkError
from linker.sites.ia64.bundles import BUNDLE_LEN, TEMPLATES, Bundle, join, split
from linker.sites.ia64.classes import CLASSES, LAST_IN_GROUP
from linker.sites.ia64.codec import IA64, NOP, bundle
from linker.sites.ia64.instructions import Operation, decode, encode
from linker.sites.ia64.opcodes import FORMATS, KERNEL_REGISTERS, OPCODES, SENSITIVE, UNPREDICATED, Opcode
from linker.sites.ia64.operands import FIELDS, OperandKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Where each unit's instruction stands in these tests, and what stands beside it.
PLACES = {"M": "MFI", "I": "MII", "F": "MFI", "B": "MIB", "X": "MLX"}
END = "{ .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }"  # GNU as ends the last group of a text by itself
I_UNIT_ONLY = {"I26", "I28"}


def allowed(opcode: Opcode, name: str) -> Callable[[int], bool]:
    """Values an assembler takes for an operand: r0 cannot be written, nor two predicates that are one, and so on."""
    if name == "r1":
        return lambda value: value != 0
    if name == "f1":
        return lambda value: value > 1
    if name == "ar3":
        return (lambda value: 64 <= value < 112) if opcode.format in I_UNIT_ONLY else (lambda value: value < 48)
    return lambda _: True


def values(opcode: Opcode, name: str) -> st.SearchStrategy[int]:
    field = FIELDS[name]
    if name == "ar3":  # vol. 2, table 3-1: each register belongs to one unit
        return st.integers(64, 111) if opcode.format in I_UNIT_ONLY else st.integers(0, 47)
    low, high = (-1 << field.bits - 1, 1 << field.bits - 1) if field.signed else (0, 1 << field.bits)
    if field.origin:
        low, high = (
            (field.origin - high + 1, field.origin + 1) if field.falling else (field.origin, field.origin + high)
        )
    step = 1 << field.shift
    numbers = st.integers(low // step, (high - 1) // step).map(lambda value: value * step)
    edges = st.sampled_from([low, max(low, 0), high - step])
    return st.one_of(numbers, edges).filter(allowed(opcode, name))


def is_legal(opcode: Opcode, operands: Mapping[str, int]) -> bool:
    if "p1" in operands and operands["p1"] == operands["p2"]:
        return False
    if "imm9load" in operands and operands["r1"] == operands["r3"]:
        return False
    return not (operands.keys() & {"imm9load", "imm9store"} and operands["r3"] == 0)


@st.composite
def instructions(draw: st.DrawFn, opcode: Opcode | None = None) -> tuple[Opcode, int, dict[str, int]]:
    """An instruction: opcode, qualifying predicate, operands."""
    chosen = draw(st.sampled_from(OPCODES)) if opcode is None else opcode
    predicate = 0 if chosen.format in UNPREDICATED else draw(st.integers(0, 63))
    names = FORMATS[chosen.format].operands
    operands = draw(
        st.fixed_dictionaries({name: values(chosen, name) for name in names}).filter(lambda o: is_legal(chosen, o))
    )
    return chosen, predicate, operands


def placed(opcode: Opcode, unit: str, word: int, stop: bool) -> bytes:
    if opcode.class_name in LAST_IN_GROUP:
        return bundle("MMI", word, NOP["M"], NOP["I"], stop=stop, stop_behind_first=True)
    units = PLACES[unit]
    slots = ["M", "X"] if units == "MLX" else list(units)
    words = [NOP[slot] for slot in slots]
    words[len(slots) - 1 - slots[::-1].index(unit)] = word
    return bundle(units, *words, stop=stop)


def texts_agree(ours: str, theirs: str, va: int) -> bool:
    """Whether objdump's spelling of a branch target, `0x...` from the start of the file, is ours relative to it."""
    match = re.search(r"\. \+ (-?0x[0-9a-f]+)$", ours)
    return match is None or re.split(r"[ =]", theirs)[-1] == f"{(va + int(match[1], 16)) % (1 << 64):#x}"


def check(cases: list[tuple[Opcode, int, dict[str, int]]]) -> None:
    encoded: list[bytes] = []
    listing: list[str] = []
    for opcode, predicate, operands in cases:
        word = encode(opcode.assembly, predicate, **operands)
        for unit in FORMATS[opcode.format].units:
            read = decode(unit, word)
            assert read is not None
            assert (read.opcode, read.predicate, read.operands) == (opcode, predicate, operands)
            code = placed(opcode, unit, word, stop=len(encoded) % 2 == 0 or opcode.format in UNPREDICATED)
            assert join(split(code)) == code
            encoded.append(code)
            listing.append(read.text)
    # Ours -> GNU as -> the same bytes.
    text = "\n".join("1: " + IA64.text(code, 0).replace(". + ", "1b + ") for code in encoded)
    assembled = assemble_text(f".text\n{text}\n{END}\n")
    for number, (ours, code) in enumerate(zip(listing, encoded, strict=True)):
        assert (ours, assembled[number * BUNDLE_LEN : (number + 1) * BUNDLE_LEN].hex()) == (ours, code.hex())
    # Our bytes -> objdump -> GNU as -> the same bytes. A branch target is compared as a number instead.
    again, kept = [], []
    objdumped = disassemble_bytes(b"".join(encoded))
    for number, (code, ours, (units, slots)) in enumerate(zip(encoded, listing, objdumped, strict=True)):
        assert all(" " in words or words in ONE_WORD for words, _ in slots), slots
        index = [n for n, (words, _) in enumerate(slots) if not words.startswith("nop")]
        if ". + " in ours:
            assert texts_agree(ours, slots[index[0]][0], number * BUNDLE_LEN), (ours, slots)
            continue
        body = "\n".join(words + (" ;;" if stop else "") for words, stop in slots)
        again.append(f"{{ .{units.lower()}\n{body}\n}}")
        kept.append(code)
    assembled = assemble_text(".text\n" + "\n".join(again) + f"\n{END}\n")
    for number, (theirs, code) in enumerate(zip(again, kept, strict=True)):
        assert (theirs, assembled[number * BUNDLE_LEN : (number + 1) * BUNDLE_LEN].hex()) == (theirs, code.hex())


ONE_WORD = {"rfi", "cover", "bsw.0", "bsw.1", "vmsw.0", "vmsw.1", "epc", "mf", "srlz.d", "srlz.i"} | {
    f"(p{n}) {word}" for n in range(1, 64) for word in ("srlz.d", "srlz.i", "mf")
}


@pytest.mark.parametrize("opcode", OPCODES, ids=lambda opcode: opcode.assembly)
def test_every_instruction_over_its_operands(opcode: Opcode) -> None:
    @settings(deadline=None, max_examples=6, phases=(Phase.explicit, Phase.generate))
    @given(st.lists(instructions(opcode), min_size=1, max_size=12))
    def run(cases: list[tuple[Opcode, int, dict[str, int]]]) -> None:
        check(cases)

    run()


def one_bit_at_a_time(opcode: Opcode) -> list[tuple[Opcode, int, dict[str, int]]]:
    """Each stored bit of each operand alone, all others as near zero as an assembler takes them."""
    names = FORMATS[opcode.format].operands
    base = {
        name: {"r1": 1, "f1": 2, "p2": 1, "ar3": 64 if opcode.format in I_UNIT_ONLY else 0}.get(
            name, FIELDS[name].read(0)
        )
        for name in names
    }
    if {"imm9load", "imm9store"} & set(names):
        base["r3"] = 2
    cases = [(opcode, 0, base)]
    for name in names:
        field = FIELDS[name]
        for bit in range(field.shift, field.bits):
            value = -(1 << bit) if field.signed and bit == field.bits - 1 else 1 << bit
            value = field.origin - value if field.falling else field.origin + value
            operands = {**base, name: value}
            if allowed(opcode, name)(value) and is_legal(opcode, operands):
                cases.append((opcode, 0, operands))
    if opcode.format not in UNPREDICATED:
        cases += [(opcode, 1 << bit, base) for bit in range(6)]
    return cases


def test_every_bit_of_every_operand() -> None:
    check([case for opcode in OPCODES for case in one_bit_at_a_time(opcode)])


def test_every_template() -> None:
    nops = {"M": NOP["M"], "I": NOP["I"], "F": NOP["F"], "B": NOP["B"], "X": NOP["X"]}
    for number in range(32):
        if number not in TEMPLATES:
            with pytest.raises(LinkError, match="no bundle"):
                split(bytes([number]) + bytes(15))
            continue
        template = TEMPLATES[number]
        one = Bundle(template, ())
        code = join(Bundle(template, tuple(nops[unit] for unit in one.units)))
        ((units, slots),) = disassemble_bytes(code)
        assert units == template.units
        assert [words for words, _ in slots] == [f"nop.{unit.lower()} 0x0" for unit in one.units]
        assert all(
            word.is_nop for unit, slot in zip(one.units, split(code).slots, strict=True) if (word := decode(unit, slot))
        )
        last = len(slots) - 1
        assert [n if n < last else 2 for n, (_, stop) in enumerate(slots) if stop] == list(template.stops)


def test_every_class_has_an_instruction() -> None:
    names = {opcode.class_name for opcode in OPCODES} - {"", "ar"}
    for register in (0, 7, 44, 45):
        for assembly, operands in (
            ("mov.m {r1}={ar3}", {"r1": 1}),
            ("mov.m {ar3}={r2}", {"r2": 1}),
            ("mov.m {ar3}={imm8}", {"imm8": 1}),
        ):
            read = decode("M", encode(assembly, ar3=register, **operands))
            assert read is not None
            names.add(read.class_name)
    assert names == {row.name for row in CLASSES}
    read = decode("M", encode("mov.m {r1}={ar3}", r1=1, ar3=16))
    assert read is not None
    assert read.class_name == ""  # ar.rsc


@pytest.mark.parametrize(
    ("assembly", "name", "value"),
    [
        ("br.cond{wh}{ph}{dh} {target25}", "target25", 1 << 24),
        ("br.cond{wh}{ph}{dh} {target25}", "target25", -(1 << 24) - 16),
        ("br.cond{wh}{ph}{dh} {target25}", "target25", 8),
        ("brl.cond{wh}{ph}{dh} {target64}", "target64", 1 << 63),
        ("brl.cond{wh}{ph}{dh} {target64}", "target64", 1),
        ("ssm {imm24}", "imm24", 1 << 24),
        ("ssm {imm24}", "imm24", -1),
        ("break.m {imm21}", "imm21", 1 << 21),
        ("mov.m {ar3}={imm8}", "imm8", 128),
    ],
)
def test_what_does_not_fit_is_an_error(assembly: str, name: str, value: int) -> None:
    given_operands = {"ar3": 0} if "ar3" in assembly else {}
    with pytest.raises(LinkError, match=f"operand {name} does not fit"):
        encode(assembly, **given_operands, **{name: value})


def test_rfi_takes_no_predicate() -> None:
    with pytest.raises(LinkError, match="takes no predicate"):
        encode("rfi", 6)


def test_decoding_a_site() -> None:
    code = assemble_text("{ .mfi; (p6) mov r31=cr.ipsr; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0;; }\n")
    read = IA64.decode(code, 0x1000)
    assert (read.class_name, read.predicate, read.slot, read.registers, read.length) == (
        "mov_from_cr",
        6,
        0,
        (31, 16),
        16,
    )
    assert read.text == "(p6) mov r31=cr.ipsr"
    assert IA64.is_padding(code[16:])


NOT_SITES = {
    "no stop": "{ .mfi; ssm 2; nop.f 0; nop.i 0 }",
    "a stop inside": "{ .mii; ssm 2; nop.i 0;; nop.i 0;; }",
    "two": "{ .mmi; ssm 2; srlz.d; nop.i 0;; }",
    "something beside it": "{ .mfi; ssm 2; nop.f 0; add r1=r2,r3;; }",
    "a nop with a number": "{ .mfi; ssm 2; nop.f 0; nop.i 1;; }",
    "not sensitive": "{ .mfi; sum 2; nop.f 0; nop.i 0;; }",
    "only nops": "{ .mfi; nop.m 0; nop.f 0; nop.i 0;; }",
    "an unprivileged register": "{ .mfi; mov.m r2=ar.rsc; nop.f 0; nop.i 0;; }",
}


@pytest.mark.parametrize("name", NOT_SITES)
def test_what_is_no_site(name: str) -> None:
    with pytest.raises(LinkError):
        IA64.decode(assemble_text(f"{NOT_SITES[name]}\n{END}\n")[:BUNDLE_LEN], 0)


@pytest.mark.parametrize(("va", "length"), [(8, 16), (0, 8), (0, 24), (0, 0)])
def test_sites_are_made_of_bundles(va: int, length: int) -> None:
    code = (bundle("MFI", encode("srlz.d"), NOP["F"], NOP["I"], stop=True) * 2)[:length]
    with pytest.raises(LinkError, match="not made of bundles"):
        IA64.decode(code, va)


def test_the_verifier_sees_targets_and_wide_immediates() -> None:
    branch = bundle("MLX", NOP["M"], encode("brl.cond{wh}{ph}{dh} {target64}", target64=-0x20), stop=True)
    wide = bundle("MLX", NOP["M"], encode("movl {r1}={imm64}", r1=8, imm64=0xA000000000000010), stop=False)
    padding = IA64.padding(32)
    decoded = IA64.disassemble(branch + wide + padding, 0x1000)
    assert [one.references for one in decoded] == [((0, 0xFE0),), ((0, 0xA000000000000010),), (), ()]
    assert [one.is_nop for one in decoded] == [False, False, True, True]
    assert {units for units, _ in disassemble_bytes(padding)} == {"MFI"}


def test_fill_of_unused_text_traps() -> None:
    ((_, slots),) = disassemble_bytes(IA64.trap_fill(BUNDLE_LEN))
    assert [words for words, _ in slots] == ["break.m 0x0", "break.i 0x0", "break.i 0x0"]
    assert FIELDS["imm21"].kind is OperandKind.UNSIGNED


def test_the_class_table_and_the_opcodes_agree() -> None:
    """A word is of one class in the afterburner's eyes and in the decoder's; no class lacks its words or its bits."""
    words: dict[str, set[str]] = {}
    for opcode in SENSITIVE:
        numbers = dict.fromkeys(FORMATS[opcode.format].operands, 0)
        for application_register in KERNEL_REGISTERS if opcode.class_name == "ar" else (0,):
            instruction = Operation(opcode, 0, numbers | ({"ar3": application_register} if "ar3" in numbers else {}))
            statement = Statement(instruction.text.encode(), 0, len(instruction.text))
            assert statement.class_name == instruction.class_name, instruction.text
            words.setdefault(instruction.class_name, set()).add(statement.word.decode())
    for row in CLASSES:
        by_operand = {"mov", "mov.m"}
        any_unit = {"break"} if row.name == "break" else set()  # GNU as chooses the unit
        assert words.get(row.name, set()) - by_operand | any_unit == set(row.words.split()), row.name
