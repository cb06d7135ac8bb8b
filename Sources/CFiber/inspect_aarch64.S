/* A look at a suspended fiber, for arm64; saved_frame.h describes what it reads. */
#if defined(__aarch64__)

    .text

/* void cfiber_call_beneath(const cfiber *suspended, void (*function)(void *), void *argument)
 *
 * Runs on the caller's own stack: the fiber's may have no room left. Only the unwind information says otherwise. */
    .globl  cfiber_call_beneath
    .hidden cfiber_call_beneath
    .type   cfiber_call_beneath, %function
    .p2align 4
cfiber_call_beneath:
    .cfi_startproc
    hint    #34 /* bti c */
    stp     x29, x30, [sp, #-32]!
    .cfi_adjust_cfa_offset 32
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    str     x19, [sp, #16]
    .cfi_rel_offset x19, 16
    ldr     x19, [x0]
    mov     x9, x1
    mov     x0, x2
    .cfi_remember_state
    .cfi_def_cfa x19, 176
    .cfi_offset x19, -176
    .cfi_offset x20, -168
    .cfi_offset x21, -160
    .cfi_offset x22, -152
    .cfi_offset x23, -144
    .cfi_offset x24, -136
    .cfi_offset x25, -128
    .cfi_offset x26, -120
    .cfi_offset x27, -112
    .cfi_offset x28, -104
    .cfi_offset x29, -96
    .cfi_offset x30, -88
    blr     x9
    .cfi_restore_state
    ldr     x19, [sp, #16]
    .cfi_restore x19
    ldp     x29, x30, [sp], #32
    .cfi_adjust_cfa_offset -32
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   cfiber_call_beneath, . - cfiber_call_beneath

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
