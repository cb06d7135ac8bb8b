#define _GNU_SOURCE

#include "walk.h"
#include "images.h"
#include <stddef.h>
#include <unwind.h>

// The unwinder walks from the handler over the frame that the kernel has pushed, in which it finds the registers of the
// interrupted code. When it finds no unwind information, the registers of the caller are written into that frame, and
// it walks again. So code with and without unwind information may call each other.

/// How far above the stack pointer a frame pointer or a return address may lie to be trusted.
#define NEAR_FRAME ((uintptr_t)1 << 20)
#define SCANNED_WORDS 512

#if defined(__x86_64__)
#define PC(context) ((context)->uc_mcontext.gregs[REG_RIP])
#define SP(context) ((context)->uc_mcontext.gregs[REG_RSP])
#define FP(context) ((context)->uc_mcontext.gregs[REG_RBP])
#define FP_COLUMN 6
#elif defined(__aarch64__)
#define PC(context) ((context)->uc_mcontext.pc)
#define SP(context) ((context)->uc_mcontext.sp)
#define FP(context) ((context)->uc_mcontext.regs[29])
#define LR(context) ((context)->uc_mcontext.regs[30])
#define FP_COLUMN 29
#else
#error "CCrash: no way up the stack for this processor; x86-64 and arm64 have one"
#endif

/// The registers of a frame.
struct registers {
  uintptr_t pc, sp, fp;
};

struct step {
  struct walk *walk;
  /// The address of the interrupted code; the frames before it belong to the handler.
  struct registers first;
  bool has_begun;
  /// The end of the stack was reached.
  bool is_over;
  struct registers last;
};

static struct registers registers_in(const ucontext_t *context) {
  return (struct registers){(uintptr_t)PC(context), (uintptr_t)SP(context), (uintptr_t)FP(context)};
}

uintptr_t interrupted_at(const ucontext_t *context) { return (uintptr_t)PC(context); }

static _Unwind_Reason_Code collect(struct _Unwind_Context *context, void *argument) {
  struct step *step = argument;
  uintptr_t address = _Unwind_GetIP(context);
  if (!step->has_begun && address != step->first.pc)
    return _URC_NO_REASON;
  if (address == 0 && step->has_begun) {
    step->is_over = true;
    return _URC_END_OF_STACK;
  }
  struct walk *walk = step->walk;
  // The first address of a further walk has been collected before.
  if (step->has_begun || walk->count == 0) {
    if (walk->count == walk->capacity) {
      step->is_over = true;
      return _URC_END_OF_STACK;
    }
    walk->frames[walk->count++] = address;
  }
  // For the frame after the kernel's the unwinder tells another stack pointer on arm64.
  step->last = step->has_begun
                   ? (struct registers){address, _Unwind_GetCFA(context), _Unwind_GetGR(context, FP_COLUMN)}
                   : step->first;
  step->has_begun = true;
  return _URC_NO_REASON;
}

/// Whether the instruction before `address` is a call.
static bool follows_call(uintptr_t address) {
  if (!is_code(address) || !is_code(address - 8))
    return false;
#if defined(__x86_64__)
  const unsigned char *end = (const unsigned char *)address;
  if (end[-5] == 0xE8)
    return true;
  // A call through a register or memory has two to seven bytes.
  for (int length = 2; length <= 7; length++)
    if (length != 5 && end[-length] == 0xFF && (end[1 - length] & 0x38) == 0x10)
      return true;
  return false;
#else
  uint32_t instruction = *(const uint32_t *)(address - 4);
  // bl, and blr with its variants that authenticate pointers.
  return instruction >> 26 == 0x25 || (instruction & 0xFEFFF000) == 0xD63F0000;
#endif
}

/// Reads a word of a stack, even if AddressSanitizer has poisoned it.
static __attribute__((noinline, no_sanitize("address"))) uintptr_t word_at(uintptr_t address) {
  return *(const volatile uintptr_t *)address;
}

/// Goes from a frame without unwind information to its caller's frame; false if that is not found.
static bool leave_frame(const ucontext_t *context, struct registers *frame, bool is_innermost) {
  const uintptr_t word = sizeof(uintptr_t);
  if (is_innermost && !is_code(frame->pc)) {
    // A call to an address without code: the return address is still where the call has put it.
#if defined(__x86_64__)
    (void)context;
    *frame = (struct registers){word_at(frame->sp), frame->sp + word, frame->fp};
#else
    *frame = (struct registers){(uintptr_t)LR(context), frame->sp, frame->fp};
#endif
    if (follows_call(frame->pc))
      return true;
  }
  if (is_innermost && follows_call(word_at(frame->sp))) {
    // A leaf function needs no frame; then the frame pointer is the caller's, and would lead past the caller.
    *frame = (struct registers){word_at(frame->sp), frame->sp + word, frame->fp};
    return true;
  }
  if (frame->fp >= frame->sp && frame->fp - frame->sp < NEAR_FRAME && frame->fp % word == 0 &&
      follows_call(word_at(frame->fp + word))) {
    *frame = (struct registers){word_at(frame->fp + word), frame->fp + 2 * word, word_at(frame->fp)};
    return true;
  }
  uintptr_t place = (frame->sp + word - 1) / word * word;
  for (int index = 0; index < SCANNED_WORDS; index++, place += word) {
    uintptr_t candidate = word_at(place);
    if (follows_call(candidate)) {
      *frame = (struct registers){candidate, place + word, frame->fp};
      return true;
    }
  }
  return false;
}

/// Adds a frame that the unwinder has not found, and has it go on there.
static void go_on_at(ucontext_t *context, const struct registers *frame, struct walk *walk) {
  walk->frames[walk->count++] = frame->pc;
  // Look up an address within the call: a call may be the last instruction of its function.
  PC(context) = (__typeof__(PC(context)))(frame->pc - 1);
  SP(context) = (__typeof__(SP(context)))frame->sp;
  FP(context) = (__typeof__(FP(context)))frame->fp;
}

/// Adds an interrupted address without code, and goes on at its caller; false if that is not found. The unwinder would
/// read instructions there, where nothing may be mapped.
static bool leave_no_code(ucontext_t *context, struct walk *walk) {
  struct registers frame = registers_in(context);
  walk->frames[walk->count++] = frame.pc;
  if (!leave_frame(context, &frame, true))
    return false;
  go_on_at(context, &frame, walk);
  return true;
}

void walk_interrupted(ucontext_t *context, struct walk *walk) {
  const struct registers interrupted = registers_in(context);
  bool goes_on = is_code(interrupted.pc) || leave_no_code(context, walk);
  while (goes_on) {
    struct step step = {.walk = walk, .first = registers_in(context), .last = registers_in(context)};
    _Unwind_Backtrace(collect, &step);
    if (walk->count == 0)
      walk->frames[walk->count++] = interrupted.pc;
    if (step.is_over || walk->count == walk->capacity || !leave_frame(context, &step.last, walk->count == 1))
      break;
    go_on_at(context, &step.last, walk);
  }
  PC(context) = (__typeof__(PC(context)))interrupted.pc;
  SP(context) = (__typeof__(SP(context)))interrupted.sp;
  FP(context) = (__typeof__(FP(context)))interrupted.fp;
}

static _Unwind_Reason_Code collect_all(struct _Unwind_Context *context, void *argument) {
  struct walk *walk = argument;
  uintptr_t address = _Unwind_GetIP(context);
  if (address == 0 || walk->count == walk->capacity)
    return _URC_END_OF_STACK;
  walk->frames[walk->count++] = address;
  return _URC_NO_REASON;
}

void walk_here(struct walk *walk) {
  walk->begins_with_call = true;
  _Unwind_Backtrace(collect_all, walk);
}

static _Unwind_Reason_Code pass(struct _Unwind_Context *context, void *argument) {
  (void)context;
  (void)argument;
  return _URC_END_OF_STACK;
}

void prepare_walks(void) { _Unwind_Backtrace(pass, NULL); }
