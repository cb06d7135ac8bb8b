/* pool_threads: wants all of its code to run on pool threads. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "pool_threads",
                                                      .flags = AMBIT_PLUGIN_THREADS};
