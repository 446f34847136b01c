"""Translation of loads, stores, semaphores, prefetches and moves to and from floating-point registers.

An aligned access to RAM that a page map already knows is made in line; everything else goes through the machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linker.sites.ia64.isa.fields import FETCHADD_INCREMENTS
from simulator.registers import ISR_R, ISR_W
from simulator.translate.emitter import M64

if TYPE_CHECKING:
    from collections.abc import Callable

    from linker.sites.ia64.isa.decoder import SlotInstruction
    from simulator.translate.emitter import Emitter

_READ, _WRITE, _BOTH = hex(ISR_R), hex(ISR_W), hex(ISR_R | ISR_W)

_SHIFTS = {1: "", 2: " >> 1", 4: " >> 2", 8: " >> 3"}


def read_text(address: str, size: int) -> str:
    """Return the expression that reads size bytes at the address in a local variable."""
    aligned = f"not {address} & {size - 1} and " if size > 1 else ""
    fast = f"M{size}[(RD[{address} >> 12] | {address} & 4095){_SHIFTS[size]}]"
    return f"{fast} if {aligned}{address} >> 12 in RD else load({address}, {size})"


def _write(out: Emitter, address: str, value: str, size: int) -> None:
    aligned = f"not {address} & {size - 1} and " if size > 1 else ""
    out.line(
        f"if {aligned}{address} >> 12 in WR: M{size}[(WR[{address} >> 12] | {address} & 4095){_SHIFTS[size]}] = {value}"
    )
    out.line(f"else: store({address}, {value}, {size})")


def _update(out: Emitter, insn: SlotInstruction) -> None:
    """Post-increment the base register."""
    ops = insn.ops
    base = ops["r3"]
    if "imm9ld" in ops or "imm9st" in ops:
        increment = ops.get("imm9ld", ops.get("imm9st", 0))
        out.line(f"{out.gr(base)} = (a + {increment}) & {M64}")
    elif insn.shape.endswith(",r2"):
        out.line(f"{out.gr(base)} = (a + {out.gr(ops['r2'])}) & {M64}")
        out.set_nat(base, base, ops["r2"])
    elif insn.shape.endswith((",8", ",16")):
        out.line(f"{out.gr(base)} = (a + {insn.shape.rpartition(',')[2]}) & {M64}")


def _updates(insn: SlotInstruction) -> bool:
    return insn.shape.endswith((",r2", ",imm9ld", ",imm9st", ",8", ",16")) and not insn.key.startswith(("cmp", "xchg"))


def _check_targets(out: Emitter, insn: SlotInstruction, *registers: int) -> None:
    base = insn.ops["r3"]
    targets = [*registers, *([base] if _updates(insn) else [])]
    if targets:
        out.target(*targets)
    if _updates(insn) and base in registers:
        out.line("raise illegal()")


def _became_nat(out: Emitter) -> None:
    if not out.nats:
        out.line("m.cpu.note_nat()")
        out.leave()


def emit_load(out: Emitter, insn: SlotInstruction) -> None:
    """Translate the integer loads. There is no ALAT: an advanced load is a load, a check load loads again."""
    ops = insn.ops
    match = re.fullmatch(r"ld(\d+)(.*)", insn.key)
    assert match is not None
    size, kind = int(match[1]), match[2]
    _check_targets(out, insn, ops["r1"])
    speculative = kind in {".s", ".sa"}
    out.line(f"a = {out.gr(ops['r3'])}")
    target = out.gr(ops["r1"])
    if speculative:
        if out.nats:
            out.line(f"x = None if {out.nat(ops['r3'])} else load_speculative(a, {size})")
        else:
            out.line(f"x = load_speculative(a, {size})")
        _update(out, insn)
        out.line("if x is None:")
        out.indent += 1
        out.line(f"{target} = 0")
        out.line(f"{out.nat(ops['r1'])} = 1")
        _became_nat(out)
        out.indent -= 1
        out.line("else:")
        out.indent += 1
        out.line(f"{target} = x")
        out.set_nat(ops["r1"])
        out.indent -= 1
        return
    out.consume(ops["r3"], access=_READ)
    if size == 16:
        out.line(f"{target}, AR[25] = load16(a)")
        out.set_nat(ops["r1"])
        return
    out.line(f"x = {read_text('a', size)}")
    _update(out, insn)  # before the target: the increment may be the same register
    out.line(f"{target} = x")
    if kind != ".fill":
        out.set_nat(ops["r1"])
        return
    out.line("t = AR[36] >> (a >> 3 & 63) & 1")
    if out.nats:
        out.line(f"{out.nat(ops['r1'])} = t")
        return
    out.line("if t:")
    out.indent += 1
    out.line(f"{out.nat(ops['r1'])} = 1")
    _became_nat(out)
    out.indent -= 1


def emit_store(out: Emitter, insn: SlotInstruction) -> None:
    """Translate the integer stores."""
    ops = insn.ops
    match = re.fullmatch(r"st(\d+)(.*)", insn.key)
    assert match is not None
    size, kind = int(match[1]), match[2]
    _check_targets(out, insn)
    spill = kind == ".spill"
    out.consume(ops["r3"], *([] if spill else [ops["r2"]]), access=_WRITE)
    out.line(f"a = {out.gr(ops['r3'])}")
    value = out.gr(ops["r2"])
    if size == 16:
        out.line(f"store16(a, {value}, AR[25])")
        return
    if size < 8:
        value = f"{value} & {(1 << 8 * size) - 1:#x}"
    _write(out, "a", value, size)
    if spill:
        nat = out.nat(ops["r2"]) if out.nats else "0"
        out.line(f"t = a >> 3 & 63; AR[36] = AR[36] & ~(1 << t) | {nat} << t")
    _update(out, insn)


def emit_semaphore(out: Emitter, insn: SlotInstruction) -> None:
    """Translate cmpxchg, cmp8xchg16, xchg and fetchadd."""
    ops = insn.ops
    out.target(ops["r1"])
    out.consume(ops["r3"], *([ops["r2"]] if "r2" in ops else []), access=_BOTH)
    base = out.gr(ops["r3"])
    family = insn.key.partition(".")[0]
    if family == "cmp8xchg16":
        value = f"compare_exchange16({base}, {out.gr(ops['r2'])}, AR[25], AR[32])"
    elif family.startswith("cmpxchg"):
        value = f"compare_exchange({base}, {out.gr(ops['r2'])}, AR[32], {family[7:]})"
    elif family.startswith("xchg"):
        value = f"exchange({base}, {out.gr(ops['r2'])}, {family[4:]})"
    else:
        value = f"fetch_add({base}, {FETCHADD_INCREMENTS[ops['inc3']]}, {family[8:]})"
    out.set_gr(ops["r1"], value)


_FLOAT_SIZES = {"ldfs": 4, "ldfd": 8, "ldf8": 8, "ldfe": 10, "ldf": 16, "ldfps": 4, "ldfpd": 8, "ldfp8": 8}


def emit_float_load(out: Emitter, insn: SlotInstruction) -> None:
    """Translate ldf and ldfp."""
    ops = insn.ops
    family, _, kind = insn.key.partition(".")
    size = _FLOAT_SIZES[family]
    targets = [ops[name] for name in ("f1", "f2") if name in ops]
    _check_targets(out, insn)
    out.fp_target(*targets)
    out.fp_used(*targets)
    if len(targets) == 2 and (targets[0] < 32) == (targets[1] < 32) and targets[0] % 2 == targets[1] % 2:
        out.line("raise illegal()")
    convert = {"ldfs": "from_single", "ldfd": "from_double", "ldf8": "from_integer", "ldfe": "from_extended"}
    form = "from_spilled" if family == "ldf" else convert[family.replace("fp", "f")]
    speculative = kind in {"s", "sa"}
    if speculative and out.nats:
        out.line(f"a = {out.gr(ops['r3'])} if not {out.nat(ops['r3'])} else -1")
    else:
        out.consume(ops["r3"], access=_READ)
        out.line(f"a = {out.gr(ops['r3'])}")
    out.line(f"x = load_float(a, {size}, {len(targets)}, {speculative})")
    for index, target in enumerate(targets):
        out.line(f"{out.fr(target)} = NATVAL if x is None else {form}(x[{index}])")
    out.fp_written(*targets)
    if speculative and out.nats:
        out.line(f"a = {out.gr(ops['r3'])}")
    _update(out, insn)


def emit_float_store(out: Emitter, insn: SlotInstruction) -> None:
    """Translate stf."""
    ops = insn.ops
    _check_targets(out, insn)
    out.fp_used(ops["f2"])
    out.consume(ops["r3"], access=_WRITE)
    out.line(f"a = {out.gr(ops['r3'])}")
    out.line(f"x = {out.fr(ops['f2'])}")
    if insn.key == "stf.spill":
        out.line("store_float(a, x, 16)")
    else:
        out.line(f"if x == NATVAL: raise nat_consumption({_WRITE})")
        form, size = {
            "stfs": ("to_single", 4), "stfd": ("to_double", 8), "stf8": ("to_integer", 8), "stfe": ("to_extended", 10),
        }[insn.key]  # fmt: skip
        out.line(f"store_float(a, {form}(x), {size})")
    _update(out, insn)


def emit_prefetch(out: Emitter, insn: SlotInstruction) -> None:
    """Translate lfetch: only .fault can fault."""
    ops = insn.ops
    _check_targets(out, insn)
    out.line(f"a = {out.gr(ops['r3'])}")
    if ".fault" in insn.key:
        out.consume(ops["r3"], access=hex(ISR_R))
        out.line("prefetch(a)")
    _update(out, insn)


def emit_setf(out: Emitter, insn: SlotInstruction) -> None:
    """Translate setf; a NaT gives NaTVal."""
    ops = insn.ops
    out.fp_target(ops["f1"])
    out.fp_used(ops["f1"])
    form = {"sig": "from_integer", "exp": "from_exponent", "s": "from_single", "d": "from_double"}[insn.key[5:]]
    nat = f"NATVAL if {out.nat(ops['r2'])} else " if out.nats else ""
    out.line(f"{out.fr(ops['f1'])} = {nat}{form}({out.gr(ops['r2'])})")
    out.fp_written(ops["f1"])


def emit_getf(out: Emitter, insn: SlotInstruction) -> None:
    """Translate getf; NaTVal gives a NaT."""
    ops = insn.ops
    out.target(ops["r1"])
    out.fp_used(ops["f2"])
    form = {"sig": "to_integer", "exp": "to_exponent", "s": "to_single", "d": "to_double"}[insn.key[5:]]
    out.line(f"x = {out.fr(ops['f2'])}")
    out.line(f"{out.gr(ops['r1'])} = {form}(x)")
    if out.nats:
        out.line(f"{out.nat(ops['r1'])} = x == NATVAL")
        return
    out.line("if x == NATVAL:")
    out.indent += 1
    out.line(f"{out.nat(ops['r1'])} = 1")
    _became_nat(out)
    out.indent -= 1


def emitter_for(insn: SlotInstruction) -> Callable[[Emitter, SlotInstruction], None] | None:
    """Return what translates an instruction of this page, or None if it is not one."""
    key = insn.key
    for pattern, emit in (
        (r"ld\d.*", emit_load),
        (r"st\d.*", emit_store),
        (r"(cmpxchg|cmp8xchg|xchg|fetchadd)\d.*", emit_semaphore),
        (r"ldf.*", emit_float_load),
        (r"stf.*", emit_float_store),
        (r"lfetch.*", emit_prefetch),
        (r"setf\..*", emit_setf),
        (r"getf\..*", emit_getf),
    ):
        if re.fullmatch(pattern, key):
            return emit
    return None
