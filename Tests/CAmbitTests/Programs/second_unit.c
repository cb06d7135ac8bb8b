/* The other of two units of a program. */
#include "ambit.h"

const char *second_unit(ambit_scope *scope);

const char *second_unit(ambit_scope *scope) {
  return ambit_str_equal(ambit_method(scope), AMBIT_STR("PUT")) ? "PUT" : "another method";
}
