/* The switch for arm64, AAPCS64 calling convention; saved_frame.h describes what it leaves on the stack.
 *
 * Saved: x19 to x30, the low halves of v8 to v15, the floating-point control register.
 * Not saved, because a caller expects a call to change them: x0 to x17, v0 to v7, v16 to v31, the upper halves of v8 to
 * v15, the SVE predicates, the arithmetic flags, the floating-point status register. Not saved either: x18 (the
 * platform's) and tpidr_el0 (the thread's).
 *
 * Return addresses may be signed: a signature depends on the stack pointer and the process's keys, and both are the same
 * when the fiber goes on. A shadow call stack in x18 is not switched: build without one.
 */
#if defined(__aarch64__)

    .text

/* void cfiber_swap(cfiber *from, cfiber *to), and cfiber_switch unless switch.c has its own */
    .globl  cfiber_swap
    .hidden cfiber_swap
    .type   cfiber_swap, %function
    .weak   cfiber_switch
    .set    cfiber_switch, cfiber_swap
    .p2align 5
cfiber_swap:
    .cfi_startproc
    hint    #34 /* bti c */
    sub     sp, sp, #176
    .cfi_adjust_cfa_offset 176
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mrs     x10, fpcr
    str     x10, [sp, #160]

    mov     x9, sp
    str     x9, [x0]
    ldr     x9, [x1]
    mov     sp, x9

/* Where every suspended fiber goes on: a debugger that sets pc to this and sp to cfiber.sp can walk the fiber. */
    .globl  cfiber_resume_point
    .hidden cfiber_resume_point
    .type   cfiber_resume_point, %function
cfiber_resume_point:
    /* Writing the control register stalls many cores; it hardly ever differs. */
    ldr     x9, [sp, #160]
    cmp     x9, x10
    b.eq    1f
    msr     fpcr, x9
1:
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    add     sp, sp, #176
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    /* Not br: where branch targets are enforced, only ret may go to an address behind a call. */
    ret
    .cfi_endproc
    .size   cfiber_swap, . - cfiber_swap

/* The first frame of every fiber: x19 holds the entry function, x20 its argument, x29 is 0. The end of the stack for
 * unwinders by frame pointer and by CFI. The nop is for those that look up the address before a return address: a fiber
 * that has not started yet would return to the first instruction. */
    .globl  cfiber_start
    .hidden cfiber_start
    .type   cfiber_start, %function
    .type   cfiber_unstarted, %function
    .cfi_startproc
    .cfi_undefined x30
cfiber_unstarted:
    nop
cfiber_start:
    mov     x0, x20
    blr     x19
    bl      cfiber_entry_returned
    brk     #1
    .cfi_endproc
    .size   cfiber_start, . - cfiber_start

    .hidden cfiber_entry_returned

/* Branch targets are marked here, so that the linker may enforce them for the whole program. */
    .section .note.gnu.property, "a"
    .p2align 3
    .word   4, 16, 5 /* size of the name, size of the data, NT_GNU_PROPERTY_TYPE_0 */
    .asciz  "GNU"
    .word   0xc0000000, 4, 1, 0 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND, size of the data, BTI, padding */

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
