// Made by `make macros` from the tables of afterburner/ and linker/sites/; do not edit.
// How to use it: docs/afterburning.md
# 4 "previrt macros, ia64.s"
.nolist
.altmacro
.Lprevirt.a=1
.Lprevirt.g=0
.ifndef .Lprevirt.room
.Lprevirt.room=3
.endif
.ifndef .Lprevirt.free
.Lprevirt.free=0
.endif
.macro previrt.mode
.ifdef .Lprevirt.auto
.auto
.else
.default
.endif
.endm
".Lprevirt.r r0"=0x0
".Lprevirt.r r0-r1"=0x0
".Lprevirt.r r0-r2"=0x4
".Lprevirt.r r0-r3"=0xc
".Lprevirt.r r0-r4"=0x1c
".Lprevirt.r r0-r5"=0x3c
".Lprevirt.r r0-r6"=0x7c
".Lprevirt.r r0-r7"=0xfc
".Lprevirt.r r0-r8"=0x1fc
".Lprevirt.r r0-r9"=0x3fc
".Lprevirt.r r0-r10"=0x7fc
".Lprevirt.r r0-r11"=0xffc
".Lprevirt.r r0-r12"=0xffc
".Lprevirt.r r0-r13"=0xffc
".Lprevirt.r r0-r14"=0x4ffc
".Lprevirt.r r0-r15"=0xcffc
".Lprevirt.r r0-r16"=0x1cffc
".Lprevirt.r r0-r17"=0x3cffc
".Lprevirt.r r0-r18"=0x7cffc
".Lprevirt.r r0-r19"=0xfcffc
".Lprevirt.r r0-r20"=0x1fcffc
".Lprevirt.r r0-r21"=0x3fcffc
".Lprevirt.r r0-r22"=0x7fcffc
".Lprevirt.r r0-r23"=0xffcffc
".Lprevirt.r r0-r24"=0x1ffcffc
".Lprevirt.r r0-r25"=0x3ffcffc
".Lprevirt.r r0-r26"=0x7ffcffc
".Lprevirt.r r0-r27"=0xfffcffc
".Lprevirt.r r0-r28"=0x1fffcffc
".Lprevirt.r r0-r29"=0x3fffcffc
".Lprevirt.r r0-r30"=0x7fffcffc
".Lprevirt.r r0-r31"=0xffffcffc
".Lprevirt.r r1"=0x0
".Lprevirt.r r1-r2"=0x4
".Lprevirt.r r1-r3"=0xc
".Lprevirt.r r1-r4"=0x1c
".Lprevirt.r r1-r5"=0x3c
".Lprevirt.r r1-r6"=0x7c
".Lprevirt.r r1-r7"=0xfc
".Lprevirt.r r1-r8"=0x1fc
".Lprevirt.r r1-r9"=0x3fc
".Lprevirt.r r1-r10"=0x7fc
".Lprevirt.r r1-r11"=0xffc
".Lprevirt.r r1-r12"=0xffc
".Lprevirt.r r1-r13"=0xffc
".Lprevirt.r r1-r14"=0x4ffc
".Lprevirt.r r1-r15"=0xcffc
".Lprevirt.r r1-r16"=0x1cffc
".Lprevirt.r r1-r17"=0x3cffc
".Lprevirt.r r1-r18"=0x7cffc
".Lprevirt.r r1-r19"=0xfcffc
".Lprevirt.r r1-r20"=0x1fcffc
".Lprevirt.r r1-r21"=0x3fcffc
".Lprevirt.r r1-r22"=0x7fcffc
".Lprevirt.r r1-r23"=0xffcffc
".Lprevirt.r r1-r24"=0x1ffcffc
".Lprevirt.r r1-r25"=0x3ffcffc
".Lprevirt.r r1-r26"=0x7ffcffc
".Lprevirt.r r1-r27"=0xfffcffc
".Lprevirt.r r1-r28"=0x1fffcffc
".Lprevirt.r r1-r29"=0x3fffcffc
".Lprevirt.r r1-r30"=0x7fffcffc
".Lprevirt.r r1-r31"=0xffffcffc
".Lprevirt.r r2"=0x4
".Lprevirt.r r2-r3"=0xc
".Lprevirt.r r2-r4"=0x1c
".Lprevirt.r r2-r5"=0x3c
".Lprevirt.r r2-r6"=0x7c
".Lprevirt.r r2-r7"=0xfc
".Lprevirt.r r2-r8"=0x1fc
".Lprevirt.r r2-r9"=0x3fc
".Lprevirt.r r2-r10"=0x7fc
".Lprevirt.r r2-r11"=0xffc
".Lprevirt.r r2-r12"=0xffc
".Lprevirt.r r2-r13"=0xffc
".Lprevirt.r r2-r14"=0x4ffc
".Lprevirt.r r2-r15"=0xcffc
".Lprevirt.r r2-r16"=0x1cffc
".Lprevirt.r r2-r17"=0x3cffc
".Lprevirt.r r2-r18"=0x7cffc
".Lprevirt.r r2-r19"=0xfcffc
".Lprevirt.r r2-r20"=0x1fcffc
".Lprevirt.r r2-r21"=0x3fcffc
".Lprevirt.r r2-r22"=0x7fcffc
".Lprevirt.r r2-r23"=0xffcffc
".Lprevirt.r r2-r24"=0x1ffcffc
".Lprevirt.r r2-r25"=0x3ffcffc
".Lprevirt.r r2-r26"=0x7ffcffc
".Lprevirt.r r2-r27"=0xfffcffc
".Lprevirt.r r2-r28"=0x1fffcffc
".Lprevirt.r r2-r29"=0x3fffcffc
".Lprevirt.r r2-r30"=0x7fffcffc
".Lprevirt.r r2-r31"=0xffffcffc
".Lprevirt.r r3"=0x8
".Lprevirt.r r3-r4"=0x18
".Lprevirt.r r3-r5"=0x38
".Lprevirt.r r3-r6"=0x78
".Lprevirt.r r3-r7"=0xf8
".Lprevirt.r r3-r8"=0x1f8
".Lprevirt.r r3-r9"=0x3f8
".Lprevirt.r r3-r10"=0x7f8
".Lprevirt.r r3-r11"=0xff8
".Lprevirt.r r3-r12"=0xff8
".Lprevirt.r r3-r13"=0xff8
".Lprevirt.r r3-r14"=0x4ff8
".Lprevirt.r r3-r15"=0xcff8
".Lprevirt.r r3-r16"=0x1cff8
".Lprevirt.r r3-r17"=0x3cff8
".Lprevirt.r r3-r18"=0x7cff8
".Lprevirt.r r3-r19"=0xfcff8
".Lprevirt.r r3-r20"=0x1fcff8
".Lprevirt.r r3-r21"=0x3fcff8
".Lprevirt.r r3-r22"=0x7fcff8
".Lprevirt.r r3-r23"=0xffcff8
".Lprevirt.r r3-r24"=0x1ffcff8
".Lprevirt.r r3-r25"=0x3ffcff8
".Lprevirt.r r3-r26"=0x7ffcff8
".Lprevirt.r r3-r27"=0xfffcff8
".Lprevirt.r r3-r28"=0x1fffcff8
".Lprevirt.r r3-r29"=0x3fffcff8
".Lprevirt.r r3-r30"=0x7fffcff8
".Lprevirt.r r3-r31"=0xffffcff8
".Lprevirt.r r4"=0x10
".Lprevirt.r r4-r5"=0x30
".Lprevirt.r r4-r6"=0x70
".Lprevirt.r r4-r7"=0xf0
".Lprevirt.r r4-r8"=0x1f0
".Lprevirt.r r4-r9"=0x3f0
".Lprevirt.r r4-r10"=0x7f0
".Lprevirt.r r4-r11"=0xff0
".Lprevirt.r r4-r12"=0xff0
".Lprevirt.r r4-r13"=0xff0
".Lprevirt.r r4-r14"=0x4ff0
".Lprevirt.r r4-r15"=0xcff0
".Lprevirt.r r4-r16"=0x1cff0
".Lprevirt.r r4-r17"=0x3cff0
".Lprevirt.r r4-r18"=0x7cff0
".Lprevirt.r r4-r19"=0xfcff0
".Lprevirt.r r4-r20"=0x1fcff0
".Lprevirt.r r4-r21"=0x3fcff0
".Lprevirt.r r4-r22"=0x7fcff0
".Lprevirt.r r4-r23"=0xffcff0
".Lprevirt.r r4-r24"=0x1ffcff0
".Lprevirt.r r4-r25"=0x3ffcff0
".Lprevirt.r r4-r26"=0x7ffcff0
".Lprevirt.r r4-r27"=0xfffcff0
".Lprevirt.r r4-r28"=0x1fffcff0
".Lprevirt.r r4-r29"=0x3fffcff0
".Lprevirt.r r4-r30"=0x7fffcff0
".Lprevirt.r r4-r31"=0xffffcff0
".Lprevirt.r r5"=0x20
".Lprevirt.r r5-r6"=0x60
".Lprevirt.r r5-r7"=0xe0
".Lprevirt.r r5-r8"=0x1e0
".Lprevirt.r r5-r9"=0x3e0
".Lprevirt.r r5-r10"=0x7e0
".Lprevirt.r r5-r11"=0xfe0
".Lprevirt.r r5-r12"=0xfe0
".Lprevirt.r r5-r13"=0xfe0
".Lprevirt.r r5-r14"=0x4fe0
".Lprevirt.r r5-r15"=0xcfe0
".Lprevirt.r r5-r16"=0x1cfe0
".Lprevirt.r r5-r17"=0x3cfe0
".Lprevirt.r r5-r18"=0x7cfe0
".Lprevirt.r r5-r19"=0xfcfe0
".Lprevirt.r r5-r20"=0x1fcfe0
".Lprevirt.r r5-r21"=0x3fcfe0
".Lprevirt.r r5-r22"=0x7fcfe0
".Lprevirt.r r5-r23"=0xffcfe0
".Lprevirt.r r5-r24"=0x1ffcfe0
".Lprevirt.r r5-r25"=0x3ffcfe0
".Lprevirt.r r5-r26"=0x7ffcfe0
".Lprevirt.r r5-r27"=0xfffcfe0
".Lprevirt.r r5-r28"=0x1fffcfe0
".Lprevirt.r r5-r29"=0x3fffcfe0
".Lprevirt.r r5-r30"=0x7fffcfe0
".Lprevirt.r r5-r31"=0xffffcfe0
".Lprevirt.r r6"=0x40
".Lprevirt.r r6-r7"=0xc0
".Lprevirt.r r6-r8"=0x1c0
".Lprevirt.r r6-r9"=0x3c0
".Lprevirt.r r6-r10"=0x7c0
".Lprevirt.r r6-r11"=0xfc0
".Lprevirt.r r6-r12"=0xfc0
".Lprevirt.r r6-r13"=0xfc0
".Lprevirt.r r6-r14"=0x4fc0
".Lprevirt.r r6-r15"=0xcfc0
".Lprevirt.r r6-r16"=0x1cfc0
".Lprevirt.r r6-r17"=0x3cfc0
".Lprevirt.r r6-r18"=0x7cfc0
".Lprevirt.r r6-r19"=0xfcfc0
".Lprevirt.r r6-r20"=0x1fcfc0
".Lprevirt.r r6-r21"=0x3fcfc0
".Lprevirt.r r6-r22"=0x7fcfc0
".Lprevirt.r r6-r23"=0xffcfc0
".Lprevirt.r r6-r24"=0x1ffcfc0
".Lprevirt.r r6-r25"=0x3ffcfc0
".Lprevirt.r r6-r26"=0x7ffcfc0
".Lprevirt.r r6-r27"=0xfffcfc0
".Lprevirt.r r6-r28"=0x1fffcfc0
".Lprevirt.r r6-r29"=0x3fffcfc0
".Lprevirt.r r6-r30"=0x7fffcfc0
".Lprevirt.r r6-r31"=0xffffcfc0
".Lprevirt.r r7"=0x80
".Lprevirt.r r7-r8"=0x180
".Lprevirt.r r7-r9"=0x380
".Lprevirt.r r7-r10"=0x780
".Lprevirt.r r7-r11"=0xf80
".Lprevirt.r r7-r12"=0xf80
".Lprevirt.r r7-r13"=0xf80
".Lprevirt.r r7-r14"=0x4f80
".Lprevirt.r r7-r15"=0xcf80
".Lprevirt.r r7-r16"=0x1cf80
".Lprevirt.r r7-r17"=0x3cf80
".Lprevirt.r r7-r18"=0x7cf80
".Lprevirt.r r7-r19"=0xfcf80
".Lprevirt.r r7-r20"=0x1fcf80
".Lprevirt.r r7-r21"=0x3fcf80
".Lprevirt.r r7-r22"=0x7fcf80
".Lprevirt.r r7-r23"=0xffcf80
".Lprevirt.r r7-r24"=0x1ffcf80
".Lprevirt.r r7-r25"=0x3ffcf80
".Lprevirt.r r7-r26"=0x7ffcf80
".Lprevirt.r r7-r27"=0xfffcf80
".Lprevirt.r r7-r28"=0x1fffcf80
".Lprevirt.r r7-r29"=0x3fffcf80
".Lprevirt.r r7-r30"=0x7fffcf80
".Lprevirt.r r7-r31"=0xffffcf80
".Lprevirt.r r8"=0x100
".Lprevirt.r r8-r9"=0x300
".Lprevirt.r r8-r10"=0x700
".Lprevirt.r r8-r11"=0xf00
".Lprevirt.r r8-r12"=0xf00
".Lprevirt.r r8-r13"=0xf00
".Lprevirt.r r8-r14"=0x4f00
".Lprevirt.r r8-r15"=0xcf00
".Lprevirt.r r8-r16"=0x1cf00
".Lprevirt.r r8-r17"=0x3cf00
".Lprevirt.r r8-r18"=0x7cf00
".Lprevirt.r r8-r19"=0xfcf00
".Lprevirt.r r8-r20"=0x1fcf00
".Lprevirt.r r8-r21"=0x3fcf00
".Lprevirt.r r8-r22"=0x7fcf00
".Lprevirt.r r8-r23"=0xffcf00
".Lprevirt.r r8-r24"=0x1ffcf00
".Lprevirt.r r8-r25"=0x3ffcf00
".Lprevirt.r r8-r26"=0x7ffcf00
".Lprevirt.r r8-r27"=0xfffcf00
".Lprevirt.r r8-r28"=0x1fffcf00
".Lprevirt.r r8-r29"=0x3fffcf00
".Lprevirt.r r8-r30"=0x7fffcf00
".Lprevirt.r r8-r31"=0xffffcf00
".Lprevirt.r r9"=0x200
".Lprevirt.r r9-r10"=0x600
".Lprevirt.r r9-r11"=0xe00
".Lprevirt.r r9-r12"=0xe00
".Lprevirt.r r9-r13"=0xe00
".Lprevirt.r r9-r14"=0x4e00
".Lprevirt.r r9-r15"=0xce00
".Lprevirt.r r9-r16"=0x1ce00
".Lprevirt.r r9-r17"=0x3ce00
".Lprevirt.r r9-r18"=0x7ce00
".Lprevirt.r r9-r19"=0xfce00
".Lprevirt.r r9-r20"=0x1fce00
".Lprevirt.r r9-r21"=0x3fce00
".Lprevirt.r r9-r22"=0x7fce00
".Lprevirt.r r9-r23"=0xffce00
".Lprevirt.r r9-r24"=0x1ffce00
".Lprevirt.r r9-r25"=0x3ffce00
".Lprevirt.r r9-r26"=0x7ffce00
".Lprevirt.r r9-r27"=0xfffce00
".Lprevirt.r r9-r28"=0x1fffce00
".Lprevirt.r r9-r29"=0x3fffce00
".Lprevirt.r r9-r30"=0x7fffce00
".Lprevirt.r r9-r31"=0xffffce00
".Lprevirt.r r10"=0x400
".Lprevirt.r r10-r11"=0xc00
".Lprevirt.r r10-r12"=0xc00
".Lprevirt.r r10-r13"=0xc00
".Lprevirt.r r10-r14"=0x4c00
".Lprevirt.r r10-r15"=0xcc00
".Lprevirt.r r10-r16"=0x1cc00
".Lprevirt.r r10-r17"=0x3cc00
".Lprevirt.r r10-r18"=0x7cc00
".Lprevirt.r r10-r19"=0xfcc00
".Lprevirt.r r10-r20"=0x1fcc00
".Lprevirt.r r10-r21"=0x3fcc00
".Lprevirt.r r10-r22"=0x7fcc00
".Lprevirt.r r10-r23"=0xffcc00
".Lprevirt.r r10-r24"=0x1ffcc00
".Lprevirt.r r10-r25"=0x3ffcc00
".Lprevirt.r r10-r26"=0x7ffcc00
".Lprevirt.r r10-r27"=0xfffcc00
".Lprevirt.r r10-r28"=0x1fffcc00
".Lprevirt.r r10-r29"=0x3fffcc00
".Lprevirt.r r10-r30"=0x7fffcc00
".Lprevirt.r r10-r31"=0xffffcc00
".Lprevirt.r r11"=0x800
".Lprevirt.r r11-r12"=0x800
".Lprevirt.r r11-r13"=0x800
".Lprevirt.r r11-r14"=0x4800
".Lprevirt.r r11-r15"=0xc800
".Lprevirt.r r11-r16"=0x1c800
".Lprevirt.r r11-r17"=0x3c800
".Lprevirt.r r11-r18"=0x7c800
".Lprevirt.r r11-r19"=0xfc800
".Lprevirt.r r11-r20"=0x1fc800
".Lprevirt.r r11-r21"=0x3fc800
".Lprevirt.r r11-r22"=0x7fc800
".Lprevirt.r r11-r23"=0xffc800
".Lprevirt.r r11-r24"=0x1ffc800
".Lprevirt.r r11-r25"=0x3ffc800
".Lprevirt.r r11-r26"=0x7ffc800
".Lprevirt.r r11-r27"=0xfffc800
".Lprevirt.r r11-r28"=0x1fffc800
".Lprevirt.r r11-r29"=0x3fffc800
".Lprevirt.r r11-r30"=0x7fffc800
".Lprevirt.r r11-r31"=0xffffc800
".Lprevirt.r r12"=0x0
".Lprevirt.r r12-r13"=0x0
".Lprevirt.r r12-r14"=0x4000
".Lprevirt.r r12-r15"=0xc000
".Lprevirt.r r12-r16"=0x1c000
".Lprevirt.r r12-r17"=0x3c000
".Lprevirt.r r12-r18"=0x7c000
".Lprevirt.r r12-r19"=0xfc000
".Lprevirt.r r12-r20"=0x1fc000
".Lprevirt.r r12-r21"=0x3fc000
".Lprevirt.r r12-r22"=0x7fc000
".Lprevirt.r r12-r23"=0xffc000
".Lprevirt.r r12-r24"=0x1ffc000
".Lprevirt.r r12-r25"=0x3ffc000
".Lprevirt.r r12-r26"=0x7ffc000
".Lprevirt.r r12-r27"=0xfffc000
".Lprevirt.r r12-r28"=0x1fffc000
".Lprevirt.r r12-r29"=0x3fffc000
".Lprevirt.r r12-r30"=0x7fffc000
".Lprevirt.r r12-r31"=0xffffc000
".Lprevirt.r r13"=0x0
".Lprevirt.r r13-r14"=0x4000
".Lprevirt.r r13-r15"=0xc000
".Lprevirt.r r13-r16"=0x1c000
".Lprevirt.r r13-r17"=0x3c000
".Lprevirt.r r13-r18"=0x7c000
".Lprevirt.r r13-r19"=0xfc000
".Lprevirt.r r13-r20"=0x1fc000
".Lprevirt.r r13-r21"=0x3fc000
".Lprevirt.r r13-r22"=0x7fc000
".Lprevirt.r r13-r23"=0xffc000
".Lprevirt.r r13-r24"=0x1ffc000
".Lprevirt.r r13-r25"=0x3ffc000
".Lprevirt.r r13-r26"=0x7ffc000
".Lprevirt.r r13-r27"=0xfffc000
".Lprevirt.r r13-r28"=0x1fffc000
".Lprevirt.r r13-r29"=0x3fffc000
".Lprevirt.r r13-r30"=0x7fffc000
".Lprevirt.r r13-r31"=0xffffc000
".Lprevirt.r r14"=0x4000
".Lprevirt.r r14-r15"=0xc000
".Lprevirt.r r14-r16"=0x1c000
".Lprevirt.r r14-r17"=0x3c000
".Lprevirt.r r14-r18"=0x7c000
".Lprevirt.r r14-r19"=0xfc000
".Lprevirt.r r14-r20"=0x1fc000
".Lprevirt.r r14-r21"=0x3fc000
".Lprevirt.r r14-r22"=0x7fc000
".Lprevirt.r r14-r23"=0xffc000
".Lprevirt.r r14-r24"=0x1ffc000
".Lprevirt.r r14-r25"=0x3ffc000
".Lprevirt.r r14-r26"=0x7ffc000
".Lprevirt.r r14-r27"=0xfffc000
".Lprevirt.r r14-r28"=0x1fffc000
".Lprevirt.r r14-r29"=0x3fffc000
".Lprevirt.r r14-r30"=0x7fffc000
".Lprevirt.r r14-r31"=0xffffc000
".Lprevirt.r r15"=0x8000
".Lprevirt.r r15-r16"=0x18000
".Lprevirt.r r15-r17"=0x38000
".Lprevirt.r r15-r18"=0x78000
".Lprevirt.r r15-r19"=0xf8000
".Lprevirt.r r15-r20"=0x1f8000
".Lprevirt.r r15-r21"=0x3f8000
".Lprevirt.r r15-r22"=0x7f8000
".Lprevirt.r r15-r23"=0xff8000
".Lprevirt.r r15-r24"=0x1ff8000
".Lprevirt.r r15-r25"=0x3ff8000
".Lprevirt.r r15-r26"=0x7ff8000
".Lprevirt.r r15-r27"=0xfff8000
".Lprevirt.r r15-r28"=0x1fff8000
".Lprevirt.r r15-r29"=0x3fff8000
".Lprevirt.r r15-r30"=0x7fff8000
".Lprevirt.r r15-r31"=0xffff8000
".Lprevirt.r r16"=0x10000
".Lprevirt.r r16-r17"=0x30000
".Lprevirt.r r16-r18"=0x70000
".Lprevirt.r r16-r19"=0xf0000
".Lprevirt.r r16-r20"=0x1f0000
".Lprevirt.r r16-r21"=0x3f0000
".Lprevirt.r r16-r22"=0x7f0000
".Lprevirt.r r16-r23"=0xff0000
".Lprevirt.r r16-r24"=0x1ff0000
".Lprevirt.r r16-r25"=0x3ff0000
".Lprevirt.r r16-r26"=0x7ff0000
".Lprevirt.r r16-r27"=0xfff0000
".Lprevirt.r r16-r28"=0x1fff0000
".Lprevirt.r r16-r29"=0x3fff0000
".Lprevirt.r r16-r30"=0x7fff0000
".Lprevirt.r r16-r31"=0xffff0000
".Lprevirt.r r17"=0x20000
".Lprevirt.r r17-r18"=0x60000
".Lprevirt.r r17-r19"=0xe0000
".Lprevirt.r r17-r20"=0x1e0000
".Lprevirt.r r17-r21"=0x3e0000
".Lprevirt.r r17-r22"=0x7e0000
".Lprevirt.r r17-r23"=0xfe0000
".Lprevirt.r r17-r24"=0x1fe0000
".Lprevirt.r r17-r25"=0x3fe0000
".Lprevirt.r r17-r26"=0x7fe0000
".Lprevirt.r r17-r27"=0xffe0000
".Lprevirt.r r17-r28"=0x1ffe0000
".Lprevirt.r r17-r29"=0x3ffe0000
".Lprevirt.r r17-r30"=0x7ffe0000
".Lprevirt.r r17-r31"=0xfffe0000
".Lprevirt.r r18"=0x40000
".Lprevirt.r r18-r19"=0xc0000
".Lprevirt.r r18-r20"=0x1c0000
".Lprevirt.r r18-r21"=0x3c0000
".Lprevirt.r r18-r22"=0x7c0000
".Lprevirt.r r18-r23"=0xfc0000
".Lprevirt.r r18-r24"=0x1fc0000
".Lprevirt.r r18-r25"=0x3fc0000
".Lprevirt.r r18-r26"=0x7fc0000
".Lprevirt.r r18-r27"=0xffc0000
".Lprevirt.r r18-r28"=0x1ffc0000
".Lprevirt.r r18-r29"=0x3ffc0000
".Lprevirt.r r18-r30"=0x7ffc0000
".Lprevirt.r r18-r31"=0xfffc0000
".Lprevirt.r r19"=0x80000
".Lprevirt.r r19-r20"=0x180000
".Lprevirt.r r19-r21"=0x380000
".Lprevirt.r r19-r22"=0x780000
".Lprevirt.r r19-r23"=0xf80000
".Lprevirt.r r19-r24"=0x1f80000
".Lprevirt.r r19-r25"=0x3f80000
".Lprevirt.r r19-r26"=0x7f80000
".Lprevirt.r r19-r27"=0xff80000
".Lprevirt.r r19-r28"=0x1ff80000
".Lprevirt.r r19-r29"=0x3ff80000
".Lprevirt.r r19-r30"=0x7ff80000
".Lprevirt.r r19-r31"=0xfff80000
".Lprevirt.r r20"=0x100000
".Lprevirt.r r20-r21"=0x300000
".Lprevirt.r r20-r22"=0x700000
".Lprevirt.r r20-r23"=0xf00000
".Lprevirt.r r20-r24"=0x1f00000
".Lprevirt.r r20-r25"=0x3f00000
".Lprevirt.r r20-r26"=0x7f00000
".Lprevirt.r r20-r27"=0xff00000
".Lprevirt.r r20-r28"=0x1ff00000
".Lprevirt.r r20-r29"=0x3ff00000
".Lprevirt.r r20-r30"=0x7ff00000
".Lprevirt.r r20-r31"=0xfff00000
".Lprevirt.r r21"=0x200000
".Lprevirt.r r21-r22"=0x600000
".Lprevirt.r r21-r23"=0xe00000
".Lprevirt.r r21-r24"=0x1e00000
".Lprevirt.r r21-r25"=0x3e00000
".Lprevirt.r r21-r26"=0x7e00000
".Lprevirt.r r21-r27"=0xfe00000
".Lprevirt.r r21-r28"=0x1fe00000
".Lprevirt.r r21-r29"=0x3fe00000
".Lprevirt.r r21-r30"=0x7fe00000
".Lprevirt.r r21-r31"=0xffe00000
".Lprevirt.r r22"=0x400000
".Lprevirt.r r22-r23"=0xc00000
".Lprevirt.r r22-r24"=0x1c00000
".Lprevirt.r r22-r25"=0x3c00000
".Lprevirt.r r22-r26"=0x7c00000
".Lprevirt.r r22-r27"=0xfc00000
".Lprevirt.r r22-r28"=0x1fc00000
".Lprevirt.r r22-r29"=0x3fc00000
".Lprevirt.r r22-r30"=0x7fc00000
".Lprevirt.r r22-r31"=0xffc00000
".Lprevirt.r r23"=0x800000
".Lprevirt.r r23-r24"=0x1800000
".Lprevirt.r r23-r25"=0x3800000
".Lprevirt.r r23-r26"=0x7800000
".Lprevirt.r r23-r27"=0xf800000
".Lprevirt.r r23-r28"=0x1f800000
".Lprevirt.r r23-r29"=0x3f800000
".Lprevirt.r r23-r30"=0x7f800000
".Lprevirt.r r23-r31"=0xff800000
".Lprevirt.r r24"=0x1000000
".Lprevirt.r r24-r25"=0x3000000
".Lprevirt.r r24-r26"=0x7000000
".Lprevirt.r r24-r27"=0xf000000
".Lprevirt.r r24-r28"=0x1f000000
".Lprevirt.r r24-r29"=0x3f000000
".Lprevirt.r r24-r30"=0x7f000000
".Lprevirt.r r24-r31"=0xff000000
".Lprevirt.r r25"=0x2000000
".Lprevirt.r r25-r26"=0x6000000
".Lprevirt.r r25-r27"=0xe000000
".Lprevirt.r r25-r28"=0x1e000000
".Lprevirt.r r25-r29"=0x3e000000
".Lprevirt.r r25-r30"=0x7e000000
".Lprevirt.r r25-r31"=0xfe000000
".Lprevirt.r r26"=0x4000000
".Lprevirt.r r26-r27"=0xc000000
".Lprevirt.r r26-r28"=0x1c000000
".Lprevirt.r r26-r29"=0x3c000000
".Lprevirt.r r26-r30"=0x7c000000
".Lprevirt.r r26-r31"=0xfc000000
".Lprevirt.r r27"=0x8000000
".Lprevirt.r r27-r28"=0x18000000
".Lprevirt.r r27-r29"=0x38000000
".Lprevirt.r r27-r30"=0x78000000
".Lprevirt.r r27-r31"=0xf8000000
".Lprevirt.r r28"=0x10000000
".Lprevirt.r r28-r29"=0x30000000
".Lprevirt.r r28-r30"=0x70000000
".Lprevirt.r r28-r31"=0xf0000000
".Lprevirt.r r29"=0x20000000
".Lprevirt.r r29-r30"=0x60000000
".Lprevirt.r r29-r31"=0xe0000000
".Lprevirt.r r30"=0x40000000
".Lprevirt.r r30-r31"=0xc0000000
".Lprevirt.r r31"=0x80000000
".Lprevirt.r p0"=0x100000000
".Lprevirt.r p0-p1"=0x300000000
".Lprevirt.r p0-p2"=0x700000000
".Lprevirt.r p0-p3"=0xf00000000
".Lprevirt.r p0-p4"=0x1f00000000
".Lprevirt.r p0-p5"=0x3f00000000
".Lprevirt.r p0-p6"=0x7f00000000
".Lprevirt.r p0-p7"=0xff00000000
".Lprevirt.r p0-p8"=0x1ff00000000
".Lprevirt.r p0-p9"=0x3ff00000000
".Lprevirt.r p0-p10"=0x7ff00000000
".Lprevirt.r p0-p11"=0xfff00000000
".Lprevirt.r p0-p12"=0x1fff00000000
".Lprevirt.r p0-p13"=0x3fff00000000
".Lprevirt.r p0-p14"=0x7fff00000000
".Lprevirt.r p0-p15"=0xffff00000000
".Lprevirt.r p1"=0x200000000
".Lprevirt.r p1-p2"=0x600000000
".Lprevirt.r p1-p3"=0xe00000000
".Lprevirt.r p1-p4"=0x1e00000000
".Lprevirt.r p1-p5"=0x3e00000000
".Lprevirt.r p1-p6"=0x7e00000000
".Lprevirt.r p1-p7"=0xfe00000000
".Lprevirt.r p1-p8"=0x1fe00000000
".Lprevirt.r p1-p9"=0x3fe00000000
".Lprevirt.r p1-p10"=0x7fe00000000
".Lprevirt.r p1-p11"=0xffe00000000
".Lprevirt.r p1-p12"=0x1ffe00000000
".Lprevirt.r p1-p13"=0x3ffe00000000
".Lprevirt.r p1-p14"=0x7ffe00000000
".Lprevirt.r p1-p15"=0xfffe00000000
".Lprevirt.r p2"=0x400000000
".Lprevirt.r p2-p3"=0xc00000000
".Lprevirt.r p2-p4"=0x1c00000000
".Lprevirt.r p2-p5"=0x3c00000000
".Lprevirt.r p2-p6"=0x7c00000000
".Lprevirt.r p2-p7"=0xfc00000000
".Lprevirt.r p2-p8"=0x1fc00000000
".Lprevirt.r p2-p9"=0x3fc00000000
".Lprevirt.r p2-p10"=0x7fc00000000
".Lprevirt.r p2-p11"=0xffc00000000
".Lprevirt.r p2-p12"=0x1ffc00000000
".Lprevirt.r p2-p13"=0x3ffc00000000
".Lprevirt.r p2-p14"=0x7ffc00000000
".Lprevirt.r p2-p15"=0xfffc00000000
".Lprevirt.r p3"=0x800000000
".Lprevirt.r p3-p4"=0x1800000000
".Lprevirt.r p3-p5"=0x3800000000
".Lprevirt.r p3-p6"=0x7800000000
".Lprevirt.r p3-p7"=0xf800000000
".Lprevirt.r p3-p8"=0x1f800000000
".Lprevirt.r p3-p9"=0x3f800000000
".Lprevirt.r p3-p10"=0x7f800000000
".Lprevirt.r p3-p11"=0xff800000000
".Lprevirt.r p3-p12"=0x1ff800000000
".Lprevirt.r p3-p13"=0x3ff800000000
".Lprevirt.r p3-p14"=0x7ff800000000
".Lprevirt.r p3-p15"=0xfff800000000
".Lprevirt.r p4"=0x1000000000
".Lprevirt.r p4-p5"=0x3000000000
".Lprevirt.r p4-p6"=0x7000000000
".Lprevirt.r p4-p7"=0xf000000000
".Lprevirt.r p4-p8"=0x1f000000000
".Lprevirt.r p4-p9"=0x3f000000000
".Lprevirt.r p4-p10"=0x7f000000000
".Lprevirt.r p4-p11"=0xff000000000
".Lprevirt.r p4-p12"=0x1ff000000000
".Lprevirt.r p4-p13"=0x3ff000000000
".Lprevirt.r p4-p14"=0x7ff000000000
".Lprevirt.r p4-p15"=0xfff000000000
".Lprevirt.r p5"=0x2000000000
".Lprevirt.r p5-p6"=0x6000000000
".Lprevirt.r p5-p7"=0xe000000000
".Lprevirt.r p5-p8"=0x1e000000000
".Lprevirt.r p5-p9"=0x3e000000000
".Lprevirt.r p5-p10"=0x7e000000000
".Lprevirt.r p5-p11"=0xfe000000000
".Lprevirt.r p5-p12"=0x1fe000000000
".Lprevirt.r p5-p13"=0x3fe000000000
".Lprevirt.r p5-p14"=0x7fe000000000
".Lprevirt.r p5-p15"=0xffe000000000
".Lprevirt.r p6"=0x4000000000
".Lprevirt.r p6-p7"=0xc000000000
".Lprevirt.r p6-p8"=0x1c000000000
".Lprevirt.r p6-p9"=0x3c000000000
".Lprevirt.r p6-p10"=0x7c000000000
".Lprevirt.r p6-p11"=0xfc000000000
".Lprevirt.r p6-p12"=0x1fc000000000
".Lprevirt.r p6-p13"=0x3fc000000000
".Lprevirt.r p6-p14"=0x7fc000000000
".Lprevirt.r p6-p15"=0xffc000000000
".Lprevirt.r p7"=0x8000000000
".Lprevirt.r p7-p8"=0x18000000000
".Lprevirt.r p7-p9"=0x38000000000
".Lprevirt.r p7-p10"=0x78000000000
".Lprevirt.r p7-p11"=0xf8000000000
".Lprevirt.r p7-p12"=0x1f8000000000
".Lprevirt.r p7-p13"=0x3f8000000000
".Lprevirt.r p7-p14"=0x7f8000000000
".Lprevirt.r p7-p15"=0xff8000000000
".Lprevirt.r p8"=0x10000000000
".Lprevirt.r p8-p9"=0x30000000000
".Lprevirt.r p8-p10"=0x70000000000
".Lprevirt.r p8-p11"=0xf0000000000
".Lprevirt.r p8-p12"=0x1f0000000000
".Lprevirt.r p8-p13"=0x3f0000000000
".Lprevirt.r p8-p14"=0x7f0000000000
".Lprevirt.r p8-p15"=0xff0000000000
".Lprevirt.r p9"=0x20000000000
".Lprevirt.r p9-p10"=0x60000000000
".Lprevirt.r p9-p11"=0xe0000000000
".Lprevirt.r p9-p12"=0x1e0000000000
".Lprevirt.r p9-p13"=0x3e0000000000
".Lprevirt.r p9-p14"=0x7e0000000000
".Lprevirt.r p9-p15"=0xfe0000000000
".Lprevirt.r p10"=0x40000000000
".Lprevirt.r p10-p11"=0xc0000000000
".Lprevirt.r p10-p12"=0x1c0000000000
".Lprevirt.r p10-p13"=0x3c0000000000
".Lprevirt.r p10-p14"=0x7c0000000000
".Lprevirt.r p10-p15"=0xfc0000000000
".Lprevirt.r p11"=0x80000000000
".Lprevirt.r p11-p12"=0x180000000000
".Lprevirt.r p11-p13"=0x380000000000
".Lprevirt.r p11-p14"=0x780000000000
".Lprevirt.r p11-p15"=0xf80000000000
".Lprevirt.r p12"=0x100000000000
".Lprevirt.r p12-p13"=0x300000000000
".Lprevirt.r p12-p14"=0x700000000000
".Lprevirt.r p12-p15"=0xf00000000000
".Lprevirt.r p13"=0x200000000000
".Lprevirt.r p13-p14"=0x600000000000
".Lprevirt.r p13-p15"=0xe00000000000
".Lprevirt.r p14"=0x400000000000
".Lprevirt.r p14-p15"=0xc00000000000
".Lprevirt.r p15"=0x800000000000
".Lprevirt.c a"=10
".Lprevirt.c b"=10
".Lprevirt.c c"=10
".Lprevirt.c d"=10
".Lprevirt.c e"=12
".Lprevirt.c f"=10
".Lprevirt.c g"=10
".Lprevirt.c h"=10
".Lprevirt.c i"=10
".Lprevirt.c j"=10
".Lprevirt.c k"=10
".Lprevirt.c l"=10
".Lprevirt.c m"=10
".Lprevirt.c n"=10
".Lprevirt.c o"=10
".Lprevirt.c p"=10
".Lprevirt.c q"=10
".Lprevirt.c r"=11
".Lprevirt.c s"=10
".Lprevirt.c t"=10
".Lprevirt.c u"=10
".Lprevirt.c v"=10
".Lprevirt.c w"=10
".Lprevirt.c x"=10
".Lprevirt.c y"=10
".Lprevirt.c z"=10
".Lprevirt.c ."=10
".Lprevirt.c _"=10
".Lprevirt.c $"=10
".Lprevirt.c @"=10
".Lprevirt.c 0"=0
".Lprevirt.c 1"=1
".Lprevirt.c 2"=2
".Lprevirt.c 3"=3
".Lprevirt.c 4"=4
".Lprevirt.c 5"=5
".Lprevirt.c 6"=6
".Lprevirt.c 7"=7
".Lprevirt.c 8"=8
".Lprevirt.c 9"=9
.macro previrt.look
.Lprevirt.x=.Lprevirt.a
.if .Lprevirt.x
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
.ifdef .sdata
previrt.unless .sdata
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
.macro previrt.put class,flags,scratch,line,file
.pushsection .afterburn,"?",@progbits
data8 5380470b,5380470b+.Lprevirt.len
.section .afterburn.info,"?",@progbits
data2 \class,\flags
data4 \scratch,\line,\file
.section .afterburn.undo,"?",@progbits
.skip 32
.popsection
.endm
.macro previrt.record bundles,class
.Lprevirt.len=16*\bundles
previrt.put \class,0,.Lprevirt.w,0,0
.ifndef .Lprevirt.n
.Lprevirt.n=1
.pushsection .note.afterburn,"G",@note,previrt.note.annotation,comdat
.balign 4
data4 8,32,1
stringz "previrt"
data2 1,50,16,16
.ascii "previrt-as 1, macros"
.skip 4
data4 8,40,2
stringz "previrt"
.skip 40
.popsection
.endif
.endm
.macro previrt.free p,o:vararg
.Lprevirt.w=.Lprevirt.g|.Lprevirt.free
.if .Lprevirt.w
previrt.used \p,\o
.if (.Lprevirt.w>>38)%4==3
.Lprevirt.w=.Lprevirt.w|0x1
.endif
.if (.Lprevirt.w>>40)%4==3
.Lprevirt.w=.Lprevirt.w|0x2
.endif
.if (.Lprevirt.w>>42)%4==3
.Lprevirt.w=.Lprevirt.w|0x1000
.endif
.if (.Lprevirt.w>>44)%4==3
.Lprevirt.w=.Lprevirt.w|0x2000
.endif
.Lprevirt.w=.Lprevirt.w%0x100000000
.endif
.endm
.macro previrt.used p,o:vararg
.Lprevirt.u=0
.Lprevirt.t=0
.ifdef ".Lprevirt.r \p"
.Lprevirt.u=".Lprevirt.r \p"
.endif
.irpc c,\o
.ifdef ".Lprevirt.c \c"
previrt.letter ".Lprevirt.c \c"
.else
previrt.letter 13
.endif
.endr
previrt.letter 13
.Lprevirt.w=(.Lprevirt.w|.Lprevirt.u)^.Lprevirt.u
.endm
.macro previrt.letter k
.Lprevirt.k=\k
.if .Lprevirt.t==2
.if .Lprevirt.k<10
.Lprevirt.v=.Lprevirt.v*10+.Lprevirt.k
.else
.if .Lprevirt.k==13
.if .Lprevirt.v<32
.Lprevirt.u=.Lprevirt.u|(1<<.Lprevirt.v)
.endif
.Lprevirt.t=0
.else
.if .Lprevirt.k==12
.Lprevirt.u=.Lprevirt.u|0xf00
.endif
.Lprevirt.t=1
.endif
.endif
.else
.if .Lprevirt.k==13
.Lprevirt.t=0
.else
.if (.Lprevirt.t==0)*(.Lprevirt.k==11)
.Lprevirt.t=2
.Lprevirt.v=0
.else
.Lprevirt.t=1
.endif
.endif
.endif
.endm
.macro .afterburn_scratch o:vararg
.Lprevirt.g=0
.irp r,\o
.ifnb \r
.Lprevirt.g=.Lprevirt.g|".Lprevirt.r \r"
.endif
.endr
.endm
".Lprevirt.t 0"=1
".Lprevirt.t 1"=1
".Lprevirt.t 2"=2
".Lprevirt.t 3"=1
".Lprevirt.t 4"=1
".Lprevirt.t 5"=1
".Lprevirt.t 6"=1
".Lprevirt.t 7"=1
".Lprevirt.t 8"=1
".Lprevirt.t 9"=1
".Lprevirt.t 10"=1
".Lprevirt.t 11"=1
".Lprevirt.t 12"=1
".Lprevirt.t 13"=1
".Lprevirt.t 14"=1
".Lprevirt.t 15"=1
".Lprevirt.t 16"=1
".Lprevirt.t 17"=1
".Lprevirt.t 18"=1
".Lprevirt.t 19"=1
".Lprevirt.t 20"=1
".Lprevirt.t 21"=1
".Lprevirt.t 22"=1
".Lprevirt.t 23"=1
".Lprevirt.t 24"=1
".Lprevirt.t 25"=1
".Lprevirt.t 26"=1
".Lprevirt.t 27"=1
".Lprevirt.t 28"=1
".Lprevirt.t 29"=1
".Lprevirt.t 30"=1
".Lprevirt.t 31"=1
".Lprevirt.t 32"=1
".Lprevirt.t 33"=1
".Lprevirt.t 34"=1
".Lprevirt.t 35"=1
".Lprevirt.t 36"=1
".Lprevirt.t 37"=1
".Lprevirt.t 38"=1
".Lprevirt.t 39"=1
".Lprevirt.t 40"=1
".Lprevirt.t 41"=1
".Lprevirt.t 42"=1
".Lprevirt.t 43"=1
".Lprevirt.t 44"=1
".Lprevirt.t 45"=1
".Lprevirt.t 46"=1
".Lprevirt.t 47"=1
".Lprevirt.t 48"=1
".Lprevirt.t 49"=1
".Lprevirt.t 50"=1
".Lprevirt.t 51"=2
".Lprevirt.t 52"=2
".Lprevirt.t 53"=2
".Lprevirt.t 54"=2
".Lprevirt.t 55"=2
".Lprevirt.t 56"=2
".Lprevirt.t 57"=2
".Lprevirt.t 58"=2
".Lprevirt.t 59"=2
".Lprevirt.t 60"=2
".Lprevirt.t 61"=2
".Lprevirt.t 62"=2
".Lprevirt.t 63"=2
".Lprevirt.t 64"=2
".Lprevirt.t 65"=2
".Lprevirt.t 66"=2
".Lprevirt.t 67"=2
".Lprevirt.t 68"=2
".Lprevirt.t 69"=2
".Lprevirt.t 70"=2
".Lprevirt.t 71"=2
".Lprevirt.t 72"=2
".Lprevirt.t 73"=2
".Lprevirt.t 74"=2
".Lprevirt.t 75"=2
".Lprevirt.t 76"=2
".Lprevirt.t 77"=2
".Lprevirt.t 78"=2
".Lprevirt.t 79"=2
".Lprevirt.t 80"=2
".Lprevirt.t 81"=2
".Lprevirt.t 82"=2
".Lprevirt.t 83"=2
".Lprevirt.t 84"=2
".Lprevirt.t 85"=2
".Lprevirt.t 86"=2
".Lprevirt.t 87"=2
".Lprevirt.t 88"=2
".Lprevirt.t 89"=2
".Lprevirt.t 90"=2
".Lprevirt.t 91"=2
".Lprevirt.t 92"=2
".Lprevirt.t 93"=2
".Lprevirt.t 94"=2
".Lprevirt.t 95"=2
".Lprevirt.t 96"=2
".Lprevirt.t 97"=2
".Lprevirt.t 98"=2
".Lprevirt.t 99"=2
".Lprevirt.t 100"=2
".Lprevirt.t 101"=2
".Lprevirt.t 102"=2
".Lprevirt.t 103"=2
".Lprevirt.t 0 p"=3
".Lprevirt.t 3 s"=4
".Lprevirt.t 4 r"=5
".Lprevirt.t 5 ="=1004
".Lprevirt.t 5 ."=6
".Lprevirt.t 6 l"=7
".Lprevirt.t 7 ="=1004
".Lprevirt.t 0 c"=8
".Lprevirt.t 8 r"=9
".Lprevirt.t 9 ."=1006
".Lprevirt.t 9 0"=1006
".Lprevirt.t 9 1"=1006
".Lprevirt.t 9 2"=1006
".Lprevirt.t 9 3"=1006
".Lprevirt.t 9 4"=1006
".Lprevirt.t 9 5"=1006
".Lprevirt.t 9 6"=1006
".Lprevirt.t 9 7"=1006
".Lprevirt.t 9 8"=1006
".Lprevirt.t 9 9"=1006
".Lprevirt.t 0 r"=10
".Lprevirt.t 10 r"=11
".Lprevirt.t 11 ["=1008
".Lprevirt.t 3 k"=12
".Lprevirt.t 12 r"=13
".Lprevirt.t 13 ["=1010
".Lprevirt.t 0 i"=14
".Lprevirt.t 14 b"=15
".Lprevirt.t 15 r"=16
".Lprevirt.t 16 ["=1012
".Lprevirt.t 0 d"=17
".Lprevirt.t 17 b"=18
".Lprevirt.t 18 r"=19
".Lprevirt.t 19 ["=1014
".Lprevirt.t 3 m"=20
".Lprevirt.t 20 c"=21
".Lprevirt.t 21 ["=1016
".Lprevirt.t 20 d"=22
".Lprevirt.t 22 ["=1018
".Lprevirt.t 0 a"=23
".Lprevirt.t 23 r"=24
".Lprevirt.t 24 ."=25
".Lprevirt.t 25 k"=26
".Lprevirt.t 26 0"=27
".Lprevirt.t 27 ="=1021
".Lprevirt.t 26 1"=28
".Lprevirt.t 28 ="=1021
".Lprevirt.t 26 2"=29
".Lprevirt.t 29 ="=1021
".Lprevirt.t 26 3"=30
".Lprevirt.t 30 ="=1021
".Lprevirt.t 26 4"=31
".Lprevirt.t 31 ="=1021
".Lprevirt.t 26 5"=32
".Lprevirt.t 32 ="=1021
".Lprevirt.t 26 6"=33
".Lprevirt.t 33 ="=1021
".Lprevirt.t 26 7"=34
".Lprevirt.t 34 ="=1021
".Lprevirt.t 24 0"=35
".Lprevirt.t 35 ="=1021
".Lprevirt.t 24 1"=36
".Lprevirt.t 36 ="=1021
".Lprevirt.t 24 2"=37
".Lprevirt.t 37 ="=1021
".Lprevirt.t 24 3"=38
".Lprevirt.t 38 ="=1021
".Lprevirt.t 24 4"=39
".Lprevirt.t 39 ="=1021
".Lprevirt.t 24 5"=40
".Lprevirt.t 40 ="=1021
".Lprevirt.t 24 6"=41
".Lprevirt.t 41 ="=1021
".Lprevirt.t 24 7"=42
".Lprevirt.t 42 ="=1021
".Lprevirt.t 25 i"=43
".Lprevirt.t 43 t"=44
".Lprevirt.t 44 c"=45
".Lprevirt.t 45 ="=1023
".Lprevirt.t 25 r"=46
".Lprevirt.t 46 u"=47
".Lprevirt.t 47 c"=48
".Lprevirt.t 48 ="=1023
".Lprevirt.t 39 4"=49
".Lprevirt.t 49 ="=1023
".Lprevirt.t 39 5"=50
".Lprevirt.t 50 ="=1023
".Lprevirt.t 51 p"=52
".Lprevirt.t 52 s"=53
".Lprevirt.t 53 r"=54
".Lprevirt.t 54 end"=1003
".Lprevirt.t 54 ."=55
".Lprevirt.t 55 l"=56
".Lprevirt.t 56 end"=1003
".Lprevirt.t 51 c"=57
".Lprevirt.t 57 r"=58
".Lprevirt.t 58 ."=1005
".Lprevirt.t 58 0"=1005
".Lprevirt.t 58 1"=1005
".Lprevirt.t 58 2"=1005
".Lprevirt.t 58 3"=1005
".Lprevirt.t 58 4"=1005
".Lprevirt.t 58 5"=1005
".Lprevirt.t 58 6"=1005
".Lprevirt.t 58 7"=1005
".Lprevirt.t 58 8"=1005
".Lprevirt.t 58 9"=1005
".Lprevirt.t 51 r"=59
".Lprevirt.t 59 r"=60
".Lprevirt.t 60 ["=1007
".Lprevirt.t 52 k"=61
".Lprevirt.t 61 r"=62
".Lprevirt.t 62 ["=1009
".Lprevirt.t 51 i"=63
".Lprevirt.t 63 b"=64
".Lprevirt.t 64 r"=65
".Lprevirt.t 65 ["=1011
".Lprevirt.t 51 d"=66
".Lprevirt.t 66 b"=67
".Lprevirt.t 67 r"=68
".Lprevirt.t 68 ["=1013
".Lprevirt.t 52 m"=69
".Lprevirt.t 69 c"=70
".Lprevirt.t 70 ["=1015
".Lprevirt.t 69 d"=71
".Lprevirt.t 71 ["=1017
".Lprevirt.t 57 p"=72
".Lprevirt.t 72 u"=73
".Lprevirt.t 73 i"=74
".Lprevirt.t 74 d"=75
".Lprevirt.t 75 ["=1019
".Lprevirt.t 51 a"=76
".Lprevirt.t 76 r"=77
".Lprevirt.t 77 ."=78
".Lprevirt.t 78 k"=79
".Lprevirt.t 79 0"=80
".Lprevirt.t 80 end"=1020
".Lprevirt.t 79 1"=81
".Lprevirt.t 81 end"=1020
".Lprevirt.t 79 2"=82
".Lprevirt.t 82 end"=1020
".Lprevirt.t 79 3"=83
".Lprevirt.t 83 end"=1020
".Lprevirt.t 79 4"=84
".Lprevirt.t 84 end"=1020
".Lprevirt.t 79 5"=85
".Lprevirt.t 85 end"=1020
".Lprevirt.t 79 6"=86
".Lprevirt.t 86 end"=1020
".Lprevirt.t 79 7"=87
".Lprevirt.t 87 end"=1020
".Lprevirt.t 77 0"=88
".Lprevirt.t 88 end"=1020
".Lprevirt.t 77 1"=89
".Lprevirt.t 89 end"=1020
".Lprevirt.t 77 2"=90
".Lprevirt.t 90 end"=1020
".Lprevirt.t 77 3"=91
".Lprevirt.t 91 end"=1020
".Lprevirt.t 77 4"=92
".Lprevirt.t 92 end"=1020
".Lprevirt.t 77 5"=93
".Lprevirt.t 93 end"=1020
".Lprevirt.t 77 6"=94
".Lprevirt.t 94 end"=1020
".Lprevirt.t 77 7"=95
".Lprevirt.t 95 end"=1020
".Lprevirt.t 78 i"=96
".Lprevirt.t 96 t"=97
".Lprevirt.t 97 c"=98
".Lprevirt.t 98 end"=1022
".Lprevirt.t 78 r"=99
".Lprevirt.t 99 u"=100
".Lprevirt.t 100 c"=101
".Lprevirt.t 101 end"=1022
".Lprevirt.t 92 4"=102
".Lprevirt.t 102 end"=1022
".Lprevirt.t 92 5"=103
".Lprevirt.t 103 end"=1022
".Lprevirt.t 0 ="=51
".Lprevirt.t 3 ="=51
".Lprevirt.t 4 ="=51
".Lprevirt.t 6 ="=51
".Lprevirt.t 8 ="=51
".Lprevirt.t 9 ="=51
".Lprevirt.t 10 ="=51
".Lprevirt.t 11 ="=51
".Lprevirt.t 12 ="=51
".Lprevirt.t 13 ="=51
".Lprevirt.t 14 ="=51
".Lprevirt.t 15 ="=51
".Lprevirt.t 16 ="=51
".Lprevirt.t 17 ="=51
".Lprevirt.t 18 ="=51
".Lprevirt.t 19 ="=51
".Lprevirt.t 20 ="=51
".Lprevirt.t 21 ="=51
".Lprevirt.t 22 ="=51
".Lprevirt.t 23 ="=51
".Lprevirt.t 24 ="=51
".Lprevirt.t 25 ="=51
".Lprevirt.t 26 ="=51
".Lprevirt.t 43 ="=51
".Lprevirt.t 44 ="=51
".Lprevirt.t 46 ="=51
".Lprevirt.t 47 ="=51
".Lprevirt.t 1 ="=51
.macro previrt.if p,o:vararg
previrt.with \p,\o
.endm
.macro previrt.with p,m,o:vararg
previrt.go.\m \p,\o
.endm
.macro previrt.class o:vararg
.Lprevirt.k=0
.irpc c,\o
previrt.step %.Lprevirt.k,\c
.endr
previrt.step %.Lprevirt.k,end
.if .Lprevirt.k<1000
.Lprevirt.k=0
.else
.Lprevirt.k=.Lprevirt.k-1000
.endif
.endm
.macro previrt.step s,c:vararg
.ifdef ".Lprevirt.t \s"
.ifdef ".Lprevirt.t \s \c"
.Lprevirt.k=".Lprevirt.t \s \c"
.else
.Lprevirt.k=".Lprevirt.t \s"
.endif
.endif
.endm
.macro previrt.unmake.mov
.ifdef .Lprevirt.mov
.purgem mov
.purgem mov.m
.endif
.endm
.macro previrt.make.mov
.ifdef .Lprevirt.mov
.macro mov o:vararg
previrt.go.mov p0,\o
.endm
.macro mov.m o:vararg
previrt.go.mov.m p0,\o
.endm
.endif
.endm
.macro previrt.mov o:vararg
previrt.go.mov p0,\o
.endm
.macro previrt.go.mov p,o:vararg
previrt.class \o
.Lprevirt.x=0
.if .Lprevirt.k
previrt.look
.endif
.if .Lprevirt.a
previrt.unmake.mov
.endif
.if .Lprevirt.x
.Lprevirt.j=.Lprevirt.k
previrt.free \p,\o
.explicit
.if (.Lprevirt.room<2)|((.Lprevirt.j==4)|(.Lprevirt.j==8)|(.Lprevirt.j==9)|(.Lprevirt.j==10)|(.Lprevirt.j==11)|(.Lprevirt.j==12)|(.Lprevirt.j==13)|(.Lprevirt.j==14)|(.Lprevirt.j==15)|(.Lprevirt.j==16)|(.Lprevirt.j==17)|(.Lprevirt.j==18)|(.Lprevirt.j==19)|(.Lprevirt.j==23))
;; { .mfi; [5380470:] (\p) mov \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,.Lprevirt.j
.else
.if (.Lprevirt.room<3)|((.Lprevirt.j==5)|(.Lprevirt.j==6)|(.Lprevirt.j==7)|(.Lprevirt.j==20)|(.Lprevirt.j==21)|(.Lprevirt.j==22))
;; { .mfi; [5380470:] (\p) mov \o; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 2,.Lprevirt.j
.else
;; { .mfi; [5380470:] (\p) mov \o; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 3,.Lprevirt.j
.endif
.endif
previrt.mode
.else
(\p) mov \o
.endif
.if .Lprevirt.a
previrt.make.mov
.endif
.endm
.macro previrt.go.mov.m p,o:vararg
previrt.class \o
.Lprevirt.x=0
.if .Lprevirt.k
previrt.look
.endif
.if .Lprevirt.a
previrt.unmake.mov
.endif
.if .Lprevirt.x
.Lprevirt.j=.Lprevirt.k
previrt.free \p,\o
.explicit
.if (.Lprevirt.room<2)|((.Lprevirt.j==4)|(.Lprevirt.j==8)|(.Lprevirt.j==9)|(.Lprevirt.j==10)|(.Lprevirt.j==11)|(.Lprevirt.j==12)|(.Lprevirt.j==13)|(.Lprevirt.j==14)|(.Lprevirt.j==15)|(.Lprevirt.j==16)|(.Lprevirt.j==17)|(.Lprevirt.j==18)|(.Lprevirt.j==19)|(.Lprevirt.j==23))
;; { .mfi; [5380470:] (\p) mov.m \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,.Lprevirt.j
.else
.if (.Lprevirt.room<3)|((.Lprevirt.j==5)|(.Lprevirt.j==6)|(.Lprevirt.j==7)|(.Lprevirt.j==20)|(.Lprevirt.j==21)|(.Lprevirt.j==22))
;; { .mfi; [5380470:] (\p) mov.m \o; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 2,.Lprevirt.j
.else
;; { .mfi; [5380470:] (\p) mov.m \o; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0 } { .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 3,.Lprevirt.j
.endif
.endif
previrt.mode
.else
(\p) mov.m \o
.endif
.if .Lprevirt.a
previrt.make.mov
.endif
.endm
.macro previrt.make.ssm
.macro ssm o:vararg
previrt.go.ssm p0,\o
.endm
.endm
.macro previrt.go.ssm p,o:vararg
.purgem ssm
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
.if .Lprevirt.room<3
.if .Lprevirt.room<2
;; { .mfi; [5380470:] (\p) ssm \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,1
.else
;; { .mfi; [5380470:] (\p) ssm \o; nop.f 0; nop.i 0 }
{ .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 2,1
.endif
.else
;; { .mfi; [5380470:] (\p) ssm \o; nop.f 0; nop.i 0 }
{ .mfi; nop.m 0; nop.f 0; nop.i 0 }
{ .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 3,1
.endif
previrt.mode
.else
(\p) ssm \o
.endif
previrt.make.ssm
.endm
.macro previrt.make.rsm
.macro rsm o:vararg
previrt.go.rsm p0,\o
.endm
.endm
.macro previrt.go.rsm p,o:vararg
.purgem rsm
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
.if .Lprevirt.room<3
.if .Lprevirt.room<2
;; { .mfi; [5380470:] (\p) rsm \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,2
.else
;; { .mfi; [5380470:] (\p) rsm \o; nop.f 0; nop.i 0 }
{ .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 2,2
.endif
.else
;; { .mfi; [5380470:] (\p) rsm \o; nop.f 0; nop.i 0 }
{ .mfi; nop.m 0; nop.f 0; nop.i 0 }
{ .mfi; nop.m 0; nop.f 0; nop.i 0 ;; }
previrt.record 3,2
.endif
previrt.mode
.else
(\p) rsm \o
.endif
previrt.make.rsm
.endm
.macro previrt.make.itc.d
.macro itc.d o:vararg
previrt.go.itc.d p0,\o
.endm
.endm
.macro previrt.go.itc.d p,o:vararg
.purgem itc.d
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mmi; [5380470:] (\p) itc.d \o ;; nop.m 0; nop.i 0 ;; }
previrt.record 1,24
previrt.mode
.else
(\p) itc.d \o
.endif
previrt.make.itc.d
.endm
.macro previrt.make.itc.i
.macro itc.i o:vararg
previrt.go.itc.i p0,\o
.endm
.endm
.macro previrt.go.itc.i p,o:vararg
.purgem itc.i
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mmi; [5380470:] (\p) itc.i \o ;; nop.m 0; nop.i 0 ;; }
previrt.record 1,25
previrt.mode
.else
(\p) itc.i \o
.endif
previrt.make.itc.i
.endm
.macro previrt.make.itr.d
.macro itr.d o:vararg
previrt.go.itr.d p0,\o
.endm
.endm
.macro previrt.go.itr.d p,o:vararg
.purgem itr.d
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) itr.d \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,26
previrt.mode
.else
(\p) itr.d \o
.endif
previrt.make.itr.d
.endm
.macro previrt.make.itr.i
.macro itr.i o:vararg
previrt.go.itr.i p0,\o
.endm
.endm
.macro previrt.go.itr.i p,o:vararg
.purgem itr.i
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) itr.i \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,27
previrt.mode
.else
(\p) itr.i \o
.endif
previrt.make.itr.i
.endm
.macro previrt.make.ptc.l
.macro ptc.l o:vararg
previrt.go.ptc.l p0,\o
.endm
.endm
.macro previrt.go.ptc.l p,o:vararg
.purgem ptc.l
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) ptc.l \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,28
previrt.mode
.else
(\p) ptc.l \o
.endif
previrt.make.ptc.l
.endm
.macro previrt.make.ptc.g
.macro ptc.g o:vararg
previrt.go.ptc.g p0,\o
.endm
.endm
.macro previrt.go.ptc.g p,o:vararg
.purgem ptc.g
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mmi; [5380470:] (\p) ptc.g \o ;; nop.m 0; nop.i 0 ;; }
previrt.record 1,29
previrt.mode
.else
(\p) ptc.g \o
.endif
previrt.make.ptc.g
.endm
.macro previrt.make.ptc.ga
.macro ptc.ga o:vararg
previrt.go.ptc.ga p0,\o
.endm
.endm
.macro previrt.go.ptc.ga p,o:vararg
.purgem ptc.ga
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mmi; [5380470:] (\p) ptc.ga \o ;; nop.m 0; nop.i 0 ;; }
previrt.record 1,30
previrt.mode
.else
(\p) ptc.ga \o
.endif
previrt.make.ptc.ga
.endm
.macro previrt.make.ptc.e
.macro ptc.e o:vararg
previrt.go.ptc.e p0,\o
.endm
.endm
.macro previrt.go.ptc.e p,o:vararg
.purgem ptc.e
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) ptc.e \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,31
previrt.mode
.else
(\p) ptc.e \o
.endif
previrt.make.ptc.e
.endm
.macro previrt.make.ptr.d
.macro ptr.d o:vararg
previrt.go.ptr.d p0,\o
.endm
.endm
.macro previrt.go.ptr.d p,o:vararg
.purgem ptr.d
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) ptr.d \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,32
previrt.mode
.else
(\p) ptr.d \o
.endif
previrt.make.ptr.d
.endm
.macro previrt.make.ptr.i
.macro ptr.i o:vararg
previrt.go.ptr.i p0,\o
.endm
.endm
.macro previrt.go.ptr.i p,o:vararg
.purgem ptr.i
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) ptr.i \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,33
previrt.mode
.else
(\p) ptr.i \o
.endif
previrt.make.ptr.i
.endm
.macro previrt.make.tpa
.macro tpa o:vararg
previrt.go.tpa p0,\o
.endm
.endm
.macro previrt.go.tpa p,o:vararg
.purgem tpa
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) tpa \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,34
previrt.mode
.else
(\p) tpa \o
.endif
previrt.make.tpa
.endm
.macro previrt.make.tak
.macro tak o:vararg
previrt.go.tak p0,\o
.endm
.endm
.macro previrt.go.tak p,o:vararg
.purgem tak
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) tak \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,35
previrt.mode
.else
(\p) tak \o
.endif
previrt.make.tak
.endm
.macro previrt.make.thash
.macro thash o:vararg
previrt.go.thash p0,\o
.endm
.endm
.macro previrt.go.thash p,o:vararg
.purgem thash
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) thash \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,36
previrt.mode
.else
(\p) thash \o
.endif
previrt.make.thash
.endm
.macro previrt.make.ttag
.macro ttag o:vararg
previrt.go.ttag p0,\o
.endm
.endm
.macro previrt.go.ttag p,o:vararg
.purgem ttag
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) ttag \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,37
previrt.mode
.else
(\p) ttag \o
.endif
previrt.make.ttag
.endm
.macro previrt.make.fc
.macro fc o:vararg
previrt.go.fc p0,\o
.endm
.endm
.macro previrt.go.fc p,o:vararg
.purgem fc
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) fc \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,38
previrt.mode
.else
(\p) fc \o
.endif
previrt.make.fc
.endm
.macro previrt.make.fc.i
.macro fc.i o:vararg
previrt.go.fc.i p0,\o
.endm
.endm
.macro previrt.go.fc.i p,o:vararg
.purgem fc.i
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) fc.i \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,38
previrt.mode
.else
(\p) fc.i \o
.endif
previrt.make.fc.i
.endm
.macro previrt.make.probe.r
.macro probe.r o:vararg
previrt.go.probe.r p0,\o
.endm
.endm
.macro previrt.go.probe.r p,o:vararg
.purgem probe.r
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) probe.r \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,39
previrt.mode
.else
(\p) probe.r \o
.endif
previrt.make.probe.r
.endm
.macro previrt.make.probe.w
.macro probe.w o:vararg
previrt.go.probe.w p0,\o
.endm
.endm
.macro previrt.go.probe.w p,o:vararg
.purgem probe.w
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) probe.w \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,39
previrt.mode
.else
(\p) probe.w \o
.endif
previrt.make.probe.w
.endm
.macro previrt.make.probe.rw.fault
.macro probe.rw.fault o:vararg
previrt.go.probe.rw.fault p0,\o
.endm
.endm
.macro previrt.go.probe.rw.fault p,o:vararg
.purgem probe.rw.fault
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) probe.rw.fault \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,39
previrt.mode
.else
(\p) probe.rw.fault \o
.endif
previrt.make.probe.rw.fault
.endm
.macro previrt.make.probe.r.fault
.macro probe.r.fault o:vararg
previrt.go.probe.r.fault p0,\o
.endm
.endm
.macro previrt.go.probe.r.fault p,o:vararg
.purgem probe.r.fault
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) probe.r.fault \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,39
previrt.mode
.else
(\p) probe.r.fault \o
.endif
previrt.make.probe.r.fault
.endm
.macro previrt.make.probe.w.fault
.macro probe.w.fault o:vararg
previrt.go.probe.w.fault p0,\o
.endm
.endm
.macro previrt.go.probe.w.fault p,o:vararg
.purgem probe.w.fault
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) probe.w.fault \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,39
previrt.mode
.else
(\p) probe.w.fault \o
.endif
previrt.make.probe.w.fault
.endm
.macro previrt.make.srlz.d
.macro srlz.d o:vararg
previrt.go.srlz.d p0,\o
.endm
.endm
.macro previrt.go.srlz.d p,o:vararg
.purgem srlz.d
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) srlz.d \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,40
previrt.mode
.else
(\p) srlz.d \o
.endif
previrt.make.srlz.d
.endm
.macro previrt.make.srlz.i
.macro srlz.i o:vararg
previrt.go.srlz.i p0,\o
.endm
.endm
.macro previrt.go.srlz.i p,o:vararg
.purgem srlz.i
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) srlz.i \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,41
previrt.mode
.else
(\p) srlz.i \o
.endif
previrt.make.srlz.i
.endm
.macro previrt.make.rfi
.macro rfi o:vararg
previrt.go.rfi p0,\o
.endm
.endm
.macro previrt.go.rfi p,o:vararg
.purgem rfi
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.Lprevirt.w=0
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; rfi \o ;; }
previrt.record 1,42
previrt.mode
.else
rfi \o
.endif
previrt.make.rfi
.endm
.macro previrt.make.cover
.macro cover o:vararg
previrt.go.cover p0,\o
.endm
.endm
.macro previrt.go.cover p,o:vararg
.purgem cover
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; cover \o ;; }
previrt.record 1,43
previrt.mode
.else
cover \o
.endif
previrt.make.cover
.endm
.macro previrt.make.bsw.0
.macro bsw.0 o:vararg
previrt.go.bsw.0 p0,\o
.endm
.endm
.macro previrt.go.bsw.0 p,o:vararg
.purgem bsw.0
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.Lprevirt.w=.Lprevirt.w%0x10000
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; bsw.0 \o ;; }
previrt.record 1,44
previrt.mode
.else
bsw.0 \o
.endif
previrt.make.bsw.0
.endm
.macro previrt.make.bsw.1
.macro bsw.1 o:vararg
previrt.go.bsw.1 p0,\o
.endm
.endm
.macro previrt.go.bsw.1 p,o:vararg
.purgem bsw.1
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.Lprevirt.w=.Lprevirt.w%0x10000
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; bsw.1 \o ;; }
previrt.record 1,44
previrt.mode
.else
bsw.1 \o
.endif
previrt.make.bsw.1
.endm
.macro previrt.make.vmsw.0
.macro vmsw.0 o:vararg
previrt.go.vmsw.0 p0,\o
.endm
.endm
.macro previrt.go.vmsw.0 p,o:vararg
.purgem vmsw.0
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; vmsw.0 \o ;; }
previrt.record 1,45
previrt.mode
.else
vmsw.0 \o
.endif
previrt.make.vmsw.0
.endm
.macro previrt.make.vmsw.1
.macro vmsw.1 o:vararg
previrt.go.vmsw.1 p0,\o
.endm
.endm
.macro previrt.go.vmsw.1 p,o:vararg
.purgem vmsw.1
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; vmsw.1 \o ;; }
previrt.record 1,45
previrt.mode
.else
vmsw.1 \o
.endif
previrt.make.vmsw.1
.endm
.macro previrt.make.break
.macro break o:vararg
previrt.go.break p0,\o
.endm
.endm
.macro previrt.go.break p,o:vararg
.purgem break
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) break \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,46
previrt.mode
.else
(\p) break \o
.endif
previrt.make.break
.endm
.macro previrt.make.break.m
.macro break.m o:vararg
previrt.go.break.m p0,\o
.endm
.endm
.macro previrt.go.break.m p,o:vararg
.purgem break.m
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] (\p) break.m \o; nop.f 0; nop.i 0 ;; }
previrt.record 1,46
previrt.mode
.else
(\p) break.m \o
.endif
previrt.make.break.m
.endm
.macro previrt.make.break.i
.macro break.i o:vararg
previrt.go.break.i p0,\o
.endm
.endm
.macro previrt.go.break.i p,o:vararg
.purgem break.i
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mii; [5380470:] nop.m 0; nop.i 0; (\p) break.i \o ;; }
previrt.record 1,46
previrt.mode
.else
(\p) break.i \o
.endif
previrt.make.break.i
.endm
.macro previrt.make.break.f
.macro break.f o:vararg
previrt.go.break.f p0,\o
.endm
.endm
.macro previrt.go.break.f p,o:vararg
.purgem break.f
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfi; [5380470:] nop.m 0; (\p) break.f \o; nop.i 0 ;; }
previrt.record 1,46
previrt.mode
.else
(\p) break.f \o
.endif
previrt.make.break.f
.endm
.macro previrt.make.break.b
.macro break.b o:vararg
previrt.go.break.b p0,\o
.endm
.endm
.macro previrt.go.break.b p,o:vararg
.purgem break.b
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; (\p) break.b \o ;; }
previrt.record 1,46
previrt.mode
.else
(\p) break.b \o
.endif
previrt.make.break.b
.endm
.macro previrt.make.break.x
.macro break.x o:vararg
previrt.go.break.x p0,\o
.endm
.endm
.macro previrt.go.break.x p,o:vararg
.purgem break.x
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mlx; [5380470:] nop.m 0; (\p) break.x \o ;; }
previrt.record 1,46
previrt.mode
.else
(\p) break.x \o
.endif
previrt.make.break.x
.endm
.macro previrt.make.epc
.macro epc o:vararg
previrt.go.epc p0,\o
.endm
.endm
.macro previrt.go.epc p,o:vararg
.purgem epc
previrt.look
.if .Lprevirt.x
previrt.free \p,\o
.explicit
;; { .mfb; [5380470:] nop.m 0; nop.f 0; epc \o ;; }
previrt.record 1,47
previrt.mode
.else
epc \o
.endif
previrt.make.epc
.endm
.macro .afterburn_noannotate
.if .Lprevirt.a
.purgem ssm
.purgem rsm
.purgem itc.d
.purgem itc.i
.purgem itr.d
.purgem itr.i
.purgem ptc.l
.purgem ptc.g
.purgem ptc.ga
.purgem ptc.e
.purgem ptr.d
.purgem ptr.i
.purgem tpa
.purgem tak
.purgem thash
.purgem ttag
.purgem fc
.purgem fc.i
.purgem probe.r
.purgem probe.w
.purgem probe.rw.fault
.purgem probe.r.fault
.purgem probe.w.fault
.purgem srlz.d
.purgem srlz.i
.purgem rfi
.purgem cover
.purgem bsw.0
.purgem bsw.1
.purgem vmsw.0
.purgem vmsw.1
.purgem break
.purgem break.m
.purgem break.i
.purgem break.f
.purgem break.b
.purgem break.x
.purgem epc
previrt.unmake.mov
.Lprevirt.a=0
.endif
.endm
.macro .afterburn_annotate
.if .Lprevirt.a==0
previrt.make.ssm
previrt.make.rsm
previrt.make.itc.d
previrt.make.itc.i
previrt.make.itr.d
previrt.make.itr.i
previrt.make.ptc.l
previrt.make.ptc.g
previrt.make.ptc.ga
previrt.make.ptc.e
previrt.make.ptr.d
previrt.make.ptr.i
previrt.make.tpa
previrt.make.tak
previrt.make.thash
previrt.make.ttag
previrt.make.fc
previrt.make.fc.i
previrt.make.probe.r
previrt.make.probe.w
previrt.make.probe.rw.fault
previrt.make.probe.r.fault
previrt.make.probe.w.fault
previrt.make.srlz.d
previrt.make.srlz.i
previrt.make.rfi
previrt.make.cover
previrt.make.bsw.0
previrt.make.bsw.1
previrt.make.vmsw.0
previrt.make.vmsw.1
previrt.make.break
previrt.make.break.m
previrt.make.break.i
previrt.make.break.f
previrt.make.break.b
previrt.make.break.x
previrt.make.epc
previrt.make.mov
.Lprevirt.a=1
.endif
.endm
previrt.make.ssm
previrt.make.rsm
previrt.make.itc.d
previrt.make.itc.i
previrt.make.itr.d
previrt.make.itr.i
previrt.make.ptc.l
previrt.make.ptc.g
previrt.make.ptc.ga
previrt.make.ptc.e
previrt.make.ptr.d
previrt.make.ptr.i
previrt.make.tpa
previrt.make.tak
previrt.make.thash
previrt.make.ttag
previrt.make.fc
previrt.make.fc.i
previrt.make.probe.r
previrt.make.probe.w
previrt.make.probe.rw.fault
previrt.make.probe.r.fault
previrt.make.probe.w.fault
previrt.make.srlz.d
previrt.make.srlz.i
previrt.make.rfi
previrt.make.cover
previrt.make.bsw.0
previrt.make.bsw.1
previrt.make.vmsw.0
previrt.make.vmsw.1
previrt.make.break
previrt.make.break.m
previrt.make.break.i
previrt.make.break.f
previrt.make.break.b
previrt.make.break.x
previrt.make.epc
previrt.make.mov
.list
