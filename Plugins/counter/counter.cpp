/* counter: state that outlives requests, and a job that outlives them too.
 *
 *     curl -X POST http://127.0.0.1:8080/counter       counts one more
 *     curl http://127.0.0.1:8080/counter               shows the count, and for how many seconds the plugin has run
 *
 * A reload with a new version of this plugin begins a new generation, with a state and a ticker of its own.
 */
#include <ambit.h>

#include <atomic>
#include <new>

namespace {

/* Handlers run on several event loops at once, so what they share is atomic. */
struct Counter {
  std::atomic<unsigned long> count{0};
  std::atomic<unsigned long> seconds{0};
};

Counter &counter_of(ambit_scope *scope) { return *static_cast<Counter *>(ambit_state(scope)); }

int32_t show(ambit_scope *scope, unsigned long count) {
  unsigned long seconds = counter_of(scope).seconds.load(std::memory_order_relaxed);
  return ambit_respondf(scope, 200, "text/plain", "count %lu, running for %lu s\n", count, seconds);
}

/* GET /counter */
int32_t get(ambit_scope *scope) { return show(scope, counter_of(scope).count.load(std::memory_order_relaxed)); }

/* POST /counter */
int32_t increment(ambit_scope *scope) {
  return show(scope, counter_of(scope).count.fetch_add(1, std::memory_order_relaxed) + 1);
}

/* Runs every second in the plugin's scope: the end of a request does not end it, the end of the generation does. */
int32_t tick(ambit_scope *, void *arg) {
  static_cast<Counter *>(arg)->seconds.fetch_add(1, std::memory_order_relaxed);
  return AMBIT_OK;
}

/* Runs once, before the first request. Memory of the plugin's scope lives until the last job of the generation has
 * ended, and a Counter needs no destructor, so that there is nothing to undo in a `stop`. */
int32_t start(ambit_scope *plugin) {
  void *memory = ambit_alloc(plugin, sizeof(Counter));
  if (memory == nullptr)
    return ambit_fail(plugin, AMBIT_NO_MEMORY, "no memory for the counter");
  auto *counter = new (memory) Counter;
  if (ambit_status status = ambit_set_state(plugin, counter); status != AMBIT_OK)
    return status;
  ambit_job_options options = ambit_default_job_options("ticker");
  return ambit_every(plugin, AMBIT_SECONDS(1), tick, counter, &options, nullptr);
}

const ambit_route routes[] = {
    {.pattern = "GET /counter", .handler = get},
    {.pattern = "POST /counter", .handler = increment},
};

} // namespace

AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
    AMBIT_PLUGIN_HEADER, .name = "counter",
    .version = "1.0",    .about = "Counts requests.",
    .routes = routes,    .route_count = sizeof routes / sizeof routes[0],
    .start = start};
