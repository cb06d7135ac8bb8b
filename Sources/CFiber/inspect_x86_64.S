/* A look at a suspended fiber, for x86-64; saved_frame.h describes what it reads. */
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
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    movq    (%rdi), %rbx
    movq    %rsi, %rax
    movq    %rdx, %rdi
    .cfi_remember_state
    .cfi_def_cfa %rbx, 64
    .cfi_offset %rbp, -16
    .cfi_offset %rbx, -24
    .cfi_offset %r12, -32
    .cfi_offset %r13, -40
    .cfi_offset %r14, -48
    .cfi_offset %r15, -56
    callq   *%rax
    .cfi_restore_state
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    ret
    .cfi_endproc
    .size   cfiber_call_beneath, . - cfiber_call_beneath

#endif

#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
