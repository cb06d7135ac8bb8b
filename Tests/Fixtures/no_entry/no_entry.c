/* no_entry: has no entry under the name that the host looks up. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_enrty = {AMBIT_PLUGIN_HEADER, .name = "no_entry"};
