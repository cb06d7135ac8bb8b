internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import Glibc

// A text that a function reports may lie in memory of the thread that it ran on, or in memory that its next call writes
// to, as those of strerror(3) and asctime(3) do. So it is copied where the function has run, right behind the call.

extension FunctionRoutePointer {
  /// Calls the function on this thread or fiber. The texts in the result, and in the variables of `output`, are copies
  /// that `releaseTexts` frees; one for which there is no memory is absent.
  func perform(_ frame: ArgumentFrame, output: UnsafeMutableRawPointer) -> CallResult {
    var result = pointee.interface.call(pointee.function, frame)
    guard pointee.reportsTexts else { return result }
    if pointee.result.type == .str, !pointee.result.freed { result.bits = Self.copy(ofTextAt: result.bits) }
    forEachText(in: output) { $0 = Self.copy(ofTextAt: $0) }
    return result
  }

  /// Frees the copies that a call has left, and the text that the route is to free; does nothing before the call.
  func releaseTexts(_ result: CallResult, output: UnsafeMutableRawPointer) {
    guard pointee.reportsTexts else { return }
    if pointee.result.type == .str { free(UnsafeMutableRawPointer(bitPattern: UInt(result.bits))) }
    forEachText(in: output) { free(UnsafeMutableRawPointer(bitPattern: UInt($0))) }
  }

  /// Calls `body` with the address in each variable that holds one of a text.
  private func forEachText(in output: UnsafeMutableRawPointer, _ body: (inout UInt64) -> Void) {
    guard pointee.hasReports else { return }
    for report in pointee.plan.reports where report.type == .str {
      body(&(output + report.offset).assumingMemoryBound(to: UInt64.self).pointee)
    }
  }

  private static func copy(ofTextAt address: UInt64) -> UInt64 {
    guard let text = UnsafePointer<CChar>(bitPattern: UInt(address)) else { return 0 }
    return UInt64(UInt(bitPattern: strdup(text)))
  }
}
