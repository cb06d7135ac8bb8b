#include "facts.h"
#include "report.h"
#include <unistd.h>

// Which code a report names, and whom it blames.

const struct image *image_of_frame(int index) { return image_around(code_of_frame(&now.walk, index)); }

int plugin_frame(void) {
  int brought = -1;
  for (int index = 0; index < now.walk.count; index++) {
    const struct image *image = image_of_frame(index);
    if (image != NULL && image->label[0] != '\0')
      return index;
    if (brought < 0 && plugin_of(image) != NULL)
      brought = index;
  }
  return brought;
}

const char *nearest_plugin(void) {
  int index = plugin_frame();
  return index < 0 ? NULL : plugin_of(image_of_frame(index));
}

const char *plugin_to_blame(void) {
  const char *nearest = nearest_plugin();
  return nearest == NULL && now.work.is_loading ? now.work.plugin.bytes : nearest;
}

int named_frame(void) {
  int index = now.info != NULL && is_fault(now.info) ? 0 : plugin_frame();
  return index < 0 ? 0 : index;
}

bool was_sent(void) {
  return now.info->si_code == SI_USER || (now.info->si_code <= 0 && now.info->si_pid != getpid());
}
