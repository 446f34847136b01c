"""Memory shared by guests on several nodes: locks, atomics, false sharing, ordering, random accesses."""

import random
from collections import defaultdict
from pathlib import Path

import pytest
from vnuma_guests import BOOT, SUCCESS, put, run

ROUNDS = 40


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_a_counter_under_a_lock_and_an_atomic_one(tmp_path: Path, nodes: int) -> None:
    result = run(
        tmp_path,
        BOOT
        + f"""
cpu_main:
        movl r21=lock
        movl r22=counter
        movl r23=atomic
        movl r24=slots
        mov r25={ROUNDS} ;;
        shladd r24=r20,3,r24            // each processor its own word of one page
        mov ar.ccv=r0 ;;
next:   mov r14=1 ;;
1:      cmpxchg4.acq r15=[r21],r14,ar.ccv ;;
        cmp4.ne p6,p7=0,r15 ;;
(p6)    br.cond.spnt.few 1b
        ld8 r15=[r22] ;;
        adds r15=1,r15 ;;
        st8 [r22]=r15 ;;
        st4.rel [r21]=r0
        fetchadd8.acq r15=[r23],4
        ld8 r16=[r24] ;;
        adds r16=1,r16
        adds r25=-1,r25
        mov r17=300 ;;
        st8 [r24]=r16
2:      adds r17=-1,r17 ;;              // so that a node serves others many times in its rounds
        cmp.ne p6,p7=0,r17 ;;
(p6)    br.cond.sptk.few 2b
        cmp.ne p6,p7=0,r25 ;;
(p6)    br.cond.sptk.few next
        br.cond.sptk.few finish ;;
all_done:
        movl r21=counter
        movl r23=atomic
        movl r24=slots
        mov r17=0 ;;
        ld8 r14=[r21]
        ld8 r15=[r23]
        movl r18=NODES*{ROUNDS} ;;
        cmp.ne p6,p7=r14,r18
        shladd r16=r18,2,r0 ;;
        cmp.ne p8,p9=r15,r16 ;;
(p6)    br.cond.spnt.few fail
(p8)    br.cond.spnt.few fail
1:      ld8 r14=[r24],8
        adds r17=1,r17 ;;
        cmp.ne p6,p7={ROUNDS},r14
        cmp.ne p8,p9=NODES,r17 ;;
(p6)    br.cond.spnt.few fail
(p8)    br.cond.sptk.few 1b
        mov r32=0 ;;
        break.m 0x1d0120 ;;
        .data
lock:   data8 0
        .balign 4096
counter: data8 0
        .balign 4096
atomic: data8 0
        .balign 4096
slots:  .skip 4096
""",
        nodes,
    )
    assert result.status == 0, result.errors
    if nodes == 1:
        assert not result.messages
    else:
        # Four pages a round; while one node has the lock the others may take its page from each other.
        assert 4 * nodes <= result.messages["page"] <= nodes * ROUNDS * 40
        assert result.messages["interrupt"] == nodes - 1


def test_ping_pong_takes_few_transfers_a_turn(tmp_path: Path) -> None:
    """Two nodes write a word in turn, and data on another page before it: who sees the turn sees the data."""
    turns = 100
    result = run(
        tmp_path,
        BOOT
        + f"""
cpu_main:
        movl r21=turn
        movl r22=data
        mov r23=r20 ;;                  // processor n has turns n, n + 2, ...
again:  ld8.acq r14=[r21] ;;
        cmp.ne p6,p7=r14,r23 ;;
(p6)    br.cond.spnt.few again
        ld8 r15=[r22] ;;
        cmp.ne p6,p7=r15,r23
        adds r15=1,r15
        adds r14=1,r23 ;;
(p6)    br.cond.spnt.few fail
        st8 [r22]=r15 ;;
        st8.rel [r21]=r14
        adds r23=2,r23 ;;
        movl r16={turns} ;;
        cmp.gt p6,p7=r16,r23 ;;
(p6)    br.cond.sptk.few again
        br.cond.sptk.few finish ;;
        .data
turn:   data8 0
        .balign 4096
data:   data8 0
        .text
"""
        + SUCCESS,
        2,
    )
    assert result.status == 0, result.errors
    # A turn: both pages read, then written; the one who waits may read the turn's page once more in between.
    assert turns <= result.messages["page"] <= turns * 6
    assert result.messages["invalidate"] + result.messages["send write"] <= turns * 6


WORDS = ("word0", "word1", "word2", "word3")  # the first two share a page
OPERATIONS = 60
Access = tuple[str, str, int, int]
"""Operation, word, value written (0: none), value seen (-1: not looked at)."""


def random_program(choose: random.Random, node: int) -> tuple[str, list[tuple[str, str, int]]]:
    """Assembly of random accesses, each value written once, what is seen logged at r29; and what they are."""
    lines, accesses = [], []
    for number in range(OPERATIONS):
        kind, word = choose.choice(["load", "load", "store", "exchange", "compare"]), choose.choice(WORDS)
        value = node << 16 | number + 1 if kind != "load" else 0
        lines.append(f"movl r14={word}\n movl r15={value} ;;")
        if kind == "load":
            lines.append("ld8 r16=[r14] ;;\n st8 [r29]=r16,8 ;;")
        elif kind == "store":
            lines.append("st8 [r14]=r15 ;;")
        elif kind == "exchange":
            lines.append("xchg8 r16=[r14],r15 ;;\n st8 [r29]=r16,8 ;;")
        else:
            lines.append(
                "ld8 r17=[r14] ;;\n mov ar.ccv=r17 ;;\n cmpxchg8.acq r16=[r14],r15,ar.ccv ;;\n st8 [r29]=r16,8 ;;\n"
                " st8 [r29]=r17,8 ;;"
            )
        if choose.random() < 0.5:
            count = choose.randrange(1, 400)
            lines.append(
                f"mov r18={count} ;;\n1: adds r18=-1,r18 ;;\n cmp.ne p6,p7=0,r18 ;;\n(p6) br.cond.sptk.few 1b ;;"
            )
        accesses.append((kind, word, value))
    return "\n ".join(lines), accesses


def accesses_seen(kinds: list[tuple[str, str, int]], log: list[int]) -> list[Access]:
    values = iter(log)
    seen: list[Access] = []
    for kind, word, value in kinds:
        if kind == "store":
            seen.append(("store", word, value, -1))
        elif kind == "compare":
            old, expected = next(values), next(values)
            seen.append(("load", word, 0, expected))
            seen.append(("exchange", word, value, old) if old == expected else ("load", word, 0, old))
        else:
            seen.append((kind, word, value, next(values)))
    return seen


def check_one_order(word: str, programs: list[list[Access]]) -> None:
    """There must be one order of all values of the word that every node's accesses follow; atomics have neighbours."""
    before: dict[int, set[int]] = defaultdict(set)
    neighbours: list[tuple[int, int]] = []
    for program in programs:
        last = 0
        for kind, where, written, seen in program:
            if where != word:
                continue
            for value in ([seen] if seen >= 0 else []) + ([written] if written else []):
                if value != last:
                    before[last].add(value)
                    last = value
            if kind == "exchange":
                neighbours.append((seen, written))
    firsts = [first for first, _ in neighbours]
    assert len(set(firsts)) == len(firsts), f"{word}: two atomic operations replaced the same value"
    changed = True
    while changed:
        changed = False
        for value in list(before):
            reached = set().union(*(before[other] for other in before[value])) if before[value] else set()
            for first, second in neighbours:
                if value == first:
                    continue
                if second in before[value] and value != second:
                    reached.add(first)
                if value == second and first in before:
                    reached |= before[first] - {second}
            for first, second in neighbours:
                if value == second:
                    reached |= before[first] - {second}
            if not reached <= before[value]:
                before[value] |= reached
                changed = True
    assert all(value not in later for value, later in before.items()), f"{word}: no order fits what the nodes saw"


@pytest.mark.parametrize(("nodes", "seed"), [(2, 1), (3, 2), (4, 3), (4, 4)])
def test_random_accesses_have_one_order_for_each_word(tmp_path: Path, nodes: int, seed: int) -> None:
    choose = random.Random(seed)
    programs = [random_program(choose, node) for node in range(nodes)]
    source = BOOT + "cpu_main:\n movl r29=logs\n shl r14=r20,12 ;;\n add r29=r29,r14\n"
    for node in range(nodes):
        source += f" cmp.eq p6,p7={node},r20 ;;\n(p6) br.cond.spnt.few program{node} ;;\n"
    for node, (text, _) in enumerate(programs):
        source += f"program{node}:\n {text}\n br.cond.sptk.few finish ;;\n"
    source += f"""
all_done:
        movl r21=logs
        movl r22=logs+NODES*4096 ;;
1:      ld1 r23=[r21],1 ;;
        {put(23)}
        cmp.ne p6,p7=r21,r22 ;;
(p6)    br.cond.sptk.few 1b
        mov r32=0 ;;
        break.m 0x1d0120 ;;
        .data
        .balign 4096
word0:  data8 0
word1:  data8 0
        .balign 4096
word2:  data8 0
        .balign 4096
word3:  data8 0
        .balign 4096
logs:   .skip 4096*NODES
"""
    result = run(tmp_path, source, nodes)
    assert result.status == 0, result.errors
    words = [int.from_bytes(result.output[at : at + 8], "little") for at in range(0, len(result.output), 8)]
    seen = [accesses_seen(kinds, words[node * 512 : node * 512 + 512]) for node, (_, kinds) in enumerate(programs)]
    for word in WORDS:
        check_one_order(word, seen)
    others = [
        value for node, program in enumerate(seen) for _, _, _, value in program if value > 0 and value >> 16 != node
    ]
    assert others, "no node saw what another wrote"


def test_the_check_of_orders_finds_what_is_wrong() -> None:
    fine: list[list[Access]] = [[("store", "w", 1, -1), ("load", "w", 0, 2)], [("exchange", "w", 2, 1)]]
    check_one_order("w", fine)
    for programs in (
        [[("load", "w", 0, 1), ("load", "w", 0, 2)], [("load", "w", 0, 2), ("load", "w", 0, 1)]],  # two orders
        [[("exchange", "w", 1, 0)], [("exchange", "w", 2, 0)]],  # both replaced the first value
        [[("store", "w", 1, -1), ("load", "w", 0, 0)]],  # back in time
        [[("load", "w", 0, 1), ("load", "w", 0, 3), ("load", "w", 0, 2)], [("exchange", "w", 2, 1)]],  # 3 in between
    ):
        with pytest.raises(AssertionError):
            check_one_order("w", programs)
