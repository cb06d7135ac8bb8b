/* other_major: built for a major version that does not exist. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {.magic = AMBIT_PLUGIN_MAGIC,
                                                      .abi_major = AMBIT_ABI_MAJOR + 1,
                                                      .abi_minor = AMBIT_ABI_MINOR,
                                                      .size = sizeof(ambit_plugin),
                                                      .name = "other_major"};
