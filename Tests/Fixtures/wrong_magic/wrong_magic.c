/* wrong_magic: its entry does not begin with the magic number. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {.magic = 0x0badcafe,
                                                      .abi_major = AMBIT_ABI_MAJOR,
                                                      .abi_minor = AMBIT_ABI_MINOR,
                                                      .size = sizeof(ambit_plugin),
                                                      .name = "wrong_magic"};
