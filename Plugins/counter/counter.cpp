/* counter: state and a job that outlive the requests.
 *
 *     curl -X POST http://127.0.0.1:8080/counter       adds one to the count
 *     curl http://127.0.0.1:8080/counter               shows the count, and how often the ticker has ticked
 *
 * A reload with a new version of this plugin starts a new generation with its own count and its own ticker.
 *
 * If host.conf has several `workers`, each worker process has a count of its own, and the answer names the worker: the
 * next request may get to another worker and its count. Keep state that all workers share in a database or a file. The
 * ticker stands for work that must not happen twice at a time, such as cleaning up that database. It runs in one worker
 * only, so the others show 0 ticks.
 */
#include <ambit.h>

#include <atomic>
#include <new>

namespace {

/* Handlers run on several event loops at once, so the members are atomic. */
struct Counter {
  std::atomic<unsigned long> count{0};
  std::atomic<unsigned long> ticks{0};
};

Counter &counter_of(ambit_scope *scope) { return *static_cast<Counter *>(ambit_state(scope)); }

int32_t show(ambit_scope *scope, unsigned long count) {
  unsigned long ticks = counter_of(scope).ticks.load(std::memory_order_relaxed);
  auto *worker = static_cast<const ambit_worker *>(ambit_extension(scope, "ambit.worker/1"));
  if (worker == nullptr || worker->count == 1)
    return ambit_respondf(scope, 200, "text/plain", "count %lu, ticks %lu\n", count, ticks);
  return ambit_respondf(scope, 200, "text/plain", "count %lu, ticks %lu, worker %u of %u\n", count, ticks,
                        worker->index, worker->count);
}

/* GET /counter */
int32_t get(ambit_scope *scope) { return show(scope, counter_of(scope).count.load(std::memory_order_relaxed)); }

/* POST /counter */
int32_t increment(ambit_scope *scope) {
  return show(scope, counter_of(scope).count.fetch_add(1, std::memory_order_relaxed) + 1);
}

/* Runs every second, in one worker. It is spawned in the plugin's scope, so it ends with the generation and not with a
 * request. */
int32_t tick(ambit_scope *, void *arg) {
  static_cast<Counter *>(arg)->ticks.fetch_add(1, std::memory_order_relaxed);
  return AMBIT_OK;
}

/* Runs once in each worker, before the first request. There is no `stop`: the memory of the plugin's scope lives until
 * the last job of the generation has ended, and a Counter needs no destructor. */
int32_t start(ambit_scope *plugin) {
  void *memory = ambit_alloc(plugin, sizeof(Counter));
  if (memory == nullptr)
    return ambit_fail(plugin, AMBIT_NO_MEMORY, "no memory for the counter");
  auto *counter = new (memory) Counter;
  if (ambit_status status = ambit_set_state(plugin, counter); status != AMBIT_OK)
    return status;
  ambit_job_options options = ambit_default_job_options("ticker");
  options.flags = AMBIT_JOB_ONCE;
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
