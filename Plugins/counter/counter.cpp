/* counter: state and a job that outlive the requests.
 *
 *     curl -X POST http://127.0.0.1:8080/counter       adds one to the count
 *     curl http://127.0.0.1:8080/counter               shows the count, and how long the plugin has been running
 *
 * A reload with a new version of this plugin starts a new generation with its own count and its own ticker.
 */
#include <ambit.h>

#include <atomic>
#include <new>

namespace {

/* Handlers run on several event loops at once, so the members are atomic. */
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

/* Runs every second. It is spawned in the plugin's scope, so it ends with the generation and not with a request. */
int32_t tick(ambit_scope *, void *arg) {
  static_cast<Counter *>(arg)->seconds.fetch_add(1, std::memory_order_relaxed);
  return AMBIT_OK;
}

/* Runs once, before the first request. There is no `stop`: the memory of the plugin's scope lives until the last job of
 * the generation has ended, and a Counter needs no destructor. */
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
