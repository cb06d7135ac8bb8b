/* Where fibers begin, and a look at suspended ones, for arm64. cfiber_record.h describes what it reads. */
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
    stp     x19, x20, [sp, #16]
    .cfi_rel_offset x19, 16
    .cfi_rel_offset x20, 24
    ldp     x19, x29, [x0]
    ldr     x20, [x0, #16]
    mov     x9, x1
    mov     x0, x2
    .cfi_remember_state
    .cfi_def_cfa x19, 0
    .cfi_register x30, x20
    .cfi_same_value x29
    .cfi_undefined x19
    .cfi_undefined x20
    blr     x9
    .cfi_restore_state
    ldp     x19, x20, [sp, #16]
    .cfi_restore x19
    .cfi_restore x20
    ldp     x29, x30, [sp], #32
    .cfi_adjust_cfa_offset -32
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   cfiber_call_beneath, . - cfiber_call_beneath

/* The first frame of every fiber, with a struct fiber_entry on the stack. The end of the stack for unwinders by frame
 * pointer, which is 0, and by CFI. The nop is for unwinders that look up the address before a return address: a
 * fiber that has not started yet would return to the first instruction; the hint is `bti j`, which lets the switch's jump
 * arrive where branch targets are enforced. */
    .globl  cfiber_start
    .hidden cfiber_start
    .type   cfiber_start, %function
    .type   cfiber_unstarted, %function
    .cfi_startproc
    .cfi_undefined x30
cfiber_unstarted:
    nop
cfiber_start:
    hint    #36
    ldp     x9, x0, [sp], #16
    blr     x9
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
