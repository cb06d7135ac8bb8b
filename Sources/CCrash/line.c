#include "line.h"
#include "facts.h"
#include "output.h"
#include "report.h"
#include <string.h>

// The line about a signal, of a process that has no supervisor to write it.

const char *const ccrash_dry_run_prefix = "ambit-crash: ";

/// Bytes of a field besides its name and value.
#define FIELD_FRAME ((size_t)8)

void add_field(const char *name, const char *value, size_t count) {
  struct text *line = &now.line;
  if (count == 0 || line->capacity - line->count < strlen(name) + FIELD_FRAME)
    return;
  bool is_json = form == CCRASH_JSON;
  bool is_quoted = is_json || text_needs_quotes(value, count);
  text_say(line, is_json ? ",\"" : " ");
  text_say(line, name);
  text_say(line, is_json ? "\":" : "=");
  if (is_quoted)
    text_say(line, "\"");
  line->capacity -= 1;
  text_add_escaped(line, value, count, is_json ? ESCAPE_JSON : is_quoted ? ESCAPE_QUOTED : ESCAPE_CONTROL);
  line->capacity += 1;
  if (is_quoted)
    text_say(line, "\"");
}

void add_excerpt(const char *name, const struct excerpt *value) { add_field(name, value->bytes, value->count); }

void add_scope(void) {
  if (!now.work.has_scope)
    return;
  char room[240];
  if (now.work.has_request) {
    struct text request = {room, 0, sizeof room};
    text_say(&request, request_prefix);
    text_add_decimal(&request, now.work.request, 1);
    add_field("request", request.bytes, request.count);
    if (now.work.request == now.work.scope)
      return;
  }
  struct text scope = {room, 0, sizeof room};
  text_add_decimal(&scope, now.work.scope, 1);
  if (now.work.scope_name.count > 0) {
    text_say(&scope, " ");
    text_add(&scope, now.work.scope_name.bytes, now.work.scope_name.count);
  }
  add_field("scope", scope.bytes, scope.count);
}

void begin_line(void) { now.line = (struct text){now.line_room, 0, sizeof now.line_room - 2}; }

void end_line(void) {
  now.line.capacity = sizeof now.line_room;
  text_say(&now.line, form == CCRASH_JSON ? "}\n" : "\n");
}

/// The plugin to blame, or else the one whose code the thread has run.
static void add_plugin(void) {
  const char *plugin = plugin_to_blame();
  if (plugin == NULL)
    return add_excerpt("plugin", &now.work.plugin);
  if (now.left_to == NULL)
    add_field("fault", "plugin", strlen("plugin"));
  add_field("plugin", plugin, strlen(plugin));
}

static void add_fields(void) {
  if (was_sent())
    return;
  add_plugin();
  add_excerpt("route", &now.work.label);
  add_scope();
  add_excerpt("job", &now.work.job);
  add_field("work", now.work.name, strlen(now.work.name));
  prepare_stack();
  add_field("stack", now.stack.bytes, now.stack.count);
}

void make_line(void) {
  struct text *line = &now.line;
  begin_line();
  // End an unfinished earlier line first.
  if (log_backlog() > 0)
    text_say(line, "\n");
  if (form == CCRASH_DRY_RUN) {
    text_say(line, ccrash_dry_run_prefix);
    text_add_escaped(line, now.message.bytes, now.message.count, ESCAPE_CONTROL);
  } else if (form == CCRASH_JSON) {
    text_say(line, "{\"time\":\"");
    text_add_time(line);
    text_say(line, now.left_to != NULL ? "\",\"level\":\"warning" : "\",\"level\":\"critical");
    text_say(line, "\",\"message\":\"");
    text_add_escaped(line, now.message.bytes, now.message.count, ESCAPE_JSON);
    text_say(line, "\"");
    add_fields();
  } else {
    text_add_time(line);
    text_say(line, now.left_to != NULL ? " WARNING " : " CRITICAL ");
    text_add_escaped(line, now.message.bytes, now.message.count, ESCAPE_CONTROL);
    add_fields();
  }
  end_line();
}
