/* wrong_size: its entry is smaller than that of the version it names. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {.magic = AMBIT_PLUGIN_MAGIC,
                                                      .abi_major = AMBIT_ABI_MAJOR,
                                                      .abi_minor = AMBIT_ABI_MINOR,
                                                      .size = 24,
                                                      .name = "wrong_size"};
