# Made by `make macros` from the tables of afterburner/ and linker/sites/; do not edit.
# How to use it: docs/afterburning.md
# 4 "previrt macros, x86_64.s"
.nolist
.ifdef .Lprevirt.k
.Lprevirt.once=0
.else
.Lprevirt.once=1
.endif
.rept .Lprevirt.once
.ifdef .Lprevirt.s
.error "the stand-in and the macros are two ways to the same end: use one"
.endif
.Lprevirt.a=1
.Lprevirt.k=0
.pushsection .text
.struct 0xdead
5380467:
5380468:
.popsection
.macro .afterburn_annotate
.Lprevirt.a=1
.endm
.macro .afterburn_noannotate
.Lprevirt.a=0
.endm
".Lprevirt.r %cr0"=1040
".Lprevirt.r % cr0"=1040
".Lprevirt.r cr0"=1296
".Lprevirt.r %CR0"=1040
".Lprevirt.r % CR0"=1040
".Lprevirt.r CR0"=1296
".Lprevirt.r %cr1"=1040
".Lprevirt.r % cr1"=1040
".Lprevirt.r cr1"=1296
".Lprevirt.r %CR1"=1040
".Lprevirt.r % CR1"=1040
".Lprevirt.r CR1"=1296
".Lprevirt.r %cr2"=1040
".Lprevirt.r % cr2"=1040
".Lprevirt.r cr2"=1296
".Lprevirt.r %CR2"=1040
".Lprevirt.r % CR2"=1040
".Lprevirt.r CR2"=1296
".Lprevirt.r %cr3"=1040
".Lprevirt.r % cr3"=1040
".Lprevirt.r cr3"=1296
".Lprevirt.r %CR3"=1040
".Lprevirt.r % CR3"=1040
".Lprevirt.r CR3"=1296
".Lprevirt.r %cr4"=1040
".Lprevirt.r % cr4"=1040
".Lprevirt.r cr4"=1296
".Lprevirt.r %CR4"=1040
".Lprevirt.r % CR4"=1040
".Lprevirt.r CR4"=1296
".Lprevirt.r %cr5"=1040
".Lprevirt.r % cr5"=1040
".Lprevirt.r cr5"=1296
".Lprevirt.r %CR5"=1040
".Lprevirt.r % CR5"=1040
".Lprevirt.r CR5"=1296
".Lprevirt.r %cr6"=1040
".Lprevirt.r % cr6"=1040
".Lprevirt.r cr6"=1296
".Lprevirt.r %CR6"=1040
".Lprevirt.r % CR6"=1040
".Lprevirt.r CR6"=1296
".Lprevirt.r %cr7"=1040
".Lprevirt.r % cr7"=1040
".Lprevirt.r cr7"=1296
".Lprevirt.r %CR7"=1040
".Lprevirt.r % CR7"=1040
".Lprevirt.r CR7"=1296
".Lprevirt.r %cr8"=1040
".Lprevirt.r % cr8"=1040
".Lprevirt.r cr8"=1296
".Lprevirt.r %CR8"=1040
".Lprevirt.r % CR8"=1040
".Lprevirt.r CR8"=1296
".Lprevirt.r %cr9"=1040
".Lprevirt.r % cr9"=1040
".Lprevirt.r cr9"=1296
".Lprevirt.r %CR9"=1040
".Lprevirt.r % CR9"=1040
".Lprevirt.r CR9"=1296
".Lprevirt.r %cr10"=1040
".Lprevirt.r % cr10"=1040
".Lprevirt.r cr10"=1296
".Lprevirt.r %CR10"=1040
".Lprevirt.r % CR10"=1040
".Lprevirt.r CR10"=1296
".Lprevirt.r %cr11"=1040
".Lprevirt.r % cr11"=1040
".Lprevirt.r cr11"=1296
".Lprevirt.r %CR11"=1040
".Lprevirt.r % CR11"=1040
".Lprevirt.r CR11"=1296
".Lprevirt.r %cr12"=1040
".Lprevirt.r % cr12"=1040
".Lprevirt.r cr12"=1296
".Lprevirt.r %CR12"=1040
".Lprevirt.r % CR12"=1040
".Lprevirt.r CR12"=1296
".Lprevirt.r %cr13"=1040
".Lprevirt.r % cr13"=1040
".Lprevirt.r cr13"=1296
".Lprevirt.r %CR13"=1040
".Lprevirt.r % CR13"=1040
".Lprevirt.r CR13"=1296
".Lprevirt.r %cr14"=1040
".Lprevirt.r % cr14"=1040
".Lprevirt.r cr14"=1296
".Lprevirt.r %CR14"=1040
".Lprevirt.r % CR14"=1040
".Lprevirt.r CR14"=1296
".Lprevirt.r %cr15"=1040
".Lprevirt.r % cr15"=1040
".Lprevirt.r cr15"=1296
".Lprevirt.r %CR15"=1040
".Lprevirt.r % CR15"=1040
".Lprevirt.r CR15"=1296
".Lprevirt.r %dr0"=1042
".Lprevirt.r % dr0"=1042
".Lprevirt.r dr0"=1298
".Lprevirt.r %DR0"=1042
".Lprevirt.r % DR0"=1042
".Lprevirt.r DR0"=1298
".Lprevirt.r %dr1"=1042
".Lprevirt.r % dr1"=1042
".Lprevirt.r dr1"=1298
".Lprevirt.r %DR1"=1042
".Lprevirt.r % DR1"=1042
".Lprevirt.r DR1"=1298
".Lprevirt.r %dr2"=1042
".Lprevirt.r % dr2"=1042
".Lprevirt.r dr2"=1298
".Lprevirt.r %DR2"=1042
".Lprevirt.r % DR2"=1042
".Lprevirt.r DR2"=1298
".Lprevirt.r %dr3"=1042
".Lprevirt.r % dr3"=1042
".Lprevirt.r dr3"=1298
".Lprevirt.r %DR3"=1042
".Lprevirt.r % DR3"=1042
".Lprevirt.r DR3"=1298
".Lprevirt.r %dr4"=1042
".Lprevirt.r % dr4"=1042
".Lprevirt.r dr4"=1298
".Lprevirt.r %DR4"=1042
".Lprevirt.r % DR4"=1042
".Lprevirt.r DR4"=1298
".Lprevirt.r %dr5"=1042
".Lprevirt.r % dr5"=1042
".Lprevirt.r dr5"=1298
".Lprevirt.r %DR5"=1042
".Lprevirt.r % DR5"=1042
".Lprevirt.r DR5"=1298
".Lprevirt.r %dr6"=1042
".Lprevirt.r % dr6"=1042
".Lprevirt.r dr6"=1298
".Lprevirt.r %DR6"=1042
".Lprevirt.r % DR6"=1042
".Lprevirt.r DR6"=1298
".Lprevirt.r %dr7"=1042
".Lprevirt.r % dr7"=1042
".Lprevirt.r dr7"=1298
".Lprevirt.r %DR7"=1042
".Lprevirt.r % DR7"=1042
".Lprevirt.r DR7"=1298
".Lprevirt.r %dr8"=1042
".Lprevirt.r % dr8"=1042
".Lprevirt.r dr8"=1298
".Lprevirt.r %DR8"=1042
".Lprevirt.r % DR8"=1042
".Lprevirt.r DR8"=1298
".Lprevirt.r %dr9"=1042
".Lprevirt.r % dr9"=1042
".Lprevirt.r dr9"=1298
".Lprevirt.r %DR9"=1042
".Lprevirt.r % DR9"=1042
".Lprevirt.r DR9"=1298
".Lprevirt.r %dr10"=1042
".Lprevirt.r % dr10"=1042
".Lprevirt.r dr10"=1298
".Lprevirt.r %DR10"=1042
".Lprevirt.r % DR10"=1042
".Lprevirt.r DR10"=1298
".Lprevirt.r %dr11"=1042
".Lprevirt.r % dr11"=1042
".Lprevirt.r dr11"=1298
".Lprevirt.r %DR11"=1042
".Lprevirt.r % DR11"=1042
".Lprevirt.r DR11"=1298
".Lprevirt.r %dr12"=1042
".Lprevirt.r % dr12"=1042
".Lprevirt.r dr12"=1298
".Lprevirt.r %DR12"=1042
".Lprevirt.r % DR12"=1042
".Lprevirt.r DR12"=1298
".Lprevirt.r %dr13"=1042
".Lprevirt.r % dr13"=1042
".Lprevirt.r dr13"=1298
".Lprevirt.r %DR13"=1042
".Lprevirt.r % DR13"=1042
".Lprevirt.r DR13"=1298
".Lprevirt.r %dr14"=1042
".Lprevirt.r % dr14"=1042
".Lprevirt.r dr14"=1298
".Lprevirt.r %DR14"=1042
".Lprevirt.r % DR14"=1042
".Lprevirt.r DR14"=1298
".Lprevirt.r %dr15"=1042
".Lprevirt.r % dr15"=1042
".Lprevirt.r dr15"=1298
".Lprevirt.r %DR15"=1042
".Lprevirt.r % DR15"=1042
".Lprevirt.r DR15"=1298
".Lprevirt.r %db0"=1042
".Lprevirt.r % db0"=1042
".Lprevirt.r db0"=1298
".Lprevirt.r %DB0"=1042
".Lprevirt.r % DB0"=1042
".Lprevirt.r DB0"=1298
".Lprevirt.r %db1"=1042
".Lprevirt.r % db1"=1042
".Lprevirt.r db1"=1298
".Lprevirt.r %DB1"=1042
".Lprevirt.r % DB1"=1042
".Lprevirt.r DB1"=1298
".Lprevirt.r %db2"=1042
".Lprevirt.r % db2"=1042
".Lprevirt.r db2"=1298
".Lprevirt.r %DB2"=1042
".Lprevirt.r % DB2"=1042
".Lprevirt.r DB2"=1298
".Lprevirt.r %db3"=1042
".Lprevirt.r % db3"=1042
".Lprevirt.r db3"=1298
".Lprevirt.r %DB3"=1042
".Lprevirt.r % DB3"=1042
".Lprevirt.r DB3"=1298
".Lprevirt.r %db4"=1042
".Lprevirt.r % db4"=1042
".Lprevirt.r db4"=1298
".Lprevirt.r %DB4"=1042
".Lprevirt.r % DB4"=1042
".Lprevirt.r DB4"=1298
".Lprevirt.r %db5"=1042
".Lprevirt.r % db5"=1042
".Lprevirt.r db5"=1298
".Lprevirt.r %DB5"=1042
".Lprevirt.r % DB5"=1042
".Lprevirt.r DB5"=1298
".Lprevirt.r %db6"=1042
".Lprevirt.r % db6"=1042
".Lprevirt.r db6"=1298
".Lprevirt.r %DB6"=1042
".Lprevirt.r % DB6"=1042
".Lprevirt.r DB6"=1298
".Lprevirt.r %db7"=1042
".Lprevirt.r % db7"=1042
".Lprevirt.r db7"=1298
".Lprevirt.r %DB7"=1042
".Lprevirt.r % DB7"=1042
".Lprevirt.r DB7"=1298
".Lprevirt.r %db8"=1042
".Lprevirt.r % db8"=1042
".Lprevirt.r db8"=1298
".Lprevirt.r %DB8"=1042
".Lprevirt.r % DB8"=1042
".Lprevirt.r DB8"=1298
".Lprevirt.r %db9"=1042
".Lprevirt.r % db9"=1042
".Lprevirt.r db9"=1298
".Lprevirt.r %DB9"=1042
".Lprevirt.r % DB9"=1042
".Lprevirt.r DB9"=1298
".Lprevirt.r %db10"=1042
".Lprevirt.r % db10"=1042
".Lprevirt.r db10"=1298
".Lprevirt.r %DB10"=1042
".Lprevirt.r % DB10"=1042
".Lprevirt.r DB10"=1298
".Lprevirt.r %db11"=1042
".Lprevirt.r % db11"=1042
".Lprevirt.r db11"=1298
".Lprevirt.r %DB11"=1042
".Lprevirt.r % DB11"=1042
".Lprevirt.r DB11"=1298
".Lprevirt.r %db12"=1042
".Lprevirt.r % db12"=1042
".Lprevirt.r db12"=1298
".Lprevirt.r %DB12"=1042
".Lprevirt.r % DB12"=1042
".Lprevirt.r DB12"=1298
".Lprevirt.r %db13"=1042
".Lprevirt.r % db13"=1042
".Lprevirt.r db13"=1298
".Lprevirt.r %DB13"=1042
".Lprevirt.r % DB13"=1042
".Lprevirt.r DB13"=1298
".Lprevirt.r %db14"=1042
".Lprevirt.r % db14"=1042
".Lprevirt.r db14"=1298
".Lprevirt.r %DB14"=1042
".Lprevirt.r % DB14"=1042
".Lprevirt.r DB14"=1298
".Lprevirt.r %db15"=1042
".Lprevirt.r % db15"=1042
".Lprevirt.r db15"=1298
".Lprevirt.r %DB15"=1042
".Lprevirt.r % DB15"=1042
".Lprevirt.r DB15"=1298
".Lprevirt.r %es"=1066
".Lprevirt.r % es"=1066
".Lprevirt.r es"=1322
".Lprevirt.r %ES"=1066
".Lprevirt.r % ES"=1066
".Lprevirt.r ES"=1322
".Lprevirt.r %cs"=1066
".Lprevirt.r % cs"=1066
".Lprevirt.r cs"=1322
".Lprevirt.r %CS"=1066
".Lprevirt.r % CS"=1066
".Lprevirt.r CS"=1322
".Lprevirt.r %ss"=1066
".Lprevirt.r % ss"=1066
".Lprevirt.r ss"=1322
".Lprevirt.r %SS"=1066
".Lprevirt.r % SS"=1066
".Lprevirt.r SS"=1322
".Lprevirt.r %ds"=1066
".Lprevirt.r % ds"=1066
".Lprevirt.r ds"=1322
".Lprevirt.r %DS"=1066
".Lprevirt.r % DS"=1066
".Lprevirt.r DS"=1322
".Lprevirt.r %fs"=1066
".Lprevirt.r % fs"=1066
".Lprevirt.r fs"=1322
".Lprevirt.r %FS"=1066
".Lprevirt.r % FS"=1066
".Lprevirt.r FS"=1322
".Lprevirt.r %gs"=1066
".Lprevirt.r % gs"=1066
".Lprevirt.r gs"=1322
".Lprevirt.r %GS"=1066
".Lprevirt.r % GS"=1066
".Lprevirt.r GS"=1322
".Lprevirt.r %"=512
".Lprevirt.m cli"=1
".Lprevirt.m CLI"=1
".Lprevirt.m sti"=131074
".Lprevirt.m STI"=131074
".Lprevirt.m pushf"=3
".Lprevirt.m PUSHF"=3
".Lprevirt.m pushfq"=3
".Lprevirt.m PUSHFQ"=3
".Lprevirt.m pushfw"=3
".Lprevirt.m PUSHFW"=3
".Lprevirt.m pushfd"=3
".Lprevirt.m PUSHFD"=3
".Lprevirt.m popf"=4
".Lprevirt.m POPF"=4
".Lprevirt.m popfq"=4
".Lprevirt.m POPFQ"=4
".Lprevirt.m popfw"=4
".Lprevirt.m POPFW"=4
".Lprevirt.m popfd"=4
".Lprevirt.m POPFD"=4
".Lprevirt.m hlt"=5
".Lprevirt.m HLT"=5
".Lprevirt.m lgdt"=6
".Lprevirt.m LGDT"=6
".Lprevirt.m lgdtq"=6
".Lprevirt.m LGDTQ"=6
".Lprevirt.m lgdtw"=6
".Lprevirt.m LGDTW"=6
".Lprevirt.m lgdtl"=6
".Lprevirt.m LGDTL"=6
".Lprevirt.m lidt"=7
".Lprevirt.m LIDT"=7
".Lprevirt.m lidtq"=7
".Lprevirt.m LIDTQ"=7
".Lprevirt.m lidtw"=7
".Lprevirt.m LIDTW"=7
".Lprevirt.m lidtl"=7
".Lprevirt.m LIDTL"=7
".Lprevirt.m lldt"=8
".Lprevirt.m LLDT"=8
".Lprevirt.m lldtw"=8
".Lprevirt.m LLDTW"=8
".Lprevirt.m ltr"=9
".Lprevirt.m LTR"=9
".Lprevirt.m ltrw"=9
".Lprevirt.m LTRW"=9
".Lprevirt.m sgdt"=10
".Lprevirt.m SGDT"=10
".Lprevirt.m sgdtq"=10
".Lprevirt.m SGDTQ"=10
".Lprevirt.m sgdtw"=10
".Lprevirt.m SGDTW"=10
".Lprevirt.m sgdtl"=10
".Lprevirt.m SGDTL"=10
".Lprevirt.m sidt"=11
".Lprevirt.m SIDT"=11
".Lprevirt.m sidtq"=11
".Lprevirt.m SIDTQ"=11
".Lprevirt.m sidtw"=11
".Lprevirt.m SIDTW"=11
".Lprevirt.m sidtl"=11
".Lprevirt.m SIDTL"=11
".Lprevirt.m sldt"=12
".Lprevirt.m SLDT"=12
".Lprevirt.m sldtq"=12
".Lprevirt.m SLDTQ"=12
".Lprevirt.m sldtw"=12
".Lprevirt.m SLDTW"=12
".Lprevirt.m sldtl"=12
".Lprevirt.m SLDTL"=12
".Lprevirt.m str"=13
".Lprevirt.m STR"=13
".Lprevirt.m strq"=13
".Lprevirt.m STRQ"=13
".Lprevirt.m strw"=13
".Lprevirt.m STRW"=13
".Lprevirt.m strl"=13
".Lprevirt.m STRL"=13
".Lprevirt.m smsw"=14
".Lprevirt.m SMSW"=14
".Lprevirt.m smswq"=14
".Lprevirt.m SMSWQ"=14
".Lprevirt.m smsww"=14
".Lprevirt.m SMSWW"=14
".Lprevirt.m smswl"=14
".Lprevirt.m SMSWL"=14
".Lprevirt.m lmsw"=15
".Lprevirt.m LMSW"=15
".Lprevirt.m lmsww"=15
".Lprevirt.m LMSWW"=15
".Lprevirt.m clts"=20
".Lprevirt.m CLTS"=20
".Lprevirt.m invlpg"=21
".Lprevirt.m INVLPG"=21
".Lprevirt.m invpcid"=22
".Lprevirt.m INVPCID"=22
".Lprevirt.m invd"=23
".Lprevirt.m INVD"=23
".Lprevirt.m wbinvd"=24
".Lprevirt.m WBINVD"=24
".Lprevirt.m wbnoinvd"=24
".Lprevirt.m WBNOINVD"=24
".Lprevirt.m in"=25
".Lprevirt.m IN"=25
".Lprevirt.m inb"=25
".Lprevirt.m INB"=25
".Lprevirt.m inw"=25
".Lprevirt.m INW"=25
".Lprevirt.m inl"=25
".Lprevirt.m INL"=25
".Lprevirt.m out"=26
".Lprevirt.m OUT"=26
".Lprevirt.m outb"=26
".Lprevirt.m OUTB"=26
".Lprevirt.m outw"=26
".Lprevirt.m OUTW"=26
".Lprevirt.m outl"=26
".Lprevirt.m OUTL"=26
".Lprevirt.m ins"=27
".Lprevirt.m INS"=27
".Lprevirt.m insb"=27
".Lprevirt.m INSB"=27
".Lprevirt.m insw"=27
".Lprevirt.m INSW"=27
".Lprevirt.m insl"=27
".Lprevirt.m INSL"=27
".Lprevirt.m insd"=27
".Lprevirt.m INSD"=27
".Lprevirt.m outs"=28
".Lprevirt.m OUTS"=28
".Lprevirt.m outsb"=28
".Lprevirt.m OUTSB"=28
".Lprevirt.m outsw"=28
".Lprevirt.m OUTSW"=28
".Lprevirt.m outsl"=28
".Lprevirt.m OUTSL"=28
".Lprevirt.m outsd"=28
".Lprevirt.m OUTSD"=28
".Lprevirt.m iret"=65565
".Lprevirt.m IRET"=65565
".Lprevirt.m iretq"=65565
".Lprevirt.m IRETQ"=65565
".Lprevirt.m iretw"=65565
".Lprevirt.m IRETW"=65565
".Lprevirt.m iretl"=65565
".Lprevirt.m IRETL"=65565
".Lprevirt.m iretd"=65565
".Lprevirt.m IRETD"=65565
".Lprevirt.m lret"=30
".Lprevirt.m LRET"=30
".Lprevirt.m lretq"=30
".Lprevirt.m LRETQ"=30
".Lprevirt.m lretw"=30
".Lprevirt.m LRETW"=30
".Lprevirt.m lretl"=30
".Lprevirt.m LRETL"=30
".Lprevirt.m retf"=30
".Lprevirt.m RETF"=30
".Lprevirt.m retfq"=30
".Lprevirt.m RETFQ"=30
".Lprevirt.m retfw"=30
".Lprevirt.m RETFW"=30
".Lprevirt.m retfl"=30
".Lprevirt.m RETFL"=30
".Lprevirt.m retfd"=30
".Lprevirt.m RETFD"=30
".Lprevirt.m sysret"=65567
".Lprevirt.m SYSRET"=65567
".Lprevirt.m sysretq"=65567
".Lprevirt.m SYSRETQ"=65567
".Lprevirt.m sysretl"=65567
".Lprevirt.m SYSRETL"=65567
".Lprevirt.m sysretd"=65567
".Lprevirt.m SYSRETD"=65567
".Lprevirt.m sysexit"=65568
".Lprevirt.m SYSEXIT"=65568
".Lprevirt.m sysexitq"=65568
".Lprevirt.m SYSEXITQ"=65568
".Lprevirt.m sysexitl"=65568
".Lprevirt.m SYSEXITL"=65568
".Lprevirt.m sysexitd"=65568
".Lprevirt.m SYSEXITD"=65568
".Lprevirt.m ljmp"=33
".Lprevirt.m LJMP"=33
".Lprevirt.m ljmpq"=33
".Lprevirt.m LJMPQ"=33
".Lprevirt.m ljmpw"=33
".Lprevirt.m LJMPW"=33
".Lprevirt.m ljmpl"=33
".Lprevirt.m LJMPL"=33
".Lprevirt.m lcall"=34
".Lprevirt.m LCALL"=34
".Lprevirt.m lcallq"=34
".Lprevirt.m LCALLQ"=34
".Lprevirt.m lcallw"=34
".Lprevirt.m LCALLW"=34
".Lprevirt.m lcalll"=34
".Lprevirt.m LCALLL"=34
".Lprevirt.m swapgs"=65571
".Lprevirt.m SWAPGS"=65571
".Lprevirt.m rdmsr"=36
".Lprevirt.m RDMSR"=36
".Lprevirt.m wrmsr"=37
".Lprevirt.m WRMSR"=37
".Lprevirt.m rdpmc"=38
".Lprevirt.m RDPMC"=38
".Lprevirt.m rdtsc"=39
".Lprevirt.m RDTSC"=39
".Lprevirt.m rdtscp"=40
".Lprevirt.m RDTSCP"=40
".Lprevirt.m cpuid"=41
".Lprevirt.m CPUID"=41
".Lprevirt.m lss"=46
".Lprevirt.m LSS"=46
".Lprevirt.m lssq"=46
".Lprevirt.m LSSQ"=46
".Lprevirt.m lssw"=46
".Lprevirt.m LSSW"=46
".Lprevirt.m lssl"=46
".Lprevirt.m LSSL"=46
".Lprevirt.m lfs"=46
".Lprevirt.m LFS"=46
".Lprevirt.m lfsq"=46
".Lprevirt.m LFSQ"=46
".Lprevirt.m lfsw"=46
".Lprevirt.m LFSW"=46
".Lprevirt.m lfsl"=46
".Lprevirt.m LFSL"=46
".Lprevirt.m lgs"=46
".Lprevirt.m LGS"=46
".Lprevirt.m lgsq"=46
".Lprevirt.m LGSQ"=46
".Lprevirt.m lgsw"=46
".Lprevirt.m LGSW"=46
".Lprevirt.m lgsl"=46
".Lprevirt.m LGSL"=46
".Lprevirt.m lds"=46
".Lprevirt.m LDS"=46
".Lprevirt.m ldsw"=46
".Lprevirt.m LDSW"=46
".Lprevirt.m ldsl"=46
".Lprevirt.m LDSL"=46
".Lprevirt.m les"=46
".Lprevirt.m LES"=46
".Lprevirt.m lesw"=46
".Lprevirt.m LESW"=46
".Lprevirt.m lesl"=46
".Lprevirt.m LESL"=46
".Lprevirt.m rdfsbase"=47
".Lprevirt.m RDFSBASE"=47
".Lprevirt.m rdfsbaseq"=47
".Lprevirt.m RDFSBASEQ"=47
".Lprevirt.m rdfsbasel"=47
".Lprevirt.m RDFSBASEL"=47
".Lprevirt.m rdgsbase"=48
".Lprevirt.m RDGSBASE"=48
".Lprevirt.m rdgsbaseq"=48
".Lprevirt.m RDGSBASEQ"=48
".Lprevirt.m rdgsbasel"=48
".Lprevirt.m RDGSBASEL"=48
".Lprevirt.m wrfsbase"=49
".Lprevirt.m WRFSBASE"=49
".Lprevirt.m wrfsbaseq"=49
".Lprevirt.m WRFSBASEQ"=49
".Lprevirt.m wrfsbasel"=49
".Lprevirt.m WRFSBASEL"=49
".Lprevirt.m wrgsbase"=50
".Lprevirt.m WRGSBASE"=50
".Lprevirt.m wrgsbaseq"=50
".Lprevirt.m WRGSBASEQ"=50
".Lprevirt.m wrgsbasel"=50
".Lprevirt.m WRGSBASEL"=50
".Lprevirt.m verr"=51
".Lprevirt.m VERR"=51
".Lprevirt.m verrw"=51
".Lprevirt.m VERRW"=51
".Lprevirt.m verw"=52
".Lprevirt.m VERW"=52
".Lprevirt.m verww"=52
".Lprevirt.m VERWW"=52
".Lprevirt.m lar"=53
".Lprevirt.m LAR"=53
".Lprevirt.m larq"=53
".Lprevirt.m LARQ"=53
".Lprevirt.m larw"=53
".Lprevirt.m LARW"=53
".Lprevirt.m larl"=53
".Lprevirt.m LARL"=53
".Lprevirt.m lsl"=54
".Lprevirt.m LSL"=54
".Lprevirt.m lslq"=54
".Lprevirt.m LSLQ"=54
".Lprevirt.m lslw"=54
".Lprevirt.m LSLW"=54
".Lprevirt.m lsll"=54
".Lprevirt.m LSLL"=54
".Lprevirt.m int"=55
".Lprevirt.m INT"=55
".Lprevirt.m int3"=56
".Lprevirt.m INT3"=56
".Lprevirt.m ud2"=57
".Lprevirt.m UD2"=57
".Lprevirt.m ud2a"=57
".Lprevirt.m UD2A"=57
".Lprevirt.m xsetbv"=58
".Lprevirt.m XSETBV"=58
".Lprevirt.m monitor"=59
".Lprevirt.m MONITOR"=59
".Lprevirt.m monitorx"=59
".Lprevirt.m MONITORX"=59
".Lprevirt.m mwait"=60
".Lprevirt.m MWAIT"=60
".Lprevirt.m mwaitx"=60
".Lprevirt.m MWAITX"=60
".Lprevirt.m clac"=61
".Lprevirt.m CLAC"=61
".Lprevirt.m stac"=62
".Lprevirt.m STAC"=62
".Lprevirt.m xsaves"=63
".Lprevirt.m XSAVES"=63
".Lprevirt.m xsaves64"=63
".Lprevirt.m XSAVES64"=63
".Lprevirt.m xrstors"=64
".Lprevirt.m XRSTORS"=64
".Lprevirt.m xrstors64"=64
".Lprevirt.m XRSTORS64"=64
".Lprevirt.m wrpkru"=65
".Lprevirt.m WRPKRU"=65
".Lprevirt.m rdpkru"=66
".Lprevirt.m RDPKRU"=66
".Lprevirt.m xrstor"=67
".Lprevirt.m XRSTOR"=67
".Lprevirt.m xrstor64"=67
".Lprevirt.m XRSTOR64"=67
".Lprevirt.m xgetbv"=68
".Lprevirt.m XGETBV"=68
".Lprevirt.w addr16"=0
".Lprevirt.w ADDR16"=0
".Lprevirt.w addr32"=0
".Lprevirt.w ADDR32"=0
".Lprevirt.w addr64"=0
".Lprevirt.w ADDR64"=0
".Lprevirt.w bnd"=0
".Lprevirt.w BND"=0
".Lprevirt.w cs"=0
".Lprevirt.w CS"=0
".Lprevirt.w data16"=0
".Lprevirt.w DATA16"=0
".Lprevirt.w data32"=0
".Lprevirt.w DATA32"=0
".Lprevirt.w ds"=0
".Lprevirt.w DS"=0
".Lprevirt.w es"=0
".Lprevirt.w ES"=0
".Lprevirt.w fs"=0
".Lprevirt.w FS"=0
".Lprevirt.w gs"=0
".Lprevirt.w GS"=0
".Lprevirt.w lock"=0
".Lprevirt.w LOCK"=0
".Lprevirt.w notrack"=0
".Lprevirt.w NOTRACK"=0
".Lprevirt.w rep"=0
".Lprevirt.w REP"=0
".Lprevirt.w repe"=0
".Lprevirt.w REPE"=0
".Lprevirt.w repne"=0
".Lprevirt.w REPNE"=0
".Lprevirt.w repnz"=0
".Lprevirt.w REPNZ"=0
".Lprevirt.w repz"=0
".Lprevirt.w REPZ"=0
".Lprevirt.w rex"=0
".Lprevirt.w REX"=0
".Lprevirt.w rex.b"=0
".Lprevirt.w REX.B"=0
".Lprevirt.w rex.r"=0
".Lprevirt.w REX.R"=0
".Lprevirt.w rex.rb"=0
".Lprevirt.w REX.RB"=0
".Lprevirt.w rex.rx"=0
".Lprevirt.w REX.RX"=0
".Lprevirt.w rex.rxb"=0
".Lprevirt.w REX.RXB"=0
".Lprevirt.w rex.w"=0
".Lprevirt.w REX.W"=0
".Lprevirt.w rex.wb"=0
".Lprevirt.w REX.WB"=0
".Lprevirt.w rex.wr"=0
".Lprevirt.w REX.WR"=0
".Lprevirt.w rex.wrb"=0
".Lprevirt.w REX.WRB"=0
".Lprevirt.w rex.wrx"=0
".Lprevirt.w REX.WRX"=0
".Lprevirt.w rex.wrxb"=0
".Lprevirt.w REX.WRXB"=0
".Lprevirt.w rex.wx"=0
".Lprevirt.w REX.WX"=0
".Lprevirt.w rex.wxb"=0
".Lprevirt.w REX.WXB"=0
".Lprevirt.w rex.x"=0
".Lprevirt.w REX.X"=0
".Lprevirt.w rex.xb"=0
".Lprevirt.w REX.XB"=0
".Lprevirt.w rex64"=0
".Lprevirt.w REX64"=0
".Lprevirt.w rex64x"=0
".Lprevirt.w REX64X"=0
".Lprevirt.w rex64xy"=0
".Lprevirt.w REX64XY"=0
".Lprevirt.w rex64xyz"=0
".Lprevirt.w REX64XYZ"=0
".Lprevirt.w rex64xz"=0
".Lprevirt.w REX64XZ"=0
".Lprevirt.w rex64y"=0
".Lprevirt.w REX64Y"=0
".Lprevirt.w rex64yz"=0
".Lprevirt.w REX64YZ"=0
".Lprevirt.w rex64z"=0
".Lprevirt.w REX64Z"=0
".Lprevirt.w rexx"=0
".Lprevirt.w REXX"=0
".Lprevirt.w rexxy"=0
".Lprevirt.w REXXY"=0
".Lprevirt.w rexxyz"=0
".Lprevirt.w REXXYZ"=0
".Lprevirt.w rexxz"=0
".Lprevirt.w REXXZ"=0
".Lprevirt.w rexy"=0
".Lprevirt.w REXY"=0
".Lprevirt.w rexyz"=0
".Lprevirt.w REXYZ"=0
".Lprevirt.w rexz"=0
".Lprevirt.w REXZ"=0
".Lprevirt.w ss"=0
".Lprevirt.w SS"=0
".Lprevirt.w xacquire"=0
".Lprevirt.w XACQUIRE"=0
".Lprevirt.w xrelease"=0
".Lprevirt.w XRELEASE"=0
".Lprevirt.w mov"=1
".Lprevirt.w MOV"=1
".Lprevirt.w movl"=1
".Lprevirt.w MOVL"=1
".Lprevirt.w movq"=1
".Lprevirt.w MOVQ"=1
".Lprevirt.w movw"=1
".Lprevirt.w MOVW"=1
".Lprevirt.w push"=2
".Lprevirt.w PUSH"=2
".Lprevirt.w pushl"=2
".Lprevirt.w PUSHL"=2
".Lprevirt.w pushq"=2
".Lprevirt.w PUSHQ"=2
".Lprevirt.w pushw"=2
".Lprevirt.w PUSHW"=2
".Lprevirt.w pop"=3
".Lprevirt.w POP"=3
".Lprevirt.w popl"=3
".Lprevirt.w POPL"=3
".Lprevirt.w popq"=3
".Lprevirt.w POPQ"=3
".Lprevirt.w popw"=3
".Lprevirt.w POPW"=3
".Lprevirt.w jmp"=4
".Lprevirt.w JMP"=4
".Lprevirt.w call"=5
".Lprevirt.w CALL"=5
".Lprevirt.t far"=1
".Lprevirt.t FAR"=1
".Lprevirt.t fword"=1
".Lprevirt.t FWORD"=1
".Lprevirt.t tword"=1
".Lprevirt.t TWORD"=1
".Lprevirt.j *%rax"=1
".Lprevirt.j *%RAX"=1
".Lprevirt.j *%rbx"=1
".Lprevirt.j *%RBX"=1
".Lprevirt.j *%rcx"=1
".Lprevirt.j *%RCX"=1
".Lprevirt.j *%rdx"=1
".Lprevirt.j *%RDX"=1
".Lprevirt.j *%rsi"=1
".Lprevirt.j *%RSI"=1
".Lprevirt.j *%rdi"=1
".Lprevirt.j *%RDI"=1
".Lprevirt.j *%rbp"=1
".Lprevirt.j *%RBP"=1
".Lprevirt.j *%rsp"=1
".Lprevirt.j *%RSP"=1
".Lprevirt.j *%r8"=1
".Lprevirt.j *%R8"=1
".Lprevirt.j *%r9"=1
".Lprevirt.j *%R9"=1
".Lprevirt.j *%r10"=1
".Lprevirt.j *%R10"=1
".Lprevirt.j *%r11"=1
".Lprevirt.j *%R11"=1
".Lprevirt.j *%r12"=1
".Lprevirt.j *%R12"=1
".Lprevirt.j *%r13"=1
".Lprevirt.j *%R13"=1
".Lprevirt.j *%r14"=1
".Lprevirt.j *%R14"=1
".Lprevirt.j *%r15"=1
".Lprevirt.j *%R15"=1
".Lprevirt.b 3"=1
".Lprevirt.b 0x3"=1
".Lprevirt.b 0x03"=1
".Lprevirt.b $3"=1
".Lprevirt.b $0x3"=1
".Lprevirt.b $0x03"=1
.macro previrt.look
.Lprevirt.x=.Lprevirt.a
.if .Lprevirt.x
.pushsection .text
.struct 0
inc %ax
.Lprevirt.x=-(.==3)
.popsection
.pushsection .text
.previous
.subsection 0
5380472:
.popsection
.ifdef .altinstr_replacement
previrt.unless .altinstr_replacement
.endif
.ifdef .data
previrt.unless .data
.endif
.ifdef .rodata
previrt.unless .rodata
.endif
.ifdef .init.data
previrt.unless .init.data
.endif
.ifdef .init.rodata
previrt.unless .init.rodata
.endif
.ifdef .data..ro_after_init
previrt.unless .data..ro_after_init
.endif
.endif
.endm
.macro previrt.unless s
.Lprevirt.d\@=(.Lprevirt.e\@==5380472b)
.pushsection \s
.Lprevirt.e\@:
.popsection
.if .Lprevirt.d\@
.Lprevirt.x=0
.endif
.endm
.Lprevirt.o=0
.macro previrt.piece
.Lprevirt.d\@=(.Lprevirt.e\@==.Lprevirt.o)
.pushsection .text
.previous
.subsection 8191
.Lprevirt.e\@:
.popsection
.if .Lprevirt.d\@==0
previrt.open .Lprevirt.e\@
.endif
.endm
.macro previrt.open place
.ifdef .Lprevirt.q
.purgem previrt.put
.endif
.Lprevirt.q=1
.Lprevirt.o=\place
.macro previrt.put class,flags,scratch,line,file
.pushsection .afterburn,"?o",@progbits,\place
.quad 5380470b,5380471b
.section .afterburn.info,"?o",@progbits,\place
.short \class,\flags
.long \scratch,\line,\file
.section .afterburn.undo,"?o",@progbits,\place
.zero 16
.popsection
.endm
.endm
.macro previrt.label
.Lprevirt.d\@=(.Lprevirt.e\@==5380468b)
.Lprevirt.e\@:
.if .Lprevirt.d\@==0
5380470:
.endif
.endm
.macro previrt.end class,room,flags
previrt.look
.if .Lprevirt.x
.if \room
.fill -(((\room-(.-5380470b))>0)*(\room-(.-5380470b))),1,0x90
.endif
5380471:
previrt.piece
previrt.put \class,\flags,0,0,0
.ifndef .Lprevirt.n
.Lprevirt.n=1
.pushsection .note.afterburn,"G",@note,previrt.note.annotation,comdat
.balign 4
.long 8,32,1
.asciz "previrt"
.short 1,62,16,16
.ascii "previrt-as 1, macros"
.zero 4
.long 8,40,2
.asciz "previrt"
.zero 40
.popsection
.endif
.endif
.endm
.macro previrt.mov a,b,c,d,e,f,g:vararg
.ifdef ".Lprevirt.r \a"
.Lprevirt.k=".Lprevirt.r \a"
.if .Lprevirt.k==512
.Lprevirt.k=0
previrt.mov %\b,\c,\d,\e
.else
.Lprevirt.k=.Lprevirt.k|2048
.endif
.else
.ifdef ".Lprevirt.r \b"
.Lprevirt.k=".Lprevirt.r \b"
.if .Lprevirt.k==512
.Lprevirt.k=0
previrt.mov \a,%\c
.endif
.else
.ifnb \c
.ifdef ".Lprevirt.r \c"
.Lprevirt.k=".Lprevirt.r \c"
.else
.ifdef ".Lprevirt.r \d"
.Lprevirt.k=".Lprevirt.r \d"
.else
.ifdef ".Lprevirt.r \e"
.Lprevirt.k=".Lprevirt.r \e"
.endif
.endif
.endif
.endif
.endif
.endif
.endm
.macro previrt.push o:vararg
.ifdef ".Lprevirt.r \o"
.Lprevirt.k=".Lprevirt.r \o"&256|44
.endif
.endm
.macro previrt.pop o:vararg
.ifdef ".Lprevirt.r \o"
.Lprevirt.k=".Lprevirt.r \o"&256|45
.endif
.endm
.macro previrt.far class,m,rest:vararg
.ifdef ".Lprevirt.t \m"
.Lprevirt.k=4096|\class
.endif
.endm
.macro previrt.jmp o:vararg
previrt.far 33,\o
.endm
.macro previrt.call o:vararg
previrt.far 34,\o
.endm
.macro previrt.prefixed m,rest:vararg
.ifdef ".Lprevirt.m \m"
.Lprevirt.k=".Lprevirt.m \m"
.else
.ifdef ".Lprevirt.w \m"
.if ".Lprevirt.w \m"==0
previrt.prefixed \rest
.endif
.if ".Lprevirt.w \m"==1
previrt.mov \rest
.endif
.if ".Lprevirt.w \m"==2
previrt.push \rest
.endif
.if ".Lprevirt.w \m"==3
previrt.pop \rest
.endif
.if ".Lprevirt.w \m"==4
previrt.jmp \rest
.endif
.if ".Lprevirt.w \m"==5
previrt.call \rest
.endif
.endif
.endif
.endm
.macro previrt.resolve m,o:vararg
.if .Lprevirt.k&5376
.pushsection .text
.struct 0
{nooptimize} mov %ds,%ax
.Lprevirt.i=1+(.==3)
.if (.Lprevirt.k&256)&&(.Lprevirt.i==0)
.struct 0
{nooptimize} \m \o
.Lprevirt.k=.Lprevirt.k*-(.<7)
.endif
.if (.Lprevirt.k&4096)&&(.Lprevirt.i==0)
.Lprevirt.k=0
.endif
.if .Lprevirt.k&1024
.Lprevirt.k=.Lprevirt.k+((.Lprevirt.i^1^(.Lprevirt.k/2048))&1)
.endif
.popsection
.endif
.Lprevirt.l=.Lprevirt.k>>16
.Lprevirt.k=.Lprevirt.k&255
.endm
.macro previrt.alternate o
.Lprevirt.m=0
.ifc o,1
.Lprevirt.m=1
.endif
.endm
.macro cli o:vararg
previrt.label
{nooptimize} cli \o
previrt.end 1,8,0
.endm
.macro sti o:vararg
previrt.label
previrt.look
.if .Lprevirt.x
.skip 7,0x90
.endif
{nooptimize} sti \o
previrt.end 2,0,2
.endm
.macro pushf o:vararg
previrt.label
{nooptimize} pushf \o
previrt.end 3,8,0
.endm
.macro pushfq o:vararg
previrt.label
{nooptimize} pushfq \o
previrt.end 3,8,0
.endm
.macro pushfw o:vararg
previrt.label
{nooptimize} pushfw \o
previrt.end 3,8,0
.endm
.macro pushfd o:vararg
previrt.label
{nooptimize} pushfd \o
previrt.end 3,8,0
.endm
.macro popf o:vararg
previrt.label
{nooptimize} popf \o
previrt.end 4,8,0
.endm
.macro popfq o:vararg
previrt.label
{nooptimize} popfq \o
previrt.end 4,8,0
.endm
.macro popfw o:vararg
previrt.label
{nooptimize} popfw \o
previrt.end 4,8,0
.endm
.macro popfd o:vararg
previrt.label
{nooptimize} popfd \o
previrt.end 4,8,0
.endm
.macro hlt o:vararg
previrt.label
{nooptimize} hlt \o
previrt.end 5,8,0
.endm
.macro lgdt o:vararg
previrt.label
{nooptimize} lgdt \o
previrt.end 6,8,0
.endm
.macro lgdtq o:vararg
previrt.label
{nooptimize} lgdtq \o
previrt.end 6,8,0
.endm
.macro lgdtw o:vararg
previrt.label
{nooptimize} lgdtw \o
previrt.end 6,8,0
.endm
.macro lgdtl o:vararg
previrt.label
{nooptimize} lgdtl \o
previrt.end 6,8,0
.endm
.macro lidt o:vararg
previrt.label
{nooptimize} lidt \o
previrt.end 7,8,0
.endm
.macro lidtq o:vararg
previrt.label
{nooptimize} lidtq \o
previrt.end 7,8,0
.endm
.macro lidtw o:vararg
previrt.label
{nooptimize} lidtw \o
previrt.end 7,8,0
.endm
.macro lidtl o:vararg
previrt.label
{nooptimize} lidtl \o
previrt.end 7,8,0
.endm
.macro lldt o:vararg
previrt.label
{nooptimize} lldt \o
previrt.end 8,8,0
.endm
.macro lldtw o:vararg
previrt.label
{nooptimize} lldtw \o
previrt.end 8,8,0
.endm
.macro ltr o:vararg
previrt.label
{nooptimize} ltr \o
previrt.end 9,8,0
.endm
.macro ltrw o:vararg
previrt.label
{nooptimize} ltrw \o
previrt.end 9,8,0
.endm
.macro sgdt o:vararg
previrt.label
{nooptimize} sgdt \o
previrt.end 10,8,0
.endm
.macro sgdtq o:vararg
previrt.label
{nooptimize} sgdtq \o
previrt.end 10,8,0
.endm
.macro sgdtw o:vararg
previrt.label
{nooptimize} sgdtw \o
previrt.end 10,8,0
.endm
.macro sgdtl o:vararg
previrt.label
{nooptimize} sgdtl \o
previrt.end 10,8,0
.endm
.macro sidt o:vararg
previrt.label
{nooptimize} sidt \o
previrt.end 11,8,0
.endm
.macro sidtq o:vararg
previrt.label
{nooptimize} sidtq \o
previrt.end 11,8,0
.endm
.macro sidtw o:vararg
previrt.label
{nooptimize} sidtw \o
previrt.end 11,8,0
.endm
.macro sidtl o:vararg
previrt.label
{nooptimize} sidtl \o
previrt.end 11,8,0
.endm
.macro sldt o:vararg
previrt.label
{nooptimize} sldt \o
previrt.end 12,8,0
.endm
.macro sldtq o:vararg
previrt.label
{nooptimize} sldtq \o
previrt.end 12,8,0
.endm
.macro sldtw o:vararg
previrt.label
{nooptimize} sldtw \o
previrt.end 12,8,0
.endm
.macro sldtl o:vararg
previrt.label
{nooptimize} sldtl \o
previrt.end 12,8,0
.endm
.macro str o:vararg
previrt.label
{nooptimize} str \o
previrt.end 13,8,0
.endm
.macro strq o:vararg
previrt.label
{nooptimize} strq \o
previrt.end 13,8,0
.endm
.macro strw o:vararg
previrt.label
{nooptimize} strw \o
previrt.end 13,8,0
.endm
.macro strl o:vararg
previrt.label
{nooptimize} strl \o
previrt.end 13,8,0
.endm
.macro smsw o:vararg
previrt.label
{nooptimize} smsw \o
previrt.end 14,8,0
.endm
.macro smswq o:vararg
previrt.label
{nooptimize} smswq \o
previrt.end 14,8,0
.endm
.macro smsww o:vararg
previrt.label
{nooptimize} smsww \o
previrt.end 14,8,0
.endm
.macro smswl o:vararg
previrt.label
{nooptimize} smswl \o
previrt.end 14,8,0
.endm
.macro lmsw o:vararg
previrt.label
{nooptimize} lmsw \o
previrt.end 15,8,0
.endm
.macro lmsww o:vararg
previrt.label
{nooptimize} lmsww \o
previrt.end 15,8,0
.endm
.macro clts o:vararg
previrt.label
{nooptimize} clts \o
previrt.end 20,8,0
.endm
.macro invlpg o:vararg
previrt.label
{nooptimize} invlpg \o
previrt.end 21,8,0
.endm
.macro invpcid o:vararg
previrt.label
{nooptimize} invpcid \o
previrt.end 22,8,0
.endm
.macro invd o:vararg
previrt.label
{nooptimize} invd \o
previrt.end 23,8,0
.endm
.macro wbinvd o:vararg
previrt.label
{nooptimize} wbinvd \o
previrt.end 24,8,0
.endm
.macro wbnoinvd o:vararg
previrt.label
{nooptimize} wbnoinvd \o
previrt.end 24,8,0
.endm
.macro in o:vararg
previrt.label
{nooptimize} in \o
previrt.end 25,8,0
.endm
.macro inb o:vararg
previrt.label
{nooptimize} inb \o
previrt.end 25,8,0
.endm
.macro inw o:vararg
previrt.label
{nooptimize} inw \o
previrt.end 25,8,0
.endm
.macro inl o:vararg
previrt.label
{nooptimize} inl \o
previrt.end 25,8,0
.endm
.macro out o:vararg
previrt.label
{nooptimize} out \o
previrt.end 26,8,0
.endm
.macro outb o:vararg
previrt.label
{nooptimize} outb \o
previrt.end 26,8,0
.endm
.macro outw o:vararg
previrt.label
{nooptimize} outw \o
previrt.end 26,8,0
.endm
.macro outl o:vararg
previrt.label
{nooptimize} outl \o
previrt.end 26,8,0
.endm
.macro ins o:vararg
previrt.label
{nooptimize} ins \o
previrt.end 27,8,0
.endm
.macro insb o:vararg
previrt.label
{nooptimize} insb \o
previrt.end 27,8,0
.endm
.macro insw o:vararg
previrt.label
{nooptimize} insw \o
previrt.end 27,8,0
.endm
.macro insl o:vararg
previrt.label
{nooptimize} insl \o
previrt.end 27,8,0
.endm
.macro insd o:vararg
previrt.label
{nooptimize} insd \o
previrt.end 27,8,0
.endm
.macro outs o:vararg
previrt.label
{nooptimize} outs \o
previrt.end 28,8,0
.endm
.macro outsb o:vararg
previrt.label
{nooptimize} outsb \o
previrt.end 28,8,0
.endm
.macro outsw o:vararg
previrt.label
{nooptimize} outsw \o
previrt.end 28,8,0
.endm
.macro outsl o:vararg
previrt.label
{nooptimize} outsl \o
previrt.end 28,8,0
.endm
.macro outsd o:vararg
previrt.label
{nooptimize} outsd \o
previrt.end 28,8,0
.endm
.macro iret o:vararg
previrt.label
{nooptimize} iret \o
previrt.end 29,8,1
.endm
.macro iretq o:vararg
previrt.label
{nooptimize} iretq \o
previrt.end 29,8,1
.endm
.macro iretw o:vararg
previrt.label
{nooptimize} iretw \o
previrt.end 29,8,1
.endm
.macro iretl o:vararg
previrt.label
{nooptimize} iretl \o
previrt.end 29,8,1
.endm
.macro iretd o:vararg
previrt.label
{nooptimize} iretd \o
previrt.end 29,8,1
.endm
.macro lret o:vararg
previrt.label
{nooptimize} lret \o
previrt.end 30,8,0
.endm
.macro lretq o:vararg
previrt.label
{nooptimize} lretq \o
previrt.end 30,8,0
.endm
.macro lretw o:vararg
previrt.label
{nooptimize} lretw \o
previrt.end 30,8,0
.endm
.macro lretl o:vararg
previrt.label
{nooptimize} lretl \o
previrt.end 30,8,0
.endm
.macro retf o:vararg
previrt.label
{nooptimize} retf \o
previrt.end 30,8,0
.endm
.macro retfq o:vararg
previrt.label
{nooptimize} retfq \o
previrt.end 30,8,0
.endm
.macro retfw o:vararg
previrt.label
{nooptimize} retfw \o
previrt.end 30,8,0
.endm
.macro retfl o:vararg
previrt.label
{nooptimize} retfl \o
previrt.end 30,8,0
.endm
.macro retfd o:vararg
previrt.label
{nooptimize} retfd \o
previrt.end 30,8,0
.endm
.macro sysret o:vararg
previrt.label
{nooptimize} sysret \o
previrt.end 31,8,1
.endm
.macro sysretq o:vararg
previrt.label
{nooptimize} sysretq \o
previrt.end 31,8,1
.endm
.macro sysretl o:vararg
previrt.label
{nooptimize} sysretl \o
previrt.end 31,8,1
.endm
.macro sysretd o:vararg
previrt.label
{nooptimize} sysretd \o
previrt.end 31,8,1
.endm
.macro sysexit o:vararg
previrt.label
{nooptimize} sysexit \o
previrt.end 32,8,1
.endm
.macro sysexitq o:vararg
previrt.label
{nooptimize} sysexitq \o
previrt.end 32,8,1
.endm
.macro sysexitl o:vararg
previrt.label
{nooptimize} sysexitl \o
previrt.end 32,8,1
.endm
.macro sysexitd o:vararg
previrt.label
{nooptimize} sysexitd \o
previrt.end 32,8,1
.endm
.macro ljmp o:vararg
previrt.label
{nooptimize} ljmp \o
previrt.end 33,8,0
.endm
.macro ljmpq o:vararg
previrt.label
{nooptimize} ljmpq \o
previrt.end 33,8,0
.endm
.macro ljmpw o:vararg
previrt.label
{nooptimize} ljmpw \o
previrt.end 33,8,0
.endm
.macro ljmpl o:vararg
previrt.label
{nooptimize} ljmpl \o
previrt.end 33,8,0
.endm
.macro lcall o:vararg
previrt.label
{nooptimize} lcall \o
previrt.end 34,8,0
.endm
.macro lcallq o:vararg
previrt.label
{nooptimize} lcallq \o
previrt.end 34,8,0
.endm
.macro lcallw o:vararg
previrt.label
{nooptimize} lcallw \o
previrt.end 34,8,0
.endm
.macro lcalll o:vararg
previrt.label
{nooptimize} lcalll \o
previrt.end 34,8,0
.endm
.macro swapgs o:vararg
previrt.label
{nooptimize} swapgs \o
previrt.end 35,8,1
.endm
.macro rdmsr o:vararg
previrt.label
{nooptimize} rdmsr \o
previrt.end 36,8,0
.endm
.macro wrmsr o:vararg
previrt.label
{nooptimize} wrmsr \o
previrt.end 37,8,0
.endm
.macro rdpmc o:vararg
previrt.label
{nooptimize} rdpmc \o
previrt.end 38,8,0
.endm
.macro rdtsc o:vararg
previrt.label
{nooptimize} rdtsc \o
previrt.end 39,8,0
.endm
.macro rdtscp o:vararg
previrt.label
{nooptimize} rdtscp \o
previrt.end 40,8,0
.endm
.macro cpuid o:vararg
previrt.label
{nooptimize} cpuid \o
previrt.end 41,8,0
.endm
.macro lss o:vararg
previrt.label
{nooptimize} lss \o
previrt.end 46,8,0
.endm
.macro lssq o:vararg
previrt.label
{nooptimize} lssq \o
previrt.end 46,8,0
.endm
.macro lssw o:vararg
previrt.label
{nooptimize} lssw \o
previrt.end 46,8,0
.endm
.macro lssl o:vararg
previrt.label
{nooptimize} lssl \o
previrt.end 46,8,0
.endm
.macro lfs o:vararg
previrt.label
{nooptimize} lfs \o
previrt.end 46,8,0
.endm
.macro lfsq o:vararg
previrt.label
{nooptimize} lfsq \o
previrt.end 46,8,0
.endm
.macro lfsw o:vararg
previrt.label
{nooptimize} lfsw \o
previrt.end 46,8,0
.endm
.macro lfsl o:vararg
previrt.label
{nooptimize} lfsl \o
previrt.end 46,8,0
.endm
.macro lgs o:vararg
previrt.label
{nooptimize} lgs \o
previrt.end 46,8,0
.endm
.macro lgsq o:vararg
previrt.label
{nooptimize} lgsq \o
previrt.end 46,8,0
.endm
.macro lgsw o:vararg
previrt.label
{nooptimize} lgsw \o
previrt.end 46,8,0
.endm
.macro lgsl o:vararg
previrt.label
{nooptimize} lgsl \o
previrt.end 46,8,0
.endm
.macro lds o:vararg
previrt.label
{nooptimize} lds \o
previrt.end 46,8,0
.endm
.macro ldsw o:vararg
previrt.label
{nooptimize} ldsw \o
previrt.end 46,8,0
.endm
.macro ldsl o:vararg
previrt.label
{nooptimize} ldsl \o
previrt.end 46,8,0
.endm
.macro les o:vararg
previrt.label
{nooptimize} les \o
previrt.end 46,8,0
.endm
.macro lesw o:vararg
previrt.label
{nooptimize} lesw \o
previrt.end 46,8,0
.endm
.macro lesl o:vararg
previrt.label
{nooptimize} lesl \o
previrt.end 46,8,0
.endm
.macro rdfsbase o:vararg
previrt.label
{nooptimize} rdfsbase \o
previrt.end 47,8,0
.endm
.macro rdfsbaseq o:vararg
previrt.label
{nooptimize} rdfsbaseq \o
previrt.end 47,8,0
.endm
.macro rdfsbasel o:vararg
previrt.label
{nooptimize} rdfsbasel \o
previrt.end 47,8,0
.endm
.macro rdgsbase o:vararg
previrt.label
{nooptimize} rdgsbase \o
previrt.end 48,8,0
.endm
.macro rdgsbaseq o:vararg
previrt.label
{nooptimize} rdgsbaseq \o
previrt.end 48,8,0
.endm
.macro rdgsbasel o:vararg
previrt.label
{nooptimize} rdgsbasel \o
previrt.end 48,8,0
.endm
.macro wrfsbase o:vararg
previrt.label
{nooptimize} wrfsbase \o
previrt.end 49,8,0
.endm
.macro wrfsbaseq o:vararg
previrt.label
{nooptimize} wrfsbaseq \o
previrt.end 49,8,0
.endm
.macro wrfsbasel o:vararg
previrt.label
{nooptimize} wrfsbasel \o
previrt.end 49,8,0
.endm
.macro wrgsbase o:vararg
previrt.label
{nooptimize} wrgsbase \o
previrt.end 50,8,0
.endm
.macro wrgsbaseq o:vararg
previrt.label
{nooptimize} wrgsbaseq \o
previrt.end 50,8,0
.endm
.macro wrgsbasel o:vararg
previrt.label
{nooptimize} wrgsbasel \o
previrt.end 50,8,0
.endm
.macro verr o:vararg
previrt.label
{nooptimize} verr \o
previrt.end 51,8,0
.endm
.macro verrw o:vararg
previrt.label
{nooptimize} verrw \o
previrt.end 51,8,0
.endm
.macro verw o:vararg
previrt.label
{nooptimize} verw \o
previrt.end 52,8,0
.endm
.macro verww o:vararg
previrt.label
{nooptimize} verww \o
previrt.end 52,8,0
.endm
.macro lar o:vararg
previrt.label
{nooptimize} lar \o
previrt.end 53,8,0
.endm
.macro larq o:vararg
previrt.label
{nooptimize} larq \o
previrt.end 53,8,0
.endm
.macro larw o:vararg
previrt.label
{nooptimize} larw \o
previrt.end 53,8,0
.endm
.macro larl o:vararg
previrt.label
{nooptimize} larl \o
previrt.end 53,8,0
.endm
.macro lsl o:vararg
previrt.label
{nooptimize} lsl \o
previrt.end 54,8,0
.endm
.macro lslq o:vararg
previrt.label
{nooptimize} lslq \o
previrt.end 54,8,0
.endm
.macro lslw o:vararg
previrt.label
{nooptimize} lslw \o
previrt.end 54,8,0
.endm
.macro lsll o:vararg
previrt.label
{nooptimize} lsll \o
previrt.end 54,8,0
.endm
.macro int o:vararg
previrt.label
{nooptimize} int \o
.ifdef ".Lprevirt.b \o"
previrt.end 56,0,0
.else
previrt.end 55,8,0
.endif
.endm
.macro int3 o:vararg
.Lprevirt.d\@=(.Lprevirt.e\@==5380467b)
.Lprevirt.e\@:
.if .Lprevirt.d\@
{nooptimize} int3 \o
5380467:
.else
previrt.label
{nooptimize} int3 \o
previrt.end 56,0,0
.endif
.endm
.macro ud2 o:vararg
previrt.label
{nooptimize} ud2 \o
previrt.end 57,0,0
.endm
.macro ud2a o:vararg
previrt.label
{nooptimize} ud2a \o
previrt.end 57,0,0
.endm
.macro xsetbv o:vararg
previrt.label
{nooptimize} xsetbv \o
previrt.end 58,8,0
.endm
.macro monitor o:vararg
previrt.label
{nooptimize} monitor \o
previrt.end 59,8,0
.endm
.macro monitorx o:vararg
previrt.label
{nooptimize} monitorx \o
previrt.end 59,8,0
.endm
.macro mwait o:vararg
previrt.label
{nooptimize} mwait \o
previrt.end 60,8,0
.endm
.macro mwaitx o:vararg
previrt.label
{nooptimize} mwaitx \o
previrt.end 60,8,0
.endm
.macro clac o:vararg
previrt.label
{nooptimize} clac \o
previrt.end 61,8,0
.endm
.macro stac o:vararg
previrt.label
{nooptimize} stac \o
previrt.end 62,8,0
.endm
.macro xsaves o:vararg
previrt.label
{nooptimize} xsaves \o
previrt.end 63,8,0
.endm
.macro xsaves64 o:vararg
previrt.label
{nooptimize} xsaves64 \o
previrt.end 63,8,0
.endm
.macro xrstors o:vararg
previrt.label
{nooptimize} xrstors \o
previrt.end 64,8,0
.endm
.macro xrstors64 o:vararg
previrt.label
{nooptimize} xrstors64 \o
previrt.end 64,8,0
.endm
.macro wrpkru o:vararg
previrt.label
{nooptimize} wrpkru \o
previrt.end 65,8,0
.endm
.macro rdpkru o:vararg
previrt.label
{nooptimize} rdpkru \o
previrt.end 66,8,0
.endm
.macro xrstor o:vararg
previrt.label
{nooptimize} xrstor \o
previrt.end 67,8,0
.endm
.macro xrstor64 o:vararg
previrt.label
{nooptimize} xrstor64 \o
previrt.end 67,8,0
.endm
.macro xgetbv o:vararg
previrt.label
{nooptimize} xgetbv \o
previrt.end 68,8,0
.endm
.macro mov o:vararg
.ifc o,o
previrt.mov \o
.else
.noaltmacro
previrt.mov \o
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} mov \o
previrt.alternate 1
.noaltmacro
previrt.resolve mov \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} mov \o
.endif
.endm
.macro movl o:vararg
.ifc o,o
previrt.mov \o
.else
.noaltmacro
previrt.mov \o
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} movl \o
previrt.alternate 1
.noaltmacro
previrt.resolve movl \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} movl \o
.endif
.endm
.macro movq o:vararg
.ifc o,o
previrt.mov \o
.else
.noaltmacro
previrt.mov \o
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} movq \o
previrt.alternate 1
.noaltmacro
previrt.resolve movq \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} movq \o
.endif
.endm
.macro movw o:vararg
.ifc o,o
previrt.mov \o
.else
.noaltmacro
previrt.mov \o
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} movw \o
previrt.alternate 1
.noaltmacro
previrt.resolve movw \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} movw \o
.endif
.endm
.macro push o:vararg
.ifdef ".Lprevirt.r \o"
previrt.push \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} push \o
previrt.alternate 1
.noaltmacro
previrt.resolve push \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} push \o
.endif
.endm
.macro pushl o:vararg
.ifdef ".Lprevirt.r \o"
previrt.push \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} pushl \o
previrt.alternate 1
.noaltmacro
previrt.resolve pushl \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} pushl \o
.endif
.endm
.macro pushq o:vararg
.ifdef ".Lprevirt.r \o"
previrt.push \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} pushq \o
previrt.alternate 1
.noaltmacro
previrt.resolve pushq \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} pushq \o
.endif
.endm
.macro pushw o:vararg
.ifdef ".Lprevirt.r \o"
previrt.push \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} pushw \o
previrt.alternate 1
.noaltmacro
previrt.resolve pushw \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} pushw \o
.endif
.endm
.macro pop o:vararg
.ifdef ".Lprevirt.r \o"
previrt.pop \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} pop \o
previrt.alternate 1
.noaltmacro
previrt.resolve pop \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} pop \o
.endif
.endm
.macro popl o:vararg
.ifdef ".Lprevirt.r \o"
previrt.pop \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} popl \o
previrt.alternate 1
.noaltmacro
previrt.resolve popl \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} popl \o
.endif
.endm
.macro popq o:vararg
.ifdef ".Lprevirt.r \o"
previrt.pop \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} popq \o
previrt.alternate 1
.noaltmacro
previrt.resolve popq \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} popq \o
.endif
.endm
.macro popw o:vararg
.ifdef ".Lprevirt.r \o"
previrt.pop \o
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} popw \o
previrt.alternate 1
.noaltmacro
previrt.resolve popw \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} popw \o
.endif
.endm
.macro jmp o:vararg
previrt.jmp \o
.if .Lprevirt.k
previrt.label
{nooptimize} jmp \o
previrt.alternate 1
.noaltmacro
previrt.resolve jmp \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} jmp \o
.ifdef ".Lprevirt.j \o"
5380467:
.endif
.endif
.endm
.macro call o:vararg
previrt.call \o
.if .Lprevirt.k
previrt.label
{nooptimize} call \o
previrt.alternate 1
.noaltmacro
previrt.resolve call \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} call \o
.endif
.endm
.macro ret o:vararg
{nooptimize} ret \o
5380467:
.endm
.macro retq o:vararg
{nooptimize} retq \o
5380467:
.endm
.macro retn o:vararg
{nooptimize} retn \o
5380467:
.endm
.macro addr16 o:vararg
.ifb \o
previrt.label
{nooptimize} addr16
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} addr16 \o
previrt.alternate 1
.noaltmacro
previrt.resolve addr16 \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} addr16 \o
.endif
.endif
.endm
.macro addr32 o:vararg
.ifb \o
previrt.label
{nooptimize} addr32
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} addr32 \o
previrt.alternate 1
.noaltmacro
previrt.resolve addr32 \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} addr32 \o
.endif
.endif
.endm
.macro addr64 o:vararg
.ifb \o
previrt.label
{nooptimize} addr64
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} addr64 \o
previrt.alternate 1
.noaltmacro
previrt.resolve addr64 \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} addr64 \o
.endif
.endif
.endm
.macro bnd o:vararg
.ifb \o
previrt.label
{nooptimize} bnd
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} bnd \o
previrt.alternate 1
.noaltmacro
previrt.resolve bnd \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} bnd \o
.endif
5380467:
.endif
.endm
.macro cs o:vararg
.ifb \o
previrt.label
{nooptimize} cs
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} cs \o
previrt.alternate 1
.noaltmacro
previrt.resolve cs \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} cs \o
.endif
.endif
.endm
.macro data16 o:vararg
.ifb \o
previrt.label
{nooptimize} data16
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} data16 \o
previrt.alternate 1
.noaltmacro
previrt.resolve data16 \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} data16 \o
.endif
.endif
.endm
.macro data32 o:vararg
.ifb \o
previrt.label
{nooptimize} data32
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} data32 \o
previrt.alternate 1
.noaltmacro
previrt.resolve data32 \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} data32 \o
.endif
.endif
.endm
.macro ds o:vararg
.ifb \o
previrt.label
{nooptimize} ds
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} ds \o
previrt.alternate 1
.noaltmacro
previrt.resolve ds \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} ds \o
.endif
.endif
.endm
.macro es o:vararg
.ifb \o
previrt.label
{nooptimize} es
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} es \o
previrt.alternate 1
.noaltmacro
previrt.resolve es \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} es \o
.endif
.endif
.endm
.macro fs o:vararg
.ifb \o
previrt.label
{nooptimize} fs
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} fs \o
previrt.alternate 1
.noaltmacro
previrt.resolve fs \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} fs \o
.endif
.endif
.endm
.macro gs o:vararg
.ifb \o
previrt.label
{nooptimize} gs
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} gs \o
previrt.alternate 1
.noaltmacro
previrt.resolve gs \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} gs \o
.endif
.endif
.endm
.macro lock o:vararg
.ifb \o
previrt.label
{nooptimize} lock
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} lock \o
previrt.alternate 1
.noaltmacro
previrt.resolve lock \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} lock \o
.endif
.endif
.endm
.macro notrack o:vararg
.ifb \o
previrt.label
{nooptimize} notrack
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} notrack \o
previrt.alternate 1
.noaltmacro
previrt.resolve notrack \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} notrack \o
.endif
5380467:
.endif
.endm
.macro rep o:vararg
.ifb \o
previrt.label
{nooptimize} rep
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rep \o
previrt.alternate 1
.noaltmacro
previrt.resolve rep \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rep \o
.endif
.endif
.endm
.macro repe o:vararg
.ifb \o
previrt.label
{nooptimize} repe
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} repe \o
previrt.alternate 1
.noaltmacro
previrt.resolve repe \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} repe \o
.endif
.endif
.endm
.macro repne o:vararg
.ifb \o
previrt.label
{nooptimize} repne
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} repne \o
previrt.alternate 1
.noaltmacro
previrt.resolve repne \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} repne \o
.endif
.endif
.endm
.macro repnz o:vararg
.ifb \o
previrt.label
{nooptimize} repnz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} repnz \o
previrt.alternate 1
.noaltmacro
previrt.resolve repnz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} repnz \o
.endif
.endif
.endm
.macro repz o:vararg
.ifb \o
previrt.label
{nooptimize} repz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} repz \o
previrt.alternate 1
.noaltmacro
previrt.resolve repz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} repz \o
.endif
.endif
.endm
.macro rex o:vararg
.ifb \o
previrt.label
{nooptimize} rex
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex \o
.endif
.endif
.endm
.macro rex.b o:vararg
.ifb \o
previrt.label
{nooptimize} rex.b
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.b \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.b \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.b \o
.endif
.endif
.endm
.macro rex.r o:vararg
.ifb \o
previrt.label
{nooptimize} rex.r
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.r \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.r \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.r \o
.endif
.endif
.endm
.macro rex.rb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.rb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.rb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.rb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.rb \o
.endif
.endif
.endm
.macro rex.rx o:vararg
.ifb \o
previrt.label
{nooptimize} rex.rx
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.rx \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.rx \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.rx \o
.endif
.endif
.endm
.macro rex.rxb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.rxb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.rxb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.rxb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.rxb \o
.endif
.endif
.endm
.macro rex.w o:vararg
.ifb \o
previrt.label
{nooptimize} rex.w
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.w \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.w \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.w \o
.endif
.endif
.endm
.macro rex.wb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wb \o
.endif
.endif
.endm
.macro rex.wr o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wr
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wr \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wr \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wr \o
.endif
.endif
.endm
.macro rex.wrb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wrb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wrb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wrb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wrb \o
.endif
.endif
.endm
.macro rex.wrx o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wrx
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wrx \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wrx \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wrx \o
.endif
.endif
.endm
.macro rex.wrxb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wrxb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wrxb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wrxb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wrxb \o
.endif
.endif
.endm
.macro rex.wx o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wx
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wx \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wx \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wx \o
.endif
.endif
.endm
.macro rex.wxb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.wxb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.wxb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.wxb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.wxb \o
.endif
.endif
.endm
.macro rex.x o:vararg
.ifb \o
previrt.label
{nooptimize} rex.x
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.x \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.x \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.x \o
.endif
.endif
.endm
.macro rex.xb o:vararg
.ifb \o
previrt.label
{nooptimize} rex.xb
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex.xb \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex.xb \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex.xb \o
.endif
.endif
.endm
.macro rex64 o:vararg
.ifb \o
previrt.label
{nooptimize} rex64
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64 \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64 \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64 \o
.endif
.endif
.endm
.macro rex64x o:vararg
.ifb \o
previrt.label
{nooptimize} rex64x
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64x \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64x \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64x \o
.endif
.endif
.endm
.macro rex64xy o:vararg
.ifb \o
previrt.label
{nooptimize} rex64xy
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64xy \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64xy \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64xy \o
.endif
.endif
.endm
.macro rex64xyz o:vararg
.ifb \o
previrt.label
{nooptimize} rex64xyz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64xyz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64xyz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64xyz \o
.endif
.endif
.endm
.macro rex64xz o:vararg
.ifb \o
previrt.label
{nooptimize} rex64xz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64xz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64xz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64xz \o
.endif
.endif
.endm
.macro rex64y o:vararg
.ifb \o
previrt.label
{nooptimize} rex64y
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64y \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64y \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64y \o
.endif
.endif
.endm
.macro rex64yz o:vararg
.ifb \o
previrt.label
{nooptimize} rex64yz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64yz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64yz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64yz \o
.endif
.endif
.endm
.macro rex64z o:vararg
.ifb \o
previrt.label
{nooptimize} rex64z
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rex64z \o
previrt.alternate 1
.noaltmacro
previrt.resolve rex64z \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rex64z \o
.endif
.endif
.endm
.macro rexx o:vararg
.ifb \o
previrt.label
{nooptimize} rexx
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexx \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexx \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexx \o
.endif
.endif
.endm
.macro rexxy o:vararg
.ifb \o
previrt.label
{nooptimize} rexxy
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexxy \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexxy \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexxy \o
.endif
.endif
.endm
.macro rexxyz o:vararg
.ifb \o
previrt.label
{nooptimize} rexxyz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexxyz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexxyz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexxyz \o
.endif
.endif
.endm
.macro rexxz o:vararg
.ifb \o
previrt.label
{nooptimize} rexxz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexxz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexxz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexxz \o
.endif
.endif
.endm
.macro rexy o:vararg
.ifb \o
previrt.label
{nooptimize} rexy
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexy \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexy \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexy \o
.endif
.endif
.endm
.macro rexyz o:vararg
.ifb \o
previrt.label
{nooptimize} rexyz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexyz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexyz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexyz \o
.endif
.endif
.endm
.macro rexz o:vararg
.ifb \o
previrt.label
{nooptimize} rexz
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} rexz \o
previrt.alternate 1
.noaltmacro
previrt.resolve rexz \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} rexz \o
.endif
.endif
.endm
.macro ss o:vararg
.ifb \o
previrt.label
{nooptimize} ss
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} ss \o
previrt.alternate 1
.noaltmacro
previrt.resolve ss \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} ss \o
.endif
.endif
.endm
.macro xacquire o:vararg
.ifb \o
previrt.label
{nooptimize} xacquire
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} xacquire \o
previrt.alternate 1
.noaltmacro
previrt.resolve xacquire \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} xacquire \o
.endif
.endif
.endm
.macro xrelease o:vararg
.ifb \o
previrt.label
{nooptimize} xrelease
5380468:
.else
previrt.alternate 1
.noaltmacro
previrt.prefixed \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.label
{nooptimize} xrelease \o
previrt.alternate 1
.noaltmacro
previrt.resolve xrelease \o
.if .Lprevirt.m
.altmacro
.endif
.if .Lprevirt.k
previrt.end .Lprevirt.k,8,.Lprevirt.l
.endif
.Lprevirt.k=0
.else
{nooptimize} xrelease \o
.endif
.endif
.endm
.endr
.list
