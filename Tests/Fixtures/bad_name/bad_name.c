/* bad_name: has a name that cannot stand in host.conf. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "Bad Name\n"};
