/* Where fibers begin, and a look at suspended ones, for x86-64. cfiber_record.h describes what it reads.
 *
 * Shadow stacks are not switched. This object lacks the note that declares support for them (SHSTK in
 * .note.gnu.property), and one such object is enough for glibc to leave them off in the whole process.
 */
#if defined(__x86_64__)

    .text

/* void cfiber_call_beneath(const cfiber *suspended, void (*function)(void *), void *argument)
 *
 * Runs on the caller's own stack: the fiber's may have no room left. Only the unwind information says otherwise. */
    .globl  cfiber_call_beneath
    .hidden cfiber_call_beneath
    .type   cfiber_call_beneath, @function
    .p2align 4
cfiber_call_beneath:
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
    movq    (%rdi), %rbx
    movq    8(%rdi), %rbp
    movq    16(%rdi), %r12
    movq    %rsi, %rax
    movq    %rdx, %rdi
    .cfi_remember_state
    .cfi_def_cfa %rbx, 0
    .cfi_register %rip, %r12
    .cfi_same_value %rbp
    .cfi_undefined %rbx
    .cfi_undefined %r12
    .cfi_undefined %r13
    .cfi_undefined %r14
    .cfi_undefined %r15
    callq   *%rax
    .cfi_restore_state
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size   cfiber_call_beneath, . - cfiber_call_beneath

/* The first frame of every fiber, with a struct fiber_entry on the stack. The end of the stack for unwinders by frame
 * pointer, which is 0, and by CFI. The nop is for those that look up the address before a return address: a fiber that
 * has not started yet would return to the first instruction. */
    .type   cfiber_start, @function
    .type   cfiber_unstarted, @function
    .globl  cfiber_start
    .hidden cfiber_start
    .cfi_startproc
    .cfi_undefined %rip
cfiber_unstarted:
    nop
cfiber_start:
    popq    %rax
    popq    %rdi
    callq   *%rax
    callq   cfiber_entry_returned
    ud2
    .cfi_endproc
    .size   cfiber_start, . - cfiber_start

    .hidden cfiber_entry_returned

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
