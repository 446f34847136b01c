"""Which registers are free at a site: proved dead by following the code from there, in this text alone.

A backward data-flow over all statements. A register is dead where every path writes it before reading it. What is not
understood (an unknown mnemonic, an indirect branch, the end of the text) reads everything. In a compiler's own code,
calls and returns follow the psABI (Itanium Software Conventions and Runtime Architecture Guide, register usage): r2,
r3, r14-r31 and p6-p15 are scratch. That holds for calls inside one file too as long as the compiler does not allocate
by what the callee uses (GCC: -fno-ipa-ra, docs/ia64.md).
"""

from __future__ import annotations

import re

from linker.sites.ia64.classes import SCRATCH_GENERAL, SCRATCH_PREDICATES

TYPE_CHECKING = False  # `typing` is not worth its start-up time here
if TYPE_CHECKING:
    from afterburner.ia64.statements import Statement

P = 32  # bit of predicate register 0; bits below are the static general registers
EVERYTHING = (1 << P + 64) - 1
PREDICATES = ((1 << 64) - 1) << P
BANKED = 0xFFFF0000
CALL_SCRATCH = sum(1 << n for n in (2, 3, 9, 10, 11, *range(14, 32))) | 0x3FF << P + 6
RETURN_SCRATCH = CALL_SCRATCH & ~(7 << 9)

_REGISTER = re.compile(rb"(?<![\w.$@\\#])(?:(r|p)(\d{1,3})|(ret[0-3])|(pr)(?:\.rot)?)(?![\w$@\\#:])")
_WORDS = re.compile(rb"(?<![\w.$@\\#])[rp][a-z]*\d*(?![\w$@\\#:])")
_PLAIN = re.compile(
    rb"(?:adds?|addl|addp4|sub|and|andcm|x?or|shladd|shladdp4|shl|shr|shrp|extr|dep|movl?|mux[12]|s?xt[124]|zxt[124]|sxt[124]"
    rb"|czx[12]|popcnt|clz|mpy4|mpyshl4|pack[24]|unpack[124]|mix[124]|p(?:add|sub|avg|min|max|cmp|mpy|shl|shr|sad)\w*|cmp4?|tbit|tnat|tf"
    rb"|ld[1248]|ld16|ld(?:f\w*)|st[1248]|st16|st(?:f\w*)|lfetch|xchg[1248]|cmpxchg\w*|fetchadd[48]|mf|setf|getf|fc|nop|hint|alloc|sum|rum"
    rb"|ssm|rsm|srlz|sync|itc|itr|ptc|ptr|probe|tpa|tak|thash|ttag|cover|flushrs|loadrs|clrrrb|invala"
    rb"|f(?:ma|ms|nma|add|sub|mpy|norm|abs|neg|negabs|cvt|merge|min|max|amin|amax|cmp|class|rcpa|rsqrta|and|andcm|or|xor|mix|sxt"
    rb"|pack|swap|select|setc|clrf|chkf)|fp\w+|xma|xmpy|chk)(?:\.[\w.]*)?$"
)
_BRANCH = re.compile(rb"(brl?)(?:\.(\w+))?")
_CONDITIONAL_ASSEMBLY = re.compile(rb"(?m)^[ \t]*(?:\.(?:if|macro|rept|irp|rot[rp]|reg)|[\w.$]+[ \t]*==?[ \t]*[rp]\d)")
_PARALLEL = re.compile(rb"\.(?:and|or)")


def is_predictable(text: bytes) -> bool:
    """Whether what the text says is what is assembled: no conditions, macros or renamed registers in it."""
    return _CONDITIONAL_ASSEMBLY.search(text) is None


def registers(operands: bytes) -> int:
    """The registers named in operands, as bits."""
    mask = 0
    for match in _REGISTER.finditer(operands):
        if match[3]:
            mask |= 1 << 8 + int(match[3][3:])
        elif match[4]:
            mask |= PREDICATES
        elif int(match[2]) < (32 if match[1] == b"r" else 64):
            mask |= 1 << int(match[2]) + (P if match[1] == b"p" else 0)
    return mask


def registers_named(text: bytes) -> int:
    """The registers named anywhere in a long text."""
    return registers(b" ".join(set(_WORDS.findall(text))))


class Effect:
    """What one statement reads and surely writes, where it may go, and whether it goes on to the next."""

    def __init__(self, statement: Statement, compiled: bool) -> None:
        self.reads = registers(statement.predicate)
        self.writes = 0
        self.target = b""
        self.falls = True
        always = statement.predicate in (b"", b"p0")
        branch = _BRANCH.match(statement.word)
        if branch is not None:
            self._branch(branch[2] or b"cond", statement.operands, always, compiled)
            return
        if not _PLAIN.match(statement.word) or (statement.tag and not compiled):
            self.reads = EVERYTHING  # a tag may be an entry of an exception table: a way out that is not seen here
            return
        if statement.word.startswith(b"chk."):
            self.target = statement.operands.rpartition(b",")[2].strip().rstrip(b"#")
        target, equals, source = statement.operands.partition(b"=")
        if not equals:
            self.reads |= registers(target)
            return
        self.reads |= registers(source)
        written = registers(re.sub(rb"\[[^\]]*\]", b"", target))
        self.reads |= registers(target) & ~written
        if target.strip().startswith(b"pr"):
            return  # some of the predicates, as a mask says
        if _PARALLEL.search(statement.word):
            self.reads |= written
        elif always:
            self.writes = written

    def _branch(self, kind: bytes, operands: bytes, always: bool, compiled: bool) -> None:
        if kind == b"call":
            if compiled:
                self.writes = CALL_SCRATCH if always else 0
                self.reads |= EVERYTHING & ~CALL_SCRATCH
            else:
                self.reads = EVERYTHING
            return
        self.falls = not (always and kind in (b"cond", b"few", b"many", b"sptk", b"spnt", b"dptk", b"dpnt", b"ret"))
        if kind == b"ret":
            self.reads |= EVERYTHING & ~RETURN_SCRATCH if compiled else EVERYTHING
        elif re.match(rb"b[0-7]\b|rp\b", operands) or kind == b"ia":
            self.reads = EVERYTHING
        else:
            self.target = operands.rstrip(b"#")


class Liveness:
    """Live registers behind every statement of a text. `breaks`: statements that the next does not follow in memory."""

    def __init__(self, statements: list[Statement], compiled: list[bool], breaks: set[int]) -> None:
        self._statements = statements
        count = len(statements)
        where: dict[bytes, list[int]] = {}
        for index, statement in enumerate(statements):
            for label in statement.labels:
                where.setdefault(label, []).append(index)
        effects = []
        targets: list[int | None] = []
        for index, statement in enumerate(statements):
            is_code = statement.word and not statement.word.startswith(b".")
            effect = Effect(statement, compiled[index]) if is_code else None
            if effect is not None and statement.word.startswith(b"bsw"):
                effect.reads = EVERYTHING
            effects.append(effect)
            targets.append(None if effect is None or not effect.target else _find(where, effect.target, index))
        live_in = [0] * count
        self.live_out = [0] * count
        changed = True
        while changed:
            changed = False
            for index in range(count - 1, -1, -1):
                effect = effects[index]
                following = live_in[index + 1] if index + 1 < count and index not in breaks else EVERYTHING
                live = following if effect is None or effect.falls else 0
                if effect is not None and effect.target:
                    target = targets[index]
                    live |= EVERYTHING if target is None else live_in[target]
                self.live_out[index] = live
                if effect is not None:
                    live = live & ~effect.writes | effect.reads
                if live != live_in[index]:
                    live_in[index] = live
                    changed = True

    def dead(self, index: int, fixed: int) -> int:
        """The registers that nothing reads behind the statement at `index`; `fixed`: those free by agreement."""
        if self._statements[index].word.startswith(b"break"):
            return 0  # whoever gets control may look at any register
        return EVERYTHING & ~self.live_out[index] | fixed


def scratch_word(statement: Statement, free: int) -> int:
    """Registers free at a site, as `.afterburn.info` counts them: those of `free` that the instruction does not use."""
    free &= ~(registers(statement.operands) | registers(statement.predicate))
    if statement.word == b"rfi":
        free = 0  # the code it returns to has its own registers by now, whatever a directive above says
    if statement.word.startswith(b"bsw"):
        free &= ~BANKED
    word: int = sum(1 << n for n in SCRATCH_GENERAL if free >> n & 1)
    for bit, pair in SCRATCH_PREDICATES.items():
        if all(free >> P + n & 1 for n in pair):
            word |= 1 << bit
    return word


def _find(where: dict[bytes, list[int]], target: bytes, index: int) -> int | None:
    local = re.fullmatch(rb"(\d+)([bf])", target)
    if local is None:
        found = where.get(target, [])
        return found[0] if len(found) == 1 else None
    places = where.get(local[1], [])
    if local[2] == b"f":
        return next((place for place in places if place > index), None)
    return next((place for place in reversed(places) if place <= index), None)
