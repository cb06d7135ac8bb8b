/* One of two units of a program: both include the header, and each uses a part of it. */
#include "ambit.h"

const char *second_unit(ambit_scope *scope);

static ambit_str method(ambit_scope *scope) {
  (void)scope;
  return AMBIT_STR("PUT");
}

int main(void) {
  ambit_api api;
  ambit_scope scope;
  api.method = method;
  scope.api = &api;
  return printf("%s %s\n", second_unit(&scope), ambit_cause_name(AMBIT_CAUSE_DISCONNECT)) < 0;
}
