/* no_name: says no name. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .version = "1.0"};
