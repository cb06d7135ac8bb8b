/* bad_texts: its texts do not fit on one line of a log. */
#include <ambit.h>

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "bad_texts", .version = "1.0\n2.0",
                                                      .about = "a\tb"};
