import AmbitCore
import Testing

private let readTypes = "fields are read from application/json and application/x-www-form-urlencoded"

@Suite("Format of a body") struct BodyFormatTests {
  @Test(arguments: [
    ("application/json", BodyFormat.json), ("Application/JSON; charset=utf-8", .json),
    ("application/problem+json", .json),
    ("application/x-www-form-urlencoded", .form), ("application/x-www-form-urlencoded;charset=UTF-8", .form),
    ("", .unnamed), ("text/plain", .text), ("application/jsonp", .other), ("Text/json", .text), ("+json", .other),
    ("multipart/form-data; boundary=application/json", .multipart), ("application/json-seq", .other),
    ("text", .other),
  ])
  func `The format of a body is told by its content type`(contentType: String, format: BodyFormat) {
    #expect(BodyFormat(contentType: Array(contentType.utf8).span.bytes) == format)
  }

  @Test(
    arguments: [
      (nil, #"{"a":1}"#, "the body looks like JSON, but it has no Content-Type; send Content-Type: application/json"),
      (nil, "a=1", "the body has no Content-Type; \(readTypes)"),
      (nil, "", nil),
      (
        "application/x-www-form-urlencoded", " \r\n\t{}",
        "the body looks like JSON, but its Content-Type is application/x-www-form-urlencoded "
          + "(curl sends that by default); send Content-Type: application/json"
      ),
      ("application/x-www-form-urlencoded", "a=%7B", nil), ("application/json", "{}", nil),
      (
        "text/plain;charset=UTF-8", "{",
        "the body looks like JSON, but its Content-Type is text/plain;charset=UTF-8; send Content-Type: application/json"
      ),
      ("text/csv", "a,b", "the body has the Content-Type text/csv; \(readTypes)"),
      (
        "multipart/form-data; boundary=x", "",
        "the body has the Content-Type multipart/form-data; boundary=x; \(readTypes)"
      ),
    ] as [(String?, String, String?)])
  func `A body whose fields cannot be read is named with what to send`(type: String?, body: String, reason: String?) {
    let format = type.map { BodyFormat(contentType: Array($0.utf8).span.bytes) } ?? .unnamed
    let hint = UnreadFields(in: Array(body.utf8).span.bytes, format, contentType: type)
    #expect(hint?.reason == reason)
  }
}
