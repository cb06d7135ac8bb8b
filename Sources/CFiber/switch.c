#include "cfiber_switch.h"
#include "sanitizer.h"
#include "start.h"

#if CFIBER_ASAN

#include <sanitizer/common_interface_defs.h>

const bool cfiber_has_sanitizer = true;

void cfiber_switch_told(cfiber *from, cfiber *to) {
  // Given no place to keep it in, the sanitizer frees the fake stack of a fiber that has ended.
  void **fake_stack = from->stack_size == 0 ? NULL : &from->fake_stack;
  __sanitizer_start_switch_fiber(fake_stack, to->stack_low, to->stack_size);
  cfiber_swap(from, to);
  __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}

void cfiber_announce_and_enter(void *fiber_entry) {
  const struct fiber_entry *entry = fiber_entry;
  __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
  entry->function(entry->argument);
}

#else

const bool cfiber_has_sanitizer = false;

void cfiber_switch_told(cfiber *from, cfiber *to) { cfiber_swap(from, to); }

#endif
