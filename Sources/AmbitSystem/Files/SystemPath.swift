internal import AmbitCore

extension String {
  /// The text of a file name or path that a call of the C library has returned.
  package init(systemPath path: UnsafePointer<CChar>) {
    var bytes: [UInt8] = []
    var next = unsafe path
    while unsafe next.pointee != 0 {
      unsafe bytes.append(UInt8(bitPattern: next.pointee))
      unsafe next += 1
    }
    self.init(fileName: bytes)
  }

  /// The text of a file name or path in an array of the C library's, which ends with NUL.
  package init(systemPath path: [CChar]) {
    self.init(fileName: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
  }
}
