"""Small guests in assembly for the vNUMA monitor, run as a person runs them: `python -m simulator --monitor vnuma`."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

HYPERCALL = 0x1D0000
ROOT = Path(__file__).parents[2]


def put(register: int) -> str:
    """Write the character in a register."""
    return f"break.m {HYPERCALL + (1 << 7) + register:#x} ;;"


def leave(register: int) -> str:
    """End the machine with the status in a register."""
    return f"break.m {HYPERCALL + (2 << 7) + register:#x} ;;"


BOOT = """
        .explicit
        .text
        .global _start
_start: alloc r2=ar.pfs,0,0,8,0
        adds r14=8,r28 ;;
        ld8 r14=[r14] ;;                // EFI system table
        adds r14=112,r14 ;;
        ld8 r14=[r14] ;;                // its configuration table: ACPI 2.0, SAL
        adds r14=40,r14 ;;
        ld8 r14=[r14] ;;                // SAL system table: the entry point descriptor is its first
        adds r14=112,r14 ;;
        ld8 r14=[r14]
        movl r32=0x01000000             // SAL_SET_VECTORS, OS_BOOT_RENDEZ
        mov r33=2
        movl r34=ap_start
        movl r35=0x1234 ;;
        mov b6=r14 ;;
        br.call.sptk.many b0=b6 ;;
        cmp.ne p6,p7=0,r8
        mov r20=0
        movl r15=0xfee00000
        movl r16=0xf0
        mov r17=1 ;;
(p6)    br.cond.spnt.few fail
1:      cmp.le p6,p7=NODES,r17
        shl r18=r17,12 ;;
(p6)    br.cond.spnt.few gather
        add r18=r18,r15
        adds r17=1,r17 ;;
        st8 [r18]=r16
        br.cond.sptk.few 1b ;;
ap_start:
        mov r20=cr.lid
        movl r14=0x1234 ;;
        shr.u r20=r20,24
        cmp.ne p6,p7=r1,r14 ;;
(p6)    br.cond.spnt.few fail ;;
gather: movl r14=here ;;                // all go on together
        fetchadd8.rel r15=[r14],1 ;;
1:      ld8.acq r15=[r14] ;;
        cmp.ne p6,p7=NODES,r15 ;;
(p6)    br.cond.sptk.few 1b
        br.cond.sptk.few cpu_main ;;
fail:   mov r32=99 ;;
        break.m 0x1d0120 ;;
finish: movl r14=done ;;                // every processor ends here; processor 0 goes on at all_done
        fetchadd8.rel r15=[r14],1
        cmp.ne p6,p7=0,r20 ;;
(p6)    br.cond.spnt.few park
1:      ld8.acq r15=[r14] ;;
        cmp.ne p6,p7=NODES,r15 ;;
(p6)    br.cond.sptk.few 1b
        br.cond.sptk.few all_done ;;
park:   br.cond.sptk.few b0 ;;          // back to SAL
        .data
        .balign 4096
done:   data8 0
here:   data8 0
        .balign 4096
        .text
"""
"""All processors reach cpu_main together, with their number in r20, in physical mode, psr.ic zero."""

SUCCESS = f"""
all_done:
        mov r32=0 ;;
        {leave(32)}
"""


class Result(NamedTuple):
    status: int
    output: bytes
    errors: str
    messages: Counter[str]


def build(tmp_path: Path, source: str, nodes: int) -> Path:
    """Assemble and link a guest at 64 MiB."""
    text = tmp_path / "guest.s"
    text.write_text(f"NODES = {nodes}\n{source}")
    subprocess.run(["ia64-linux-gnu-as", "-x", "-o", tmp_path / "guest.o", text], check=True)
    image = tmp_path / "guest"
    places = ["-Ttext", "0x4000000", "-Tdata", "0x4100000"]
    subprocess.run(["ia64-linux-gnu-ld", *places, "-o", image, tmp_path / "guest.o"], check=True)
    return image


def command(image: Path, nodes: int, monitor: str = "vnuma") -> list[str]:
    """The command that runs an image."""
    return [sys.executable, "-m", "simulator", "--monitor", monitor, "--nodes", str(nodes), "--stats", str(image)]


def run_image(image: Path, nodes: int, monitor: str = "vnuma", timeout_s: int = 240) -> Result:
    """Run an image; messages are the counts by kind that --stats gives."""
    done = subprocess.run(command(image, nodes, monitor), capture_output=True, timeout=timeout_s, cwd=ROOT, check=False)
    errors = done.stderr.decode()
    messages = Counter(
        {kind: int(count) for line in re.findall(r"messages: \d+ \((.*)\)", errors) for kind, count in counts(line)}
    )
    return Result(done.returncode, done.stdout, errors, messages)


def counts(line: str) -> list[tuple[str, str]]:
    """Split "read 3, write 4"."""
    return [(kind, count) for kind, _, count in (item.rpartition(" ") for item in line.split(", "))]


def run(tmp_path: Path, source: str, nodes: int) -> Result:
    """Build and run a guest."""
    return run_image(build(tmp_path, source, nodes), nodes)
