#include "cfiber_thread.h"

__thread void *cfiber_thread_loop __attribute__((tls_model("initial-exec")));
__thread void *cfiber_thread_work __attribute__((tls_model("initial-exec")));
