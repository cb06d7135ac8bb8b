/// Whether a range is `.` or `..`.
@inline(__always)
func isDotSegment(_ bytes: RawSpan, start: Int, end: Int) -> Bool {
  let count = end &- start
  guard count == 1 || count == 2, bytes[octet: start] == UInt8(ascii: ".") else { return false }
  return bytes[octet: end &- 1] == UInt8(ascii: ".")
}

/// Whether bytes that are one segment would have a `.` or `..` among their parts if the slashes in it separated parts. A
/// dot segment proper is one too.
func containsDotComponent(_ segment: RawSpan) -> Bool {
  var start = 0
  for index in 0...segment.byteCount {
    guard index == segment.byteCount || segment[octet: index] == UInt8(ascii: "/") else { continue }
    if isDotSegment(segment, start: start, end: index) { return true }
    start = index + 1
  }
  return false
}
