"""What is sensitive in objdump's eyes: by mnemonic and operands, said here a second time so that our own gaps show."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

X86 = re.compile(
    r"(?:(?:rep[nz]*|data16|addr32|rex\.?\w*|[c-gs]s|lock) )*"
    r"(?:(?:cli|sti|hlt|clts|invd|wbinvd|wbnoinvd|swapgs|rdmsr|wrmsr|rdpmc|rdtscp?|cpuid|xsetbv|monitorx?|mwaitx?"
    r"|stgi|clgi|vmrun|vmlaunch|vmresume|clac|stac|xsaves(?:64)?|xrstors?(?:64)?|xgetbv|rdpkru|wrpkru"
    r"|pushf[wlq]?|popf[wlq]?|iret[wlq]?|lret[wlq]?|sysret[lq]?|sysexit[lq]?|icebp|int1)\b"
    r"|(?:sgdt|sidt|lgdt|lidt|sldt|lldt|str|ltr|smsw|lmsw|verr|verw|lar|lsl|invlpg|invpcid|lss|lfs|lgs|lds|les)[wlqtd]*\b"
    r"|(?:rd|wr)[fg]sbase[lq]?\b|(?:in|out)[bwl]? |(?:ins|outs)[bwl] |int +\$|[lr]?(?:ljmp|lcall)"
    r"|(?:mov|push|pop)[wlq]? .*%(?:[c-gs]s|cr\d+|dr\d+|db\d+)(?=,|$| ))"
)
# objdump writes the segment of a memory operand likewise: %fs:0x28.
SEGMENT_OF_MEMORY = re.compile(r"%[c-gs]s:")
IA64 = re.compile(
    r"(?:[sr]sm|rfi|cover|epc|bsw\.[01]|vmsw\.[01]|it[cr]\.[di]|ptc\.(?:l|g|ga|e)|ptr\.[di]|tpa|tak|thash|ttag"
    r"|fc(?:\.i)?|probe\.\S+|srlz\.[di]|break\.\w)(?=[ ;]|$)"
    r"|mov(?:\.m)? (?:\w+=)?(?:psr(?:\.l)?|cr\.?\w+|(?:rr|pkr|[id]br|pmc|pmd|cpuid)\[\w+\]"
    r"|ar\.(?:k[0-7]|itc|ruc))(?=[=; ]|$)"
)
OBJDUMP = {"x86_64": "objdump", "i386": "objdump", "ia64": "ia64-linux-gnu-objdump"}
LINE = re.compile(r" *([0-9a-f]+):\t[^\t]*\t(.*)")
IA64_HEAD = re.compile(r"(?:\[\w+\])? *(?:\(p\d+\) )?")


def sensitive_by_objdump(path: Path, architecture: str) -> dict[int, str]:
    """Address -> instruction of all code of a file; on ia64 the address of the bundle and the slot."""
    command: list[str | Path] = [OBJDUMP[architecture], "-d", "-w", path]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for line in listing.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        va, text = int(match[1], 16), match[2].split("#")[0].split("<")[0].strip()
        if architecture == "ia64":
            text = IA64_HEAD.sub("", text, count=1)
            if IA64.match(text):
                found[va & -16 | (va % 16) // 6] = text  # objdump counts slots in steps of 6 bytes
        elif X86.match(SEGMENT_OF_MEMORY.sub("", text)):
            found[va] = text
    return found
