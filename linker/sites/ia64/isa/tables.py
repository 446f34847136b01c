"""The instruction table of the A, I, B and X units, one row an instruction.

Source: SDM rev. 2.3 volume 3, sections 4.2 (A), 4.3 (I), 4.5 (B) and 4.7 (X); the first column is the manual's format
number. A row reads: format; the fields that choose the instruction; the mnemonic, with completers that only hint in
braces; the operands. Rows are tried in order.
"""

from __future__ import annotations

A_ROWS = """
A1  op=8 x2a=0 ve=0 x4=0 x2b=0 | add r1=r2,r3
A1  op=8 x2a=0 ve=0 x4=0 x2b=1 | add r1=r2,r3,1
A1  op=8 x2a=0 ve=0 x4=1 x2b=1 | sub r1=r2,r3
A1  op=8 x2a=0 ve=0 x4=1 x2b=0 | sub r1=r2,r3,1
A1  op=8 x2a=0 ve=0 x4=2 x2b=0 | addp4 r1=r2,r3
A1  op=8 x2a=0 ve=0 x4=3 x2b=0 | and r1=r2,r3
A1  op=8 x2a=0 ve=0 x4=3 x2b=1 | andcm r1=r2,r3
A1  op=8 x2a=0 ve=0 x4=3 x2b=2 | or r1=r2,r3
A1  op=8 x2a=0 ve=0 x4=3 x2b=3 | xor r1=r2,r3
A2  op=8 x2a=0 ve=0 x4=4 | shladd r1=r2,count2,r3
A2  op=8 x2a=0 ve=0 x4=6 | shladdp4 r1=r2,count2,r3
A3  op=8 x2a=0 ve=0 x4=9 x2b=1 | sub r1=imm8,r3
A3  op=8 x2a=0 ve=0 x4=11 x2b=0 | and r1=imm8,r3
A3  op=8 x2a=0 ve=0 x4=11 x2b=1 | andcm r1=imm8,r3
A3  op=8 x2a=0 ve=0 x4=11 x2b=2 | or r1=imm8,r3
A3  op=8 x2a=0 ve=0 x4=11 x2b=3 | xor r1=imm8,r3
A4  op=8 x2a=2 ve=0 | adds r1=imm14,r3
A4  op=8 x2a=3 ve=0 | addp4 r1=imm14,r3
A5  op=9 | addl r1=imm22,r3_2
"""

_SIZE_FIELDS = {1: "za=0 zb=0", 2: "za=0 zb=1", 4: "za=1 zb=0"}

_PARALLEL_A = (
    # mnemonic, completer, x4, x2b, element sizes in bytes
    ("padd", "", 0, 0, (1, 2, 4)), ("padd", ".sss", 0, 1, (1, 2)), ("padd", ".uuu", 0, 2, (1, 2)),
    ("padd", ".uus", 0, 3, (1, 2)), ("psub", "", 1, 0, (1, 2, 4)), ("psub", ".sss", 1, 1, (1, 2)),
    ("psub", ".uuu", 1, 2, (1, 2)), ("psub", ".uus", 1, 3, (1, 2)), ("pavg", "", 2, 2, (1, 2)),
    ("pavg", ".raz", 2, 3, (1, 2)), ("pavgsub", "", 3, 2, (1, 2)), ("pcmp", ".eq", 9, 0, (1, 2, 4)),
    ("pcmp", ".gt", 9, 1, (1, 2, 4)),
)  # fmt: skip


def _compares() -> list[str]:
    """Formats A6, A7 and A8: the relation and the type come from op, tb, ta and c."""
    rows = []
    for op, plain, kind in ((12, "lt", "and"), (13, "ltu", "or"), (14, "eq", "or.andcm")):
        for size, x2 in (("cmp", 0), ("cmp4", 1)):
            for fields, operands, fmt in (
                (f"x2={x2} tb=0", "p1,p2=r2,r3", "A6"),
                (f"x2={x2 + 2}", "p1,p2=imm8,r3", "A8"),
            ):
                rows += [
                    f"{fmt} op={op} {fields} ta=0 c=0 | {size}.{plain} {operands}",
                    f"{fmt} op={op} {fields} ta=0 c=1 | {size}.{plain}.unc {operands}",
                    f"{fmt} op={op} {fields} ta=1 c=0 | {size}.eq.{kind} {operands}",
                    f"{fmt} op={op} {fields} ta=1 c=1 | {size}.ne.{kind} {operands}",
                ]
            rows += [
                f"A7 op={op} x2={x2} tb=1 ta={ta} c={c} | {size}.{relation}.{kind} p1,p2=r0,r3"
                for ta, c, relation in ((0, 0, "gt"), (0, 1, "le"), (1, 0, "ge"), (1, 1, "lt"))
            ]
    return rows


def a_rows() -> list[str]:
    """Rows of the A unit, which I and M slots both hold."""
    rows = A_ROWS.strip().splitlines() + _compares()
    rows += [
        f"A9 op=8 x2a=1 {_SIZE_FIELDS[size]} x4={x4} x2b={x2b} | {name}{size}{completer} r1=r2,r3"
        for name, completer, x4, x2b, sizes in _PARALLEL_A
        for size in sizes
    ]
    rows += [
        f"A10 op=8 x2a=1 za=0 zb=1 x4={x4} | {name} r1=r2,count2,r3" for name, x4 in (("pshladd2", 4), ("pshradd2", 6))
    ]
    return rows


I_ROWS = """
I1  op=7 za=0 zb=1 ve7=0 x2a=0 x2b7=3 | pmpyshr2 r1=r2,r3,ct2d
I1  op=7 za=0 zb=1 ve7=0 x2a=0 x2b7=1 | pmpyshr2.u r1=r2,r3,ct2d
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=3 x2b7=1 | pmpy2.r r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=3 x2b7=3 | pmpy2.l r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=2 x2b7=0 | mix1.r r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=2 x2b7=0 | mix2.r r1=r2,r3
I2  op=7 za=1 zb=0 ve7=0 x2a=2 x2c=2 x2b7=0 | mix4.r r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=2 x2b7=2 | mix1.l r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=2 x2b7=2 | mix2.l r1=r2,r3
I2  op=7 za=1 zb=0 ve7=0 x2a=2 x2c=2 x2b7=2 | mix4.l r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=0 x2b7=0 | pack2.uss r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=0 x2b7=2 | pack2.sss r1=r2,r3
I2  op=7 za=1 zb=0 ve7=0 x2a=2 x2c=0 x2b7=2 | pack4.sss r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=1 x2b7=0 | unpack1.h r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=1 x2b7=0 | unpack2.h r1=r2,r3
I2  op=7 za=1 zb=0 ve7=0 x2a=2 x2c=1 x2b7=0 | unpack4.h r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=1 x2b7=2 | unpack1.l r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=1 x2b7=2 | unpack2.l r1=r2,r3
I2  op=7 za=1 zb=0 ve7=0 x2a=2 x2c=1 x2b7=2 | unpack4.l r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=0 x2b7=1 | pmin1.u r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=1 x2b7=1 | pmax1.u r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=0 x2b7=3 | pmin2 r1=r2,r3
I2  op=7 za=0 zb=1 ve7=0 x2a=2 x2c=1 x2b7=3 | pmax2 r1=r2,r3
I2  op=7 za=0 zb=0 ve7=0 x2a=2 x2c=2 x2b7=3 | psad1 r1=r2,r3
I3  op=7 za=0 zb=0 ve7=0 x2a=3 x2c=2 x2b7=2 | mux1 r1=r2,mbt4
I4  op=7 za=0 zb=1 ve7=0 x2a=3 x2c=2 x2b7=2 | mux2 r1=r2,mht8
I5  op=7 za=1 zb=1 ve7=0 x2a=0 x2c=0 x2b7=0 | shr.u r1=r3,r2
I5  op=7 za=1 zb=1 ve7=0 x2a=0 x2c=0 x2b7=2 | shr r1=r3,r2
I5  op=7 za=0 zb=1 ve7=0 x2a=0 x2c=0 x2b7=0 | pshr2.u r1=r3,r2
I5  op=7 za=0 zb=1 ve7=0 x2a=0 x2c=0 x2b7=2 | pshr2 r1=r3,r2
I5  op=7 za=1 zb=0 ve7=0 x2a=0 x2c=0 x2b7=0 | pshr4.u r1=r3,r2
I5  op=7 za=1 zb=0 ve7=0 x2a=0 x2c=0 x2b7=2 | pshr4 r1=r3,r2
I6  op=7 za=0 zb=1 ve7=0 x2a=1 x2c=0 x2b7=1 | pshr2.u r1=r3,count5b
I6  op=7 za=0 zb=1 ve7=0 x2a=1 x2c=0 x2b7=3 | pshr2 r1=r3,count5b
I6  op=7 za=1 zb=0 ve7=0 x2a=1 x2c=0 x2b7=1 | pshr4.u r1=r3,count5b
I6  op=7 za=1 zb=0 ve7=0 x2a=1 x2c=0 x2b7=3 | pshr4 r1=r3,count5b
I7  op=7 za=1 zb=1 ve7=0 x2a=0 x2c=1 x2b7=0 | shl r1=r2,r3
I7  op=7 za=0 zb=1 ve7=0 x2a=0 x2c=1 x2b7=0 | pshl2 r1=r2,r3
I7  op=7 za=1 zb=0 ve7=0 x2a=0 x2c=1 x2b7=0 | pshl4 r1=r2,r3
I8  op=7 za=0 zb=1 ve7=0 x2a=3 x2c=1 x2b7=1 | pshl2 r1=r2,ccount5c
I8  op=7 za=1 zb=0 ve7=0 x2a=3 x2c=1 x2b7=1 | pshl4 r1=r2,ccount5c
I9  op=7 za=0 zb=1 ve7=0 x2a=1 x2c=2 x2b7=1 | popcnt r1=r3
I9  op=7 za=0 zb=1 ve7=0 x2a=1 x2c=3 x2b7=1 | clz r1=r3
I10 op=5 x2=3 x33=0 | shrp r1=r2,r3,count6d
I11 op=5 x2=1 x33=0 y13=0 | extr.u r1=r3,pos6b,len6d
I11 op=5 x2=1 x33=0 y13=1 | extr r1=r3,pos6b,len6d
I12 op=5 x2=1 x33=1 y26=0 | dep.z r1=r2,cpos6c,len6d
I13 op=5 x2=1 x33=1 y26=1 | dep.z r1=imm8,cpos6c,len6d
I14 op=5 x2=3 x33=1 | dep r1=imm1,r3,cpos6b,len6d
I15 op=4 | dep r1=r2,r3,cpos6d,len4d
I18 op=0 x3=0 x6=1 y26=0 | nop.i imm21
I18 op=0 x3=0 x6=1 y26=1 | hint.i imm21
I19 op=0 x3=0 x6=0 | break.i imm21
I20 op=0 x3=1 | chk.s.i r2,target25s
I21 op=0 x3=7 x22=0 | mov{mwh}{ih} b1=r2,tag13
I21 op=0 x3=7 x22=1 | mov.ret{mwh}{ih} b1=r2,tag13
I22 op=0 x3=0 x6=49 | mov r1=b2
I23 op=0 x3=3 | mov pr=r2,mask17
I24 op=0 x3=2 | mov pr.rot=imm44
I25 op=0 x3=0 x6=48 | mov r1=ip
I25 op=0 x3=0 x6=51 | mov r1=pr
I26 op=0 x3=0 x6=42 | mov.i ar3=r2
I27 op=0 x3=0 x6=10 | mov.i ar3=imm8
I28 op=0 x3=0 x6=50 | mov.i r1=ar3
I29 op=0 x3=0 x6=16 | zxt1 r1=r3
I29 op=0 x3=0 x6=17 | zxt2 r1=r3
I29 op=0 x3=0 x6=18 | zxt4 r1=r3
I29 op=0 x3=0 x6=20 | sxt1 r1=r3
I29 op=0 x3=0 x6=21 | sxt2 r1=r3
I29 op=0 x3=0 x6=22 | sxt4 r1=r3
I29 op=0 x3=0 x6=24 | czx1.l r1=r3
I29 op=0 x3=0 x6=25 | czx2.l r1=r3
I29 op=0 x3=0 x6=28 | czx1.r r1=r3
I29 op=0 x3=0 x6=29 | czx2.r r1=r3
"""

_TEST_TYPES = (
    # ta, tb, c, completer
    (0, 0, 0, "z"), (0, 0, 1, "z.unc"), (0, 1, 0, "z.and"), (0, 1, 1, "nz.and"),
    (1, 0, 0, "z.or"), (1, 0, 1, "nz.or"), (1, 1, 0, "z.or.andcm"), (1, 1, 1, "nz.or.andcm"),
)  # fmt: skip

_TESTS = (
    # format, fields, mnemonic, operands
    ("I16", "y13=0", "tbit", "p1,p2=r3,pos6b"),
    ("I17", "y13=1 x19=0", "tnat", "p1,p2=r3"),
    ("I30", "y13=1 x19=1", "tf", "p1,p2=tf5"),
)


def i_rows() -> list[str]:
    """Rows of the I unit without those it shares with M."""
    return I_ROWS.strip().splitlines() + [
        f"{fmt} op=5 x2=0 tb={tb} ta={ta} c={c} {fields} | {name}.{completer} {operands}"
        for fmt, fields, name, operands in _TESTS
        for ta, tb, c, completer in _TEST_TYPES
    ]


B_ROWS = """
B1  op=4 btype=0 | br.cond{wh}{ph}{dh} target25
B1  op=4 btype=2 | br.wexit{wh}{ph}{dh} target25
B1  op=4 btype=3 | br.wtop{wh}{ph}{dh} target25
B2  op=4 btype=5 | br.cloop{wh}{ph}{dh} target25
B2  op=4 btype=6 | br.cexit{wh}{ph}{dh} target25
B2  op=4 btype=7 | br.ctop{wh}{ph}{dh} target25
B3  op=5 | br.call{wh}{ph}{dh} b1=target25
B4  op=0 x6=32 btype=0 | br.cond{wh}{ph}{dh} b2
B4  op=0 x6=32 btype=1 | br.ia{wh}{ph}{dh} b2
B4  op=0 x6=33 btype=4 | br.ret{wh}{ph}{dh} b2
B5  op=1 | br.call{whc}{ph}{dh} b1=b2
B6  op=7 | brp{ipwh}{bih} target25,btag13
B7  op=2 x6=16 | brp{indwh}{bih} b2,btag13
B7  op=2 x6=17 | brp.ret{indwh}{bih} b2,btag13
B8  op=0 x6=2 | cover
B8  op=0 x6=4 | clrrrb
B8  op=0 x6=5 | clrrrb.pr
B8  op=0 x6=8 | rfi
B8  op=0 x6=12 | bsw.0
B8  op=0 x6=13 | bsw.1
B8  op=0 x6=16 | epc
B8  op=0 x6=24 | vmsw.0
B8  op=0 x6=25 | vmsw.1
B9  op=0 x6=0 | break.b imm21
B9  op=2 x6=0 | nop.b imm21
B9  op=2 x6=1 | hint.b imm21
"""

X_ROWS = """
X1  op=0 x3=0 x6=0 | break.x imm62
X2  op=6 vc=0 | movl r1=imm64
X3  op=12 btype=0 | brl.cond{wh}{ph}{dh} target64
X4  op=13 | brl.call{wh}{ph}{dh} b1=target64
X5  op=0 x3=0 x6=1 y26=0 | nop.x imm62
X5  op=0 x3=0 x6=1 y26=1 | hint.x imm62
"""
