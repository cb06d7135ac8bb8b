// Fibers that fill every register a call must keep with values of their own, switch in random order, and look whether
// the values are still there. Rounding, which the control words hold, differs from fiber to fiber too.

#include "cfiber.h"
#include <fenv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define REGISTERS 6 // rbx, rbp, r12 to r15
__asm__(".text\n"
        "switch_with_registers:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n  push %rdx\n"
        "  mov 0(%rdx), %rbx\n  mov 8(%rdx), %rbp\n  mov 16(%rdx), %r12\n"
        "  mov 24(%rdx), %r13\n  mov 32(%rdx), %r14\n  mov 40(%rdx), %r15\n"
        "  call plain_switch@PLT\n"
        "  pop %rdx\n"
        "  mov %rbx, 0(%rdx)\n  mov %rbp, 8(%rdx)\n  mov %r12, 16(%rdx)\n"
        "  mov %r13, 24(%rdx)\n  mov %r14, 32(%rdx)\n  mov %r15, 40(%rdx)\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n");
#elif defined(__aarch64__)
#define REGISTERS 19 // x19 to x29, d8 to d15
#define EACH_PAIR(op)                                                                                                  \
  "  " op " x19, x20, [x2]\n  " op " x21, x22, [x2, #16]\n  " op " x23, x24, [x2, #32]\n"                              \
  "  " op " x25, x26, [x2, #48]\n  " op " x27, x28, [x2, #64]\n  " op " d8, d9, [x2, #88]\n"                           \
  "  " op " d10, d11, [x2, #104]\n  " op " d12, d13, [x2, #120]\n  " op " d14, d15, [x2, #136]\n"
__asm__(".text\n"
        "switch_with_registers:\n"
        "  stp x29, x30, [sp, #-176]!\n"
        "  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n  stp x23, x24, [sp, #48]\n"
        "  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n  stp d8, d9, [sp, #96]\n"
        "  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  str x2, [sp, #160]\n" EACH_PAIR(
            "ldp") "  ldr x29, [x2, #80]\n"
                   "  bl plain_switch\n"
                   "  ldr x2, [sp, #160]\n" EACH_PAIR(
                       "stp") "  str x29, [x2, #80]\n"
                              "  ldp d14, d15, [sp, #144]\n  ldp d12, d13, [sp, #128]\n  ldp d10, d11, [sp, #112]\n"
                              "  ldp d8, d9, [sp, #96]\n  ldp x27, x28, [sp, #80]\n  ldp x25, x26, [sp, #64]\n"
                              "  ldp x23, x24, [sp, #48]\n  ldp x21, x22, [sp, #32]\n  ldp x19, x20, [sp, #16]\n"
                              "  ldp x29, x30, [sp], #176\n"
                              "  ret\n");
#endif

/// A call like any other, which has to keep the registers that a call keeps.
__attribute__((noinline)) void plain_switch(cfiber *from, cfiber *to) { cfiber_switch(from, to); }

/// Loads `values` into the registers, switches, and stores into `values` what the registers hold after.
void switch_with_registers(cfiber *from, cfiber *to, uint64_t *values);

enum { FIBERS = 4, SWITCHES = 20000 };

static cfiber fibers[FIBERS + 1]; // the last is the thread's own
static const int roundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
static cfiber_stack_pool pool;
static int switches_left = SWITCHES;

static void expect(int holds, const char *what, int self) {
  if (holds)
    return;
  printf("fiber %d: %s changed with %d switches to go\n", self, what, switches_left);
  exit(1);
}

/// Depends on the rounding of ordinary arithmetic (SSE) and of the wider kind (x87).
static double thirds(void) {
  volatile double one = 1;
  volatile long double wide = 1;
  return one / 3 + (double)(wide / 3 * 0x1p60L);
}

static void switch_at_random(int self) {
  fesetround(roundings[self]);
  double before = thirds();
  while (switches_left-- > 0) {
    uint64_t values[REGISTERS], expected[REGISTERS];
    for (int index = 0; index < REGISTERS; index++)
      values[index] = expected[index] = (uint64_t)random() << 32 | (uint64_t)random();
    int other = (self + 1 + (int)(random() % FIBERS)) % (FIBERS + 1);
    switch_with_registers(&fibers[self], &fibers[other], values);
    expect(memcmp(values, expected, sizeof values) == 0, "a register", self);
    expect(fegetround() == roundings[self], "the rounding mode", self);
    expect(thirds() == before, "a rounded result", self);
  }
}

static void run(void *argument) {
  int self = (int)(intptr_t)argument;
  expect(fegetround() == FE_TONEAREST, "the rounding mode that a fiber starts with", self);
  switch_at_random(self);
  cfiber_switch_last(&fibers[self], &fibers[FIBERS]);
}

int main(void) {
  cfiber_stack_pool_init(&pool, 64 * 1024);
  for (int index = 0; index < FIBERS; index++)
    cfiber_prepare(&fibers[index], cfiber_stack_acquire(&pool), pool.stack_size, run, (void *)(intptr_t)index);
  cfiber_adopt_thread(&fibers[FIBERS]);
  switch_at_random(FIBERS);
  printf("kept\n");
}
