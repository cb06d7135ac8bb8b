/* start_fails: does not start, and says why. */
#include <ambit.h>

static int32_t start(ambit_scope *plugin) { return ambit_fail(plugin, AMBIT_FAILED, "the moon is not full"); }

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "start_fails", .start = start};
