/* newer_minor: built for a minor version that the host does not have yet. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {.magic = AMBIT_PLUGIN_MAGIC,
                                                      .abi_major = AMBIT_ABI_MAJOR,
                                                      .abi_minor = AMBIT_ABI_MINOR + 1,
                                                      .size = sizeof(ambit_plugin),
                                                      .name = "newer_minor"};
