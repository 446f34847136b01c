"""Multi-byte no-operations: Intel SDM vol. 2, NOP, "Recommended Multi-Byte Sequence of NOP Instruction"."""

NOPS = (
    b"",
    bytes.fromhex("90"),
    bytes.fromhex("66 90"),
    bytes.fromhex("0f 1f 00"),
    bytes.fromhex("0f 1f 40 00"),
    bytes.fromhex("0f 1f 44 00 00"),
    bytes.fromhex("66 0f 1f 44 00 00"),
    bytes.fromhex("0f 1f 80 00 00 00 00"),
    bytes.fromhex("0f 1f 84 00 00 00 00 00"),
    bytes.fromhex("66 0f 1f 84 00 00 00 00 00"),
)
LONGEST = len(NOPS) - 1


def nops(length: int) -> bytes:
    """`length` bytes of no-operations: `66 0f 1f 84 00 00 00 00 00` as often as it fits, then one for the rest."""
    return NOPS[LONGEST] * (length // LONGEST) + NOPS[length % LONGEST]
