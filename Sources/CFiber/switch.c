// AddressSanitizer keeps the bounds of the running stack and a fake stack per thread, so it must hear of each switch.
// In builds without it `cfiber_switch` is the assembler's `cfiber_swap` itself, by a weak alias.

#include "switch.h"
#include "sanitizer.h"

#if CFIBER_ASAN

#include <sanitizer/common_interface_defs.h>

void cfiber_switch(cfiber *from, cfiber *to) {
  __sanitizer_start_switch_fiber(&from->fake_stack, to->stack_low, to->stack_size);
  cfiber_swap(from, to);
  __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}

void cfiber_announce_and_enter(void *fiber_entry) {
  const struct fiber_entry *entry = fiber_entry;
  __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
  entry->function(entry->argument);
}

#endif

void cfiber_switch_last(cfiber *from, cfiber *to) {
#if CFIBER_ASAN
  // No place to keep the fake stack in: the sanitizer frees it.
  __sanitizer_start_switch_fiber(NULL, to->stack_low, to->stack_size);
#endif
  from->stack_size = 0;
  cfiber_swap(from, to);
  cfiber_abort("CFiber: a fiber was resumed after its last switch\n");
}
