"""Which entries of an interface module serve which operation class: data, from the modules' own documentation.

The sources are the comments in `linker/hypervisors/<target>/src*/`, docs/lol.md, docs/xen.md, docs/xen-ia64.md and
docs/vnuma-abi.md; not the bindings, which are what is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linker.quick.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Serving(NamedTuple):
    """The entries of one module.

    direct     class -> entry that a site of it may branch to itself. A key "class/N" is for register operand or
               operand size N alone and goes before "class"
    behind     form -> entry that a stub of such a site ends in, whatever its class; it takes the table row's word
    tells      form -> words that a stub of such a site must set for the module
    called     class -> entries that a stub of such a site may call on its way back to the site
    words      class -> (exported words, offset, step) an inline form works on: step times the control register's number
    traps      instructions that may stand in a site's place and go to the module: bytes
    """

    direct: Mapping[str, str] = {}
    behind: Mapping[str, str] = {}
    tells: Mapping[str, tuple[str, ...]] = {}
    called: Mapping[str, str] = {}
    words: Mapping[str, tuple[str, int, int]] = {}
    traps: tuple[bytes, ...] = ()


VCPU_WORDS = {"cli": ("vcpu_vif_word", 1, 0), "mov_from_cr": ("vcpu_cr", 0, 8)}
INT_80 = b"\xcd\x80"
UD2 = b"\x0f\x0b"

# (target, architecture)
SERVING = {
    ("lol", "x86_64"): Serving(
        direct={"sti": "lol_sti", "hlt": "lol_hlt", "pushf/64": "lol_pushfq", "popf/64": "lol_popfq"},
        behind={"call": "lol_emulate_call", "jump": "lol_emulate_jump"},
        tells={"call": ("lol_row",), "jump": ("lol_row", "lol_site_start")},
        words=VCPU_WORDS,
        traps=(UD2,),
    ),
    ("lol", "i386"): Serving(
        direct={"sti": "lol_sti", "hlt": "lol_hlt", "pushf/32": "lol_pushf", "popf/32": "lol_popf"},
        behind={"call": "lol_emulate_call", "jump": "lol_emulate_jump"},
        tells={"call": ("lol_row",), "jump": ("lol_row", "lol_site_start")},
        words=VCPU_WORDS,
    ),
    ("xen", "x86_64"): Serving(
        direct={"sti": "xen_sti", "pushf/64": "xen_pushfq", "popf/64": "xen_popfq"}, words=VCPU_WORDS, traps=(INT_80,)
    ),
    ("lol", "ia64"): Serving(),
    # Control registers by number (SDM vol. 2, table 3-3): 2 iva, 24 iim, 65 ivr, 66 tpr, 67 eoi, 68 to 71 irr.
    ("xen", "ia64"): Serving(
        called={
            "mov_to_cr/2": "xen_set_iva",
            "mov_to_cr/66": "xen_set_tpr",
            "mov_to_cr/67": "xen_eoi",
            "mov_from_cr/24": "xen_get_iim",
            "mov_from_cr/65": "xen_get_ivr",
            "mov_from_cr/68": "xen_get_irr",
            "mov_from_cr/69": "xen_get_irr",
            "mov_from_cr/70": "xen_get_irr",
            "mov_from_cr/71": "xen_get_irr",
            "break": "xen_simulator_call",
        }
    ),
    ("vnuma", "ia64"): Serving(called={"break": "vnuma_simulator_call"}),
    ("bare", "x86_64"): Serving(),
    ("bare", "i386"): Serving(),
    ("bare", "ia64"): Serving(),
}
# The operand in a key: of these classes the control register, of others the operand size in bits.
CONTROL_OPERAND = {"mov_to_cr": 0, "mov_from_cr": 1}
