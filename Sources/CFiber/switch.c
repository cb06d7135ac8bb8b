#include "cfiber_switch.h"
#include "sanitizer.h"
#include "start.h"

#if CFIBER_ASAN

#include <sanitizer/common_interface_defs.h>

const bool cfiber_has_sanitizer = true;

void cfiber_switch_told(cfiber *from, cfiber *to) {
  __sanitizer_start_switch_fiber(&from->fake_stack, to->stack_low, to->stack_size);
  cfiber_swap(from, to);
  __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}

void cfiber_tell_last(const cfiber *to) {
  // No place to keep the fake stack in: the sanitizer frees it.
  __sanitizer_start_switch_fiber(NULL, to->stack_low, to->stack_size);
}

void cfiber_announce_and_enter(void *fiber_entry) {
  const struct fiber_entry *entry = fiber_entry;
  __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
  entry->function(entry->argument);
}

#else

const bool cfiber_has_sanitizer = false;

void cfiber_switch_told(cfiber *from, cfiber *to) { cfiber_swap(from, to); }

void cfiber_tell_last(const cfiber *to) { (void)to; }

#endif

void cfiber_resumed_after_last(void) { cfiber_abort("CFiber: a fiber was resumed after its last switch\n"); }
