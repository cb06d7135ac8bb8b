/* What the benchmarks ask of kore. */
#include <kore/kore.h>

#include <kore/http.h>

int plain(struct http_request *request);
int hello(struct http_request *request);
int large(struct http_request *request);
int echo(struct http_request *request);

int plain(struct http_request *request) {
  http_response_header(request, "content-type", "text/plain; charset=utf-8");
  http_response(request, 200, "Hello, World!", 13);
  return KORE_RESULT_OK;
}

int hello(struct http_request *request) {
  http_response_header(request, "content-type", "text/plain; charset=utf-8");
  http_response(request, 200, "Hello, World!\n", 14);
  return KORE_RESULT_OK;
}

int large(struct http_request *request) {
  static const char bytes[64 * 1024];
  http_response_header(request, "content-type", "application/octet-stream");
  http_response(request, 200, bytes, sizeof bytes);
  return KORE_RESULT_OK;
}

int echo(struct http_request *request) {
  http_response(request, 200, request->http_body->data, request->http_body_length);
  return KORE_RESULT_OK;
}
