#define _GNU_SOURCE

#include "facts.h"
#include "report.h"
#include <stdatomic.h>
#include <unistd.h>

// The message about a signal: which one, why and where.

#define MOST_NAMED_MEMORIES 8

static struct {
  uintptr_t start, end;
  const char *name;
} memories[MOST_NAMED_MEMORIES];
static _Atomic int memory_count;

void ccrash_name_memory(const void *start, size_t size, const char *name) {
  int index = atomic_fetch_add(&memory_count, 1);
  if (index >= MOST_NAMED_MEMORIES)
    return;
  memories[index].name = name;
  memories[index].start = (uintptr_t)start;
  memories[index].end = (uintptr_t)start + size;
}

const char *ccrash_signal_name(int number) {
  switch (number) {
  case SIGSEGV:
    return "SIGSEGV";
  case SIGBUS:
    return "SIGBUS";
  case SIGILL:
    return "SIGILL";
  case SIGFPE:
    return "SIGFPE";
  case SIGABRT:
    return "SIGABRT";
  case SIGTRAP:
    return "SIGTRAP";
  case SIGSYS:
    return "SIGSYS";
  default:
    return NULL;
  }
}

/// Whether the thread has used up its stack: the faulting address, or its stack pointer, lies in a guard.
static size_t overflowed_stack(void) {
  if ((now.number != SIGSEGV && now.number != SIGBUS) || !is_fault(now.info) || stack_overflowed_at == NULL)
    return 0;
  return stack_overflowed_at((uintptr_t)now.info->si_addr);
}

static void add_overflow(void *ignored) {
  (void)ignored;
  size_t size = overflowed_stack();
  if (size == 0)
    return;
  text_say(&now.message, ": stack overflow, all of ");
  text_add_decimal(&now.message, size / 1024, 1);
  text_say(&now.message, " KiB is used,");
}

static void add_memory_name(uintptr_t address) {
  int count = atomic_load(&memory_count);
  for (int index = 0; index < count && index < MOST_NAMED_MEMORIES; index++) {
    if (address < memories[index].start || address >= memories[index].end)
      continue;
    text_say(&now.message, ", a write into ");
    text_say(&now.message, memories[index].name);
    text_say(&now.message, ", which is read-only,");
  }
}

/// Describes the memory that the thread accessed.
static void add_address(void) {
  if (now.number == SIGSEGV && now.info->si_code == SI_KERNEL)
    return text_say(&now.message, " at an address that none can be (non-canonical), or by a forbidden instruction,");
  text_say(&now.message, now.is_recorded ? " at " : " at address ");
  text_add_hexadecimal(&now.message, (uintptr_t)now.info->si_addr);
  if (now.number == SIGBUS && now.info->si_code == BUS_ADRERR)
    text_say(&now.message, ", beyond the end of a mapped file,");
  add_memory_name((uintptr_t)now.info->si_addr);
}

static void add_cause(void) {
  switch (now.number) {
  case SIGSEGV:
  case SIGBUS:
    return add_address();
  case SIGFPE:
    if (now.info->si_code == FPE_INTDIV)
      text_say(&now.message, ", an integer division by zero,");
    return;
  case SIGSYS:
    text_say(&now.message, ", system call ");
    text_add_decimal(&now.message, (uint64_t)now.info->si_syscall, 1);
    return text_say(&now.message, " is forbidden,");
  default:
    return;
  }
}

static void add_sender(void) {
  if (now.info->si_code == SI_TIMER || now.info->si_code == SI_MESGQ || now.info->si_code == SI_ASYNCIO)
    return text_say(&now.message, " sent by a timer, a message queue or asynchronous I/O of this process");
  if (now.info->si_pid == getpid())
    return text_say(&now.message, " sent by this process to itself, by kill(2)");
  if (now.info->si_pid == 0)
    return text_say(&now.message, " sent by a process outside of this PID namespace");
  text_say(&now.message, " sent by process ");
  text_add_decimal(&now.message, (uint64_t)now.info->si_pid, 1);
  text_say(&now.message, " of user ");
  text_add_decimal(&now.message, now.info->si_uid, 1);
}

static void add_message_place(void *ignored) {
  (void)ignored;
  if (now.walk.count == 0)
    return;
  int index = named_frame();
  if (index == 0 && !is_code(now.frames[0]) && now.walk.count > 1) {
    text_say(&now.message, ", where no code is, called from ");
    return add_place(&now.message, 1, NULL);
  }
  text_say(&now.message, " in ");
  add_place(&now.message, index, NULL);
}

void make_message(void) {
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  if (getpid() != host_process) {
    text_say(&now.message, "child process ");
    text_add_decimal(&now.message, (uint64_t)getpid(), 1);
    text_say(&now.message, " of the host: ");
  }
  text_say(&now.message, ccrash_signal_name(now.number));
  if (was_sent())
    return add_sender();
  if (is_fault(now.info))
    add_cause();
  attempt(add_overflow, NULL);
  attempt(add_message_place, NULL);
  if (now.left_to != NULL) {
    text_say(&now.message, ", left to the handler of ");
    text_say(&now.message, now.left_to);
  }
}
