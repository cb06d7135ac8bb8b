/* The switch for x86-64, System V calling convention; saved_frame.h describes what it leaves on the stack.
 *
 * Saved: rbx, rbp, r12 to r15, and the control words of SSE and x87.
 * Not saved, because a caller expects a call to change them: rax, rcx, rdx, rsi, rdi, r8 to r11, all vector and mask
 * registers, the x87 and MMX registers, the arithmetic flags, the SSE exception flags. Not saved either: the direction flag (clear at every
 * call), the fs and gs bases (they belong to the thread), the protection-key rights, AMX tiles.
 *
 * Shadow stacks are not switched. This object therefore lacks the note that declares support for them (IBT and SHSTK in
 * .note.gnu.property), and one such object is enough for glibc to leave them off in the whole process.
 */
#if defined(__x86_64__)

    .text

/* void cfiber_swap(cfiber *from, cfiber *to), and cfiber_switch unless switch.c has its own */
    .globl  cfiber_swap
    .hidden cfiber_swap
    .type   cfiber_swap, @function
    .weak   cfiber_switch
    .set    cfiber_switch, cfiber_swap
    .p2align 5
cfiber_swap:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movl    (%rsp), %eax
    movzwl  4(%rsp), %ecx

    movq    %rsp, (%rdi)
    movq    (%rsi), %rsp

    /* Loading control words takes half the time of a switch, and they hardly ever differ: loaded are only those that do,
     * whatever the SSE exception flags (the low six bits) say. Read in the sizes in which they were stored: a load that
     * straddles two fresh stores waits for the cache. */
    xorl    (%rsp), %eax
    xorw    4(%rsp), %cx
    andl    $0xFFC0, %eax
    orl     %ecx, %eax
    je      1f

/* Where every suspended fiber goes on: a debugger that sets pc to this and sp to cfiber.sp can walk the fiber. */
    .globl  cfiber_resume_point
    .hidden cfiber_resume_point
    .type   cfiber_resume_point, @function
cfiber_resume_point:
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
1:  addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    /* Not ret: the processor would predict a return to our caller, and be wrong each time; twice as slow. */
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmpq    *%rcx
    .cfi_endproc
    .size   cfiber_swap, . - cfiber_swap

/* The first frame of every fiber: r12 holds the entry function, r13 its argument, rbp is 0. The end of the stack for
 * unwinders by frame pointer and by CFI. The nop is for those that look up the address before a return address: a fiber
 * that has not started yet would return to the first instruction. */
    .type   cfiber_start, @function
    .type   cfiber_unstarted, @function
    .globl  cfiber_start
    .hidden cfiber_start
    .cfi_startproc
    .cfi_undefined %rip
cfiber_unstarted:
    nop
cfiber_start:
    movq    %r13, %rdi
    callq   *%r12
    callq   cfiber_entry_returned
    ud2
    .cfi_endproc
    .size   cfiber_start, . - cfiber_start

    .hidden cfiber_entry_returned

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
