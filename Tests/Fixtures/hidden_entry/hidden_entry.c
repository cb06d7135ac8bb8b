/* hidden_entry: has an entry that the library does not show. */
#include <ambit.h>

__attribute__((visibility("hidden")))
const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "hidden_entry"};
