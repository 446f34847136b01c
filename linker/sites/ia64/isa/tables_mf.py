"""The instruction table of the M and F units. Layout of a row: see `tables`.

Source: SDM rev. 2.3 volume 3, sections 4.4 (M) and 4.6 (F).
"""

from __future__ import annotations

M_ROWS = """
M16 op=4 m=0 x=1 x6m=32 | cmp8xchg16.acq{ldhint} r1=[r3],r2,ar.csd,ar.ccv
M16 op=4 m=0 x=1 x6m=36 | cmp8xchg16.rel{ldhint} r1=[r3],r2,ar.csd,ar.ccv
M17 op=4 m=0 x=1 x6m=18 | fetchadd4.acq{ldhint} r1=[r3],inc3
M17 op=4 m=0 x=1 x6m=19 | fetchadd8.acq{ldhint} r1=[r3],inc3
M17 op=4 m=0 x=1 x6m=22 | fetchadd4.rel{ldhint} r1=[r3],inc3
M17 op=4 m=0 x=1 x6m=23 | fetchadd8.rel{ldhint} r1=[r3],inc3
M1  op=4 m=0 x=1 x6m=40 | ld16{ldhint3} r1,ar.csd=[r3]
M1  op=4 m=0 x=1 x6m=44 | ld16.acq{ldhint3} r1,ar.csd=[r3]
M4  op=4 m=0 x=1 x6m=48 | st16{sthint3} [r3]=r2,ar.csd
M4  op=4 m=0 x=1 x6m=52 | st16.rel{sthint3} [r3]=r2,ar.csd
M18 op=6 m=0 x=1 x6m=28 | setf.sig f1=r2
M18 op=6 m=0 x=1 x6m=29 | setf.exp f1=r2
M18 op=6 m=0 x=1 x6m=30 | setf.s f1=r2
M18 op=6 m=0 x=1 x6m=31 | setf.d f1=r2
M19 op=4 m=0 x=1 x6m=28 | getf.sig r1=f2
M19 op=4 m=0 x=1 x6m=29 | getf.exp r1=f2
M19 op=4 m=0 x=1 x6m=30 | getf.s r1=f2
M19 op=4 m=0 x=1 x6m=31 | getf.d r1=f2
M20 op=1 x3=1 | chk.s.m r2,target25s
M21 op=1 x3=3 | chk.s f2,target25s
M22 op=0 x3=4 | chk.a.nc r1,target25
M22 op=0 x3=5 | chk.a.clr r1,target25
M23 op=0 x3=6 | chk.a.nc f1,target25
M23 op=0 x3=7 | chk.a.clr f1,target25
M24 op=0 x3=0 x4m=0 x2m=1 | invala
M24 op=0 x3=0 x4m=0 x2m=2 | fwb
M24 op=0 x3=0 x4m=2 x2m=2 | mf
M24 op=0 x3=0 x4m=3 x2m=2 | mf.a
M24 op=0 x3=0 x4m=0 x2m=3 | srlz.d
M24 op=0 x3=0 x4m=1 x2m=3 | srlz.i
M24 op=0 x3=0 x4m=3 x2m=3 | sync.i
M25 op=0 x3=0 x4m=12 x2m=0 | flushrs
M25 op=0 x3=0 x4m=10 x2m=0 | loadrs
M26 op=0 x3=0 x4m=2 x2m=1 | invala.e r1
M27 op=0 x3=0 x4m=3 x2m=1 | invala.e f1
M28 op=1 x3=0 x6=48 x36=0 | fc r3
M28 op=1 x3=0 x6=48 x36=1 | fc.i r3
M29 op=1 x3=0 x6=42 | mov.m ar3=r2
M30 op=0 x3=0 x4m=8 x2m=2 | mov.m ar3=imm8
M31 op=1 x3=0 x6=34 | mov.m r1=ar3
M32 op=1 x3=0 x6=44 | mov cr3=r2
M33 op=1 x3=0 x6=36 | mov r1=cr3
M34 op=1 x3=6 | alloc r1=ar.pfs,sof,sol,sor
M35 op=1 x3=0 x6=45 | mov psr.l=r2
M35 op=1 x3=0 x6=41 | mov psr.um=r2
M36 op=1 x3=0 x6=37 | mov r1=psr
M36 op=1 x3=0 x6=33 | mov r1=psr.um
M37 op=0 x3=0 x4m=0 x2m=0 | break.m imm21
M38 op=1 x3=0 x6=56 | probe.r r1=r3,r2
M38 op=1 x3=0 x6=57 | probe.w r1=r3,r2
M39 op=1 x3=0 x6=24 | probe.r r1=r3,imm2b
M39 op=1 x3=0 x6=25 | probe.w r1=r3,imm2b
M40 op=1 x3=0 x6=49 | probe.rw.fault r3,imm2b
M40 op=1 x3=0 x6=50 | probe.r.fault r3,imm2b
M40 op=1 x3=0 x6=51 | probe.w.fault r3,imm2b
M41 op=1 x3=0 x6=46 | itc.d r2
M41 op=1 x3=0 x6=47 | itc.i r2
M42 op=1 x3=0 x6=0 | mov rr[r3]=r2
M42 op=1 x3=0 x6=1 | mov dbr[r3]=r2
M42 op=1 x3=0 x6=2 | mov ibr[r3]=r2
M42 op=1 x3=0 x6=3 | mov pkr[r3]=r2
M42 op=1 x3=0 x6=4 | mov pmc[r3]=r2
M42 op=1 x3=0 x6=5 | mov pmd[r3]=r2
M42 op=1 x3=0 x6=14 | itr.d dtr[r3]=r2
M42 op=1 x3=0 x6=15 | itr.i itr[r3]=r2
M43 op=1 x3=0 x6=16 | mov r1=rr[r3]
M43 op=1 x3=0 x6=17 | mov r1=dbr[r3]
M43 op=1 x3=0 x6=18 | mov r1=ibr[r3]
M43 op=1 x3=0 x6=19 | mov r1=pkr[r3]
M43 op=1 x3=0 x6=20 | mov r1=pmc[r3]
M43 op=1 x3=0 x6=21 | mov r1=pmd[r3]
M43 op=1 x3=0 x6=23 | mov r1=cpuid[r3]
M44 op=0 x3=0 x4m=4 | sum imm24
M44 op=0 x3=0 x4m=5 | rum imm24
M44 op=0 x3=0 x4m=6 | ssm imm24
M44 op=0 x3=0 x4m=7 | rsm imm24
M45 op=1 x3=0 x6=9 | ptc.l r3,r2
M45 op=1 x3=0 x6=10 | ptc.g r3,r2
M45 op=1 x3=0 x6=11 | ptc.ga r3,r2
M45 op=1 x3=0 x6=12 | ptr.d r3,r2
M45 op=1 x3=0 x6=13 | ptr.i r3,r2
M46 op=1 x3=0 x6=26 | thash r1=r3
M46 op=1 x3=0 x6=27 | ttag r1=r3
M46 op=1 x3=0 x6=30 | tpa r1=r3
M46 op=1 x3=0 x6=31 | tak r1=r3
M47 op=1 x3=0 x6=52 | ptc.e r3
M48 op=0 x3=0 x4m=1 x2m=0 y26=0 | nop.m imm21
M48 op=0 x3=0 x4m=1 x2m=0 y26=1 | hint.m imm21
"""

_LOAD_TYPES = (
    # completer, x6 of the one-byte form
    ("", 0), (".s", 4), (".a", 8), (".sa", 12), (".bias", 16), (".acq", 20), (".c.clr", 32), (".c.nc", 36),
    (".c.clr.acq", 40),
)  # fmt: skip
_FLOAT_TYPES = tuple(row for row in _LOAD_TYPES if row[0] in {"", ".s", ".a", ".sa", ".c.clr", ".c.nc"})
_FLOAT_LOADS = (("ldfe", 0), ("ldf8", 1), ("ldfs", 2), ("ldfd", 3))
_FLOAT_STORES = (("stfe", 48), ("stf8", 49), ("stfs", 50), ("stfd", 51), ("stf.spill", 59))


def _accesses() -> list[str]:
    """Loads, stores and line prefetches in their three addressing forms (M1-M10, M13-M15)."""
    names: list[tuple[str, int, str, int]] = []  # mnemonic, x6, kind, major opcode of the immediate form less one
    names += [(f"ld{1 << n}{kind}{{ldhint}}", x6 + n, "r1", 4) for kind, x6 in _LOAD_TYPES for n in range(4)]
    names += [("ld8.fill{ldhint}", 27, "r1", 4)]
    names += [
        (f"st{1 << n}{kind}{{sthint}}", x6 + n, "r2", 4) for kind, x6 in (("", 48), (".rel", 52)) for n in range(4)
    ]
    names += [("st8.spill{sthint}", 59, "r2", 4)]
    names += [(f"{name}{kind}{{ldhint}}", x6 + n, "f1", 6) for kind, x6 in _FLOAT_TYPES for name, n in _FLOAT_LOADS]
    names += [("ldf.fill{ldhint}", 27, "f1", 6)]
    names += [(f"{name}{{sthint}}", x6, "f2", 6) for name, x6 in _FLOAT_STORES]
    names += [
        (f"lfetch{kind}{{lfhint}}", 44 + n, "", 6) for n, kind in enumerate(("", ".excl", ".fault", ".fault.excl"))
    ]
    rows = []
    for name, x6, target, op in names:
        store = target in {"r2", "f2"}
        text = f"{name} [r3]={target}" if store else f"{name} {target}=[r3]" if target else f"{name} [r3]"
        number = {"r1": (1, 2, 3), "r2": (4, 0, 5), "f1": (6, 7, 8), "f2": (9, 0, 10), "": (13, 14, 15)}[target]
        wide = text.replace("dhint}", "dhint3}").replace("sthint}", "sthint3}")
        rows.append(f"M{number[0]} op={op} m=0 x=0 x6m={x6} | {wide}")
        if not store:
            rows.append(f"M{number[1]} op={op} m=1 x=0 x6m={x6} | {text},r2")
        rows.append(f"M{number[2]} op={op + 1} x6m={x6} | {text},{'imm9st' if store else 'imm9ld'}")
    return rows


def m_rows() -> list[str]:
    """Rows of the M unit without those it shares with I."""
    rows = M_ROWS.strip().splitlines() + _accesses()
    rows += [
        f"M16 op=4 m=0 x=1 x6m={x6 + n} | {name}{1 << n}{kind}{{ldhint}} r1=[r3],r2{extra}"
        for name, kind, x6, extra in (
            ("cmpxchg", ".acq", 0, ",ar.ccv"),
            ("cmpxchg", ".rel", 4, ",ar.ccv"),
            ("xchg", "", 8, ""),
        )
        for n in range(4)
    ]
    for kind, x6 in _FLOAT_TYPES:
        for n, (name, size) in enumerate((("ldfp8", 16), ("ldfps", 8), ("ldfpd", 16)), start=1):
            rows.append(f"M11 op=6 m=0 x=1 x6m={x6 + n} | {name}{kind}{{ldhint}} f1,f2=[r3]")
            rows.append(f"M12 op=6 m=1 x=1 x6m={x6 + n} | {name}{kind}{{ldhint}} f1,f2=[r3],{size}")
    return rows


F_ROWS = """
F2  op=14 q=1 x2=0 | xma.l f1=f3,f4,f2
F2  op=14 q=1 x2=2 | xma.hu f1=f3,f4,f2
F2  op=14 q=1 x2=3 | xma.h f1=f3,f4,f2
F3  op=14 q=0 | fselect f1=f3,f4,f2
F5  op=5 c=0 | fclass.m p1,p2=f2,fclass9
F5  op=5 c=1 | fclass.m.unc p1,p2=f2,fclass9
F6  op=0 x33=1 q=0 | frcpa{sf} f1,p2=f2,f3
F6  op=1 x33=1 q=0 | fprcpa{sf} f1,p2=f2,f3
F7  op=0 x33=1 q=1 | frsqrta{sf} f1,p2=f3
F7  op=1 x33=1 q=1 | fprsqrta{sf} f1,p2=f3
F10 op=0 x33=0 x6=24 | fcvt.fx{sf} f1=f2
F10 op=0 x33=0 x6=25 | fcvt.fxu{sf} f1=f2
F10 op=0 x33=0 x6=26 | fcvt.fx.trunc{sf} f1=f2
F10 op=0 x33=0 x6=27 | fcvt.fxu.trunc{sf} f1=f2
F10 op=1 x33=0 x6=24 | fpcvt.fx{sf} f1=f2
F10 op=1 x33=0 x6=25 | fpcvt.fxu{sf} f1=f2
F10 op=1 x33=0 x6=26 | fpcvt.fx.trunc{sf} f1=f2
F10 op=1 x33=0 x6=27 | fpcvt.fxu.trunc{sf} f1=f2
F11 op=0 x33=0 x6=28 | fcvt.xf f1=f2
F12 op=0 x33=0 x6=4 | fsetc{sf} amask7,omask7
F13 op=0 x33=0 x6=5 | fclrf{sf}
F14 op=0 x33=0 x6=8 | fchkf{sf} target25f
F15 op=0 x33=0 x6=0 | break.f imm21
F16 op=0 x33=0 x6=1 y26=0 | nop.f imm21
F16 op=0 x33=0 x6=1 y26=1 | hint.f imm21
"""

_FMA = (
    # op, x, mnemonic
    (8, 0, "fma"), (8, 1, "fma.s"), (9, 0, "fma.d"), (9, 1, "fpma"), (10, 0, "fms"), (10, 1, "fms.s"),
    (11, 0, "fms.d"), (11, 1, "fpms"), (12, 0, "fnma"), (12, 1, "fnma.s"), (13, 0, "fnma.d"), (13, 1, "fpnma"),
)  # fmt: skip

_FCMP = ((0, 0, "eq"), (0, 1, "lt"), (1, 0, "le"), (1, 1, "unord"))  # ra, rb, relation

_F8 = (
    # op, x6, mnemonic: with a status field
    (0, 20, "fmin"), (0, 21, "fmax"), (0, 22, "famin"), (0, 23, "famax"), (1, 20, "fpmin"), (1, 21, "fpmax"),
    (1, 22, "fpamin"), (1, 23, "fpamax"), (1, 48, "fpcmp.eq"), (1, 49, "fpcmp.lt"), (1, 50, "fpcmp.le"),
    (1, 51, "fpcmp.unord"), (1, 52, "fpcmp.neq"), (1, 53, "fpcmp.nlt"), (1, 54, "fpcmp.nle"), (1, 55, "fpcmp.ord"),
)  # fmt: skip

_F9 = (
    # op, x6, mnemonic: without one
    (0, 16, "fmerge.s"), (0, 17, "fmerge.ns"), (0, 18, "fmerge.se"), (0, 57, "fmix.lr"), (0, 58, "fmix.r"),
    (0, 59, "fmix.l"), (0, 60, "fsxt.r"), (0, 61, "fsxt.l"), (0, 40, "fpack"), (0, 52, "fswap"), (0, 53, "fswap.nl"),
    (0, 54, "fswap.nr"), (0, 44, "fand"), (0, 45, "fandcm"), (0, 46, "for"), (0, 47, "fxor"), (1, 16, "fpmerge.s"),
    (1, 17, "fpmerge.ns"), (1, 18, "fpmerge.se"),
)  # fmt: skip


def f_rows() -> list[str]:
    """Rows of the F unit."""
    rows = F_ROWS.strip().splitlines()
    rows += [f"F1 op={op} q={x} | {name}{{sf}} f1=f3,f4,f2" for op, x, name in _FMA]
    rows += [
        f"F4 op=4 rb={rb} ra={ra} c={ta} | fcmp.{relation}{unc}{{sf}} p1,p2=f2,f3"
        for ra, rb, relation in _FCMP
        for ta, unc in ((0, ""), (1, ".unc"))
    ]
    rows += [f"F8 op={op} x33=0 x6={x6} | {name}{{sf}} f1=f2,f3" for op, x6, name in _F8]
    rows += [f"F9 op={op} x33=0 x6={x6} | {name} f1=f2,f3" for op, x6, name in _F9]
    return rows
