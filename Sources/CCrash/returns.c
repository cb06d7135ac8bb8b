#include "facts.h"
#include "line.h"
#include "output.h"
#include "report.h"
#include <string.h>
#include <unistd.h>

// The line about a forked child that has returned into the host.

static void add_number(const char *name, int number) {
  char room[24];
  struct text digits = {room, 0, sizeof room};
  text_add_decimal(&digits, (uint64_t)number, 1);
  add_field(name, digits.bytes, digits.count);
}

static bool is_lifecycle_call(const char *name) {
  return strcmp(name, "start") == 0 || strcmp(name, "save") == 0 || strcmp(name, "stop") == 0;
}

static void make_return_message(void) {
  now.message = (struct text){now.message_room, 0, sizeof now.message_room};
  text_say(&now.message, "a child that plugin code forked returned from ");
  if (!is_lifecycle_call(now.work.name))
    text_say(&now.message, now.work.name[0] == 'o' ? "an " : "a ");
  text_say(&now.message, now.work.name);
  text_say(&now.message, " into the host, so the host ended it; a forked child must exec or _exit");
}

static void make_return_line(void) {
  bool is_json = form == CCRASH_JSON;
  begin_line();
  text_say(&now.line, is_json ? "{\"time\":\"" : "");
  text_add_time(&now.line);
  text_say(&now.line, is_json ? "\",\"level\":\"error\",\"message\":\"" : " ERROR ");
  text_add(&now.line, now.message.bytes, now.message.count);
  text_say(&now.line, is_json ? "\"" : "");
  add_field("fault", "plugin", strlen("plugin"));
  add_excerpt("plugin", &now.work.plugin);
  add_excerpt("route", &now.work.label);
  add_scope();
  add_excerpt("job", &now.work.job);
  add_number("parent", getppid());
  add_number("pid", getpid());
  add_field("work", now.work.name, strlen(now.work.name));
  end_line();
}

void ccrash_report_return(const void *job, const void *scope, const char *place) {
  memset(&now.work, 0, sizeof now.work);
  now.work.name = "function";
  read_work_of(&now.work, job, scope, place);
  make_return_message();
  make_return_line();
  write_line(&now.line, monotonic_time() + PATIENCE);
}
