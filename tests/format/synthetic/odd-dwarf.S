/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug information by hand, as damaged or rare producers write it: DIEs that overlap, stick out of
 * their parents, have no name, or get one in several ways; rows of files that do not exist, of line 0,
 * two at one address; sequences that overlap, end early or were dropped. VERSION is DWARF's, 4 or 5.
 */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define OWN(name) PASTE(PASTE(odd, VERSION), PASTE(_, name))
#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define NAME(name) .asciz STRING(OWN(name))

/* code: six functions of one shape, with places 1 to 7 in each */

#define FUNCTION(f, next)                                                                          \
	.globl OWN(f);                                                                             \
	.type OWN(f), @function;                                                                   \
	OWN(f):                                                                                    \
	.L##f##1: testl %edi, %edi; jne .L##f##4;                                                  \
	.L##f##2: incl %edi; je .L##f##5;                                                          \
	.L##f##3: decl %edi; jb .L##f##1;                                                          \
	.L##f##4: call next;                                                                       \
	.L##f##5: xorl %edi, %edi; jb .L##f##2;                                                    \
	.L##f##6: movl %edi, %eax; jne .L##f##3;                                                   \
	.L##f##7: ret;                                                                             \
	.L##f##8:

	.text
.Ltext:
FUNCTION(a, OWN(b))
FUNCTION(b, OWN(c))
FUNCTION(c, OWN(d))
FUNCTION(d, OWN(e))
FUNCTION(e, OWN(f))
FUNCTION(f, outside)
	.globl OWN(alias_in_d)
	.set OWN(alias_in_d), .Ld5
	.globl OWN(c_again)
	.set OWN(c_again), OWN(c)
.Ltext_end:

/* abbreviations */

#define CHILDREN 1
#define LEAF 0
#define ABBREV(code, tag, children) .uleb128 code, tag; .byte children
#define ATTRIBUTE(name, form) .uleb128 name, form
#define ABBREV_END .byte 0, 0

#define TAG_UNIT 0x11
#define TAG_SUBPROGRAM 0x2e
#define TAG_INLINED 0x1d
#define TAG_BLOCK 0x0b
#define AT_STMT_LIST 0x10
#define AT_LOW_PC 0x11
#define AT_HIGH_PC 0x12
#define AT_NAME 0x03
#define AT_ABSTRACT_ORIGIN 0x31
#define AT_DECL_LINE 0x3b
#define AT_SPECIFICATION 0x47
#define AT_RANGES 0x55
#define AT_CALL_LINE 0x59
#define AT_LINKAGE_NAME 0x6e
#define AT_GNU_DISCRIMINATOR 0x2136
#define FORM_ADDR 0x01
#define FORM_DATA2 0x05
#define FORM_DATA4 0x06
#define FORM_STRING 0x08
#define FORM_DATA1 0x0b
#define FORM_UDATA 0x0f
#define FORM_REF_ADDR 0x10
#define FORM_REF4 0x13
#define FORM_SEC_OFFSET 0x17

	.section .debug_abbrev, "", @progbits
.Labbrev:
ABBREV(1, TAG_UNIT, CHILDREN)
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_STMT_LIST, FORM_SEC_OFFSET)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ABBREV_END
ABBREV(2, TAG_SUBPROGRAM, CHILDREN)	/* ordinary */
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_DECL_LINE, FORM_DATA2)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ABBREV_END
ABBREV(3, TAG_SUBPROGRAM, LEAF)		/* abstract */
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_DECL_LINE, FORM_UDATA)
ABBREV_END
ABBREV(4, TAG_INLINED, CHILDREN)
ATTRIBUTE(AT_ABSTRACT_ORIGIN, FORM_REF4)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ATTRIBUTE(AT_CALL_LINE, FORM_UDATA)
ATTRIBUTE(AT_GNU_DISCRIMINATOR, FORM_UDATA)
ABBREV_END
ABBREV(5, TAG_BLOCK, CHILDREN)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ABBREV_END
ABBREV(6, TAG_SUBPROGRAM, CHILDREN)	/* without a name */
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ABBREV_END
ABBREV(7, TAG_SUBPROGRAM, LEAF)		/* named by its declaration */
ATTRIBUTE(AT_SPECIFICATION, FORM_REF_ADDR)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ABBREV_END
ABBREV(8, TAG_SUBPROGRAM, LEAF)		/* a declaration with both names */
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_LINKAGE_NAME, FORM_STRING)
ATTRIBUTE(AT_DECL_LINE, FORM_DATA1)
ABBREV_END
ABBREV(9, TAG_SUBPROGRAM, LEAF)		/* refers twice, and has a plain name of its own */
ATTRIBUTE(AT_ABSTRACT_ORIGIN, FORM_REF4)
ATTRIBUTE(AT_SPECIFICATION, FORM_REF4)
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_ADDR)
ABBREV_END
ABBREV(10, TAG_INLINED, LEAF)		/* in several ranges */
ATTRIBUTE(AT_ABSTRACT_ORIGIN, FORM_REF4)
ATTRIBUTE(AT_RANGES, FORM_SEC_OFFSET)
ATTRIBUTE(AT_CALL_LINE, FORM_DATA1)
ABBREV_END
ABBREV(11, TAG_SUBPROGRAM, CHILDREN)	/* in several ranges */
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_DECL_LINE, FORM_DATA1)
ATTRIBUTE(AT_RANGES, FORM_SEC_OFFSET)
ABBREV_END
ABBREV(12, TAG_SUBPROGRAM, LEAF)	/* no line, and its end as an address */
ATTRIBUTE(AT_NAME, FORM_STRING)
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_ADDR)
ABBREV_END
ABBREV(13, TAG_INLINED, LEAF)		/* of nothing */
ATTRIBUTE(AT_LOW_PC, FORM_ADDR)
ATTRIBUTE(AT_HIGH_PC, FORM_DATA4)
ATTRIBUTE(AT_CALL_LINE, FORM_DATA1)
ABBREV_END
	.byte 0

/* DIEs */

#define AT(from, to) .quad from; .long to - from
#define REFER(die) .long die - .Lunit
#define END_CHILDREN .byte 0

	.section .debug_info, "", @progbits
.Lunit:
	.long .Lunit_end - .Lunit_version
.Lunit_version:
	.short VERSION
#if VERSION == 5
	.byte 1, 8			/* DW_UT_compile */
	.long .Labbrev
#else
	.long .Labbrev
	.byte 8
#endif
	.uleb128 1
	.asciz "odd-dwarf.S"
	.long .Lline
	AT(.Ltext, .Ltext_end)

	.uleb128 2			/* calls in a block, one in the other, one that sticks out */
	NAME(a)
	.short 10
	AT(.La1, .La8)
	.uleb128 5
	AT(.La1, .La7)
	.uleb128 4
	REFER(.Linlined)
	AT(.La2, .La5)
	.uleb128 12, 2
	.uleb128 4
	REFER(.Lspecified)
	AT(.La3, .La4)
	.uleb128 14, 17
	END_CHILDREN
	.uleb128 4
	REFER(.Lspecified)
	AT(.La4, .La6)
	.uleb128 70000, 305419896
	END_CHILDREN
	END_CHILDREN
	END_CHILDREN
	.uleb128 13
	AT(.La6, .La7)
	.byte 15
	.uleb128 4			/* empty */
	REFER(.Linlined)
	AT(.La6, .La6)
	.uleb128 16, 0
	END_CHILDREN
	END_CHILDREN

.Linlined:
	.uleb128 3
	NAME(inlined)
	.uleb128 50
.Lspecified:
	.uleb128 7			/* an abstract one behind a declaration; its code is nowhere */
	.long .Ldeclared
	.quad -1
	.long 16
.Ldeclared:
	.uleb128 8
	NAME(plain)
	NAME(linkage.llvm.55)
	.byte 60

	.uleb128 6			/* no name: the call in it has none either */
	AT(.Lb1, .Lb8)
	.uleb128 4
	REFER(.Linlined)
	AT(.Lb2, .Lb5)
	.uleb128 12, 0
	END_CHILDREN
	END_CHILDREN

	.uleb128 2			/* folded: two functions, one code */
	NAME(c)
	.short 300
	AT(.Lc1, .Lc8)
	.uleb128 10
	REFER(.Linlined)
	.long .Lranges_c
	.byte 30
	.uleb128 10			/* ranges that run backwards, here and out of the function */
	REFER(.Linlined)
	.long .Lranges_backwards
	.byte 31
	.uleb128 10			/* a damaged list: nothing of it counts */
	REFER(.Linlined)
	.long .Lranges_damaged
	.byte 32
	END_CHILDREN
	.uleb128 2
	NAME(c_again)
	.short 20
	AT(.Lc1, .Lc8)
	END_CHILDREN

	.uleb128 11			/* in two parts, with another in the gap */
	NAME(d)
	.byte 40
	.long .Lranges_d
	.uleb128 2
	NAME(nested)
	.short 44
	AT(.Ld3, .Ld5)
	END_CHILDREN
	END_CHILDREN

	.uleb128 9
	REFER(.Linlined)
	REFER(.Ldeclared)
	NAME(e)
	.quad .Le1, .Le8
	.uleb128 12
	NAME(f)
	.quad .Lf1, .Lf8
	.uleb128 12			/* no code, and code that was dropped, and backwards */
	NAME(empty)
	.quad .Lf1, .Lf1
	.uleb128 12
	NAME(dropped)
	.quad -1, 0
	.uleb128 12
	NAME(backwards)
	.quad .Lf8, .Lf1
	.uleb128 2			/* from one function into the next */
	NAME(spans)
	.short 90
	AT(.Le4, .Lf3)
	END_CHILDREN
	.uleb128 2			/* a second one of a name */
	NAME(a)
	.short 95
	AT(.Lf7, .Lf8)
	END_CHILDREN
	END_CHILDREN
.Lunit_end:

/* ranges */

#if VERSION == 5
	.section .debug_rnglists, "", @progbits
	.long .Lrnglists_end - .Lrnglists_version
.Lrnglists_version:
	.short 5
	.byte 8, 0
	.long 0
.Lranges_c:
	.byte 5				/* base_address */
	.quad .Ltext
	.byte 4				/* offset_pair */
	.uleb128 .Lc2 - .Ltext
	.uleb128 .Lc3 - .Ltext
	.byte 7				/* start_length */
	.quad .Lc5
	.uleb128 .Lc7 - .Lc5
	.byte 6				/* start_end, dropped */
	.quad -1, -1
	.byte 0
.Lranges_d:
	.byte 6
	.quad .Ld5, .Ld8
	.byte 6
	.quad .Ld1, .Ld3
	.byte 6				/* empty */
	.quad .Ld1, .Ld1
	.byte 0
.Lranges_backwards:
	.byte 6
	.quad .Lc4, .Lc3
	.byte 6
	.quad .Lc6, .Lb4
	.byte 0
.Lranges_damaged:
	.byte 6
	.quad .Lc2, .Lc5
	.byte 0x42			/* no such kind */
.Lrnglists_end:
#else
	.section .debug_ranges, "", @progbits
.Lranges_c:
	.quad -1, .Ltext		/* base */
	.quad .Lc2 - .Ltext, .Lc3 - .Ltext
	.quad .Lc5 - .Ltext, .Lc7 - .Ltext
	.quad 0, 0
.Lranges_d:
	.quad -1, 0
	.quad .Ld5, .Ld8
	.quad .Ld1, .Ld3
	.quad .Ld1, .Ld1
	.quad -2, -2			/* dropped */
	.quad 0, 0
.Lranges_backwards:
	.quad -1, 0
	.quad .Lc4, .Lc3
	.quad .Lc6, .Lb4
	.quad 0, 0
.Lranges_damaged:
	.quad -1, 0
	.quad .Lc2, .Lc5
	.quad .Lc5			/* cut off, if nothing is linked behind it */
#endif

/* rows */

	.macro row place, line, discriminator=0
	.byte 0, 9, 2			/* DW_LNE_set_address */
	.quad \place
	.byte 3				/* DW_LNS_advance_line */
	.sleb128 \line - line_now
	.set line_now, \line
	.if \discriminator
	.byte 0, 6, 4			/* DW_LNE_set_discriminator, a ULEB128 of 5 bytes */
	.byte (\discriminator & 0x7f) | 0x80, ((\discriminator >> 7) & 0x7f) | 0x80
	.byte ((\discriminator >> 14) & 0x7f) | 0x80, ((\discriminator >> 21) & 0x7f) | 0x80
	.byte (\discriminator >> 28) & 0xf
	.endif
	.byte 1				/* DW_LNS_copy */
	.endm

	.macro file index
	.byte 4
	.uleb128 \index
	.endm

	.macro end_sequence place
	.byte 0, 9, 2
	.quad \place
	.byte 0, 1, 1
	.set line_now, 1
	.endm

	.section .debug_line, "", @progbits
.Lline:
	.long .Lline_end - .Lline_version
.Lline_version:
	.short VERSION
#if VERSION == 5
	.byte 8, 0
#endif
	.long .Lline_header_end - .Lline_header
.Lline_header:
	.byte 1, 1, 1, -5, 14, 13
	.byte 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1
#if VERSION == 5
	.byte 1, 1, FORM_STRING, 1
	.asciz "/"
	.byte 1, 1, FORM_STRING, 2
	.asciz "zero.c"
	.asciz "one.c"
#else
	.byte 0
	.asciz "one.c"
	.byte 0, 0, 0, 0
#endif
.Lline_header_end:
	.set line_now, 1
	row .La1, 11
	row .La2, 51, 2
	row .La3, 61, 0x12345678
	row .La3, 62			/* again at one address: this one counts */
	row .La4, 63, 17
	file 99				/* no such file */
	row .La5, 12, 4
	file 0				/* one in DWARF 5, none before */
	row .La6, 13, 6
	file 1
	row .La7, 0
	row .Lb1, 5			/* above the function's own line */
	row .Lb3, 52, 208
	row .Lb6, 0, 3
	row .Lc1, 301
	row .Lc1 + 1, 302		/* inside an instruction */
	row .Lc3, 51, 0xffffffff
	row .Lc5, 66000
	row .Lc6, 53, 143
	end_sequence .Lc8
	row -1, 44			/* dropped */
	row -1, 45
	end_sequence -1
	row .Ld1, 41			/* ends early, */
	row .Ld4, 42, 1
	row .Le2, 61
	end_sequence .Lf2
	row .Le3, 71			/* begins in it and goes on, */
	row .Lf2, 72, 2
	row .Lf5, 73
	end_sequence .Lf7
	row .Ld2, 81			/* is all inside of it */
	row .Ld3, 82
	end_sequence .Ld5
	row .Lf3, 91			/* empty */
	end_sequence .Lf3
.Lline_end:
	.section .note.GNU-stack, "", @progbits
