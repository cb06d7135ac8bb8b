/// The switch from one fiber to another, inlined into its caller. The compiler saves the values that it needs
/// afterwards on the stack, so the switch saves only three registers and the control words, and pushes nothing.
///
/// Saved: the stack pointer, the frame pointer, the address to go on at, and the floating-point control words. All
/// other registers are declared as clobbered, except for those that all fibers of a thread share: the direction flag
/// (clear where C runs) and the thread's base registers. The registers of AVX-512 and SVE are not declared, since the
/// compiler uses them only if told that the processor has them. Shadow stacks are not switched, neither the processor's
/// nor the one that x18 points at.
#ifndef CFIBER_SWITCH_H
#define CFIBER_SWITCH_H

#include "cfiber_nullability.h"
#include "cfiber_record.h"
#include <stdbool.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

#if defined(__AVX512F__) || defined(__ARM_FEATURE_SVE)
#error "CFiber: the switch does not know the registers of AVX-512 and of SVE"
#endif

/// `cfiber_switch` without a call to a sanitizer.
static inline __attribute__((always_inline)) void cfiber_swap(cfiber *from, cfiber *to) {
#if defined(__x86_64__)
  register cfiber *left __asm__("rdi") = from;
  register cfiber *resumed __asm__("rsi") = to;
  // Loading the control words takes half the time of a switch, and they hardly ever differ: so load them only if they do,
  // whatever the SSE exception flags (the low six bits) say. Read in the sizes in which they were stored: a load that
  // straddles two fresh stores waits for the cache.
  __asm__ volatile("leaq 2f(%%rip), %%rax\n\t"
                   "movq %%rsp, (%0)\n\t"
                   "movq %%rbp, 8(%0)\n\t"
                   "movq %%rax, 16(%0)\n\t"
                   "stmxcsr 24(%0)\n\t"
                   "fnstcw 28(%0)\n\t"
                   "movl 24(%0), %%eax\n\t"
                   "movzwl 28(%0), %%ecx\n\t"
                   "xorl 24(%1), %%eax\n\t"
                   "xorw 28(%1), %%cx\n\t"
                   "andl $0xFFC0, %%eax\n\t"
                   "orl %%ecx, %%eax\n\t"
                   "je 1f\n\t"
                   "ldmxcsr 24(%1)\n\t"
                   "fldcw 28(%1)\n"
                   "1:\n\t"
                   "movq (%1), %%rsp\n\t"
                   "movq 8(%1), %%rbp\n\t"
                   "jmpq *16(%1)\n"
                   "2:"
                   : "+r"(left), "+r"(resumed)
                   :
                   : "memory", "cc", "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                     "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                     "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
                     "st(7)");
#elif defined(__aarch64__)
  register cfiber *left __asm__("x0") = from;
  register cfiber *resumed __asm__("x1") = to;
  // Writing the control register stalls many cores; it hardly ever differs. The hint is `bti j`: where branch targets
  // are enforced, it lets a jump arrive.
  __asm__ volatile("adr x9, 2f\n\t"
                   "mov x10, sp\n\t"
                   "mrs x11, fpcr\n\t"
                   "stp x10, x29, [%0]\n\t"
                   "stp x9, x11, [%0, #16]\n\t"
                   "ldp x10, x29, [%1]\n\t"
                   "ldp x9, x12, [%1, #16]\n\t"
                   "cmp x11, x12\n\t"
                   "b.eq 1f\n\t"
                   "msr fpcr, x12\n"
                   "1:\n\t"
                   "mov sp, x10\n\t"
                   "br x9\n"
                   "2:\n\t"
                   "hint #36"
                   : "+r"(left), "+r"(resumed)
                   :
                   : "memory", "cc", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                     "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
                     "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
                     "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
                     "v28", "v29", "v30", "v31");
#else
#error "CFiber: no switch for this processor; x86-64 and arm64 have one"
#endif
}

/// Whether this build has AddressSanitizer, which keeps the bounds of the running stack and a fake stack per thread and
/// so must be told of each switch. A variable, since Swift's compiler does not tell a header whether it builds with it.
extern const bool cfiber_has_sanitizer;

/// `cfiber_switch` in builds with AddressSanitizer.
void cfiber_switch_told(cfiber *from, cfiber *to);

/// Suspends `from`, which is the running fiber, and resumes `to`; returns when `from` is resumed.
///
/// Preserves the registers that a call preserves, and the floating-point control words (rounding, masks). Does not
/// preserve other registers and the floating-point exception flags. `errno`, thread-local variables, the signal mask
/// and the C++ exceptions being handled are shared by all fibers of the thread.
static inline __attribute__((always_inline)) void cfiber_switch(cfiber *from, cfiber *to) {
  if (__builtin_expect(cfiber_has_sanitizer, false))
    return cfiber_switch_told(from, to);
  cfiber_swap(from, to);
}

/// Like `cfiber_switch`, for the last time: `from` is not to be resumed, and its stack may be used again as soon as
/// `to` runs. Does not return.
static inline __attribute__((always_inline)) void cfiber_switch_last(cfiber *from, cfiber *to) {
  from->stack_size = 0;
  cfiber_switch(from, to);
}

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#endif
