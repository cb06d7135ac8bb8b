/* bad_reserved: fills a field that is reserved. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "bad_reserved", .reserved = 16};
