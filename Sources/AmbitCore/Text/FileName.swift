/// The names of files as text. On Linux a name is a sequence of bytes, which need not be UTF-8.
extension String {
  /// The text for the bytes of a file name or path. Different bytes give different texts, and `fileNameBytes` returns
  /// the bytes again, so a file whose name is not UTF-8 can be opened by its text.
  ///
  /// A byte that is not part of valid UTF-8 becomes one of the last 128 private-use scalars. A name that contains such
  /// a scalar is taken byte by byte as well.
  package init(fileName bytes: some Collection<UInt8>) {
    if let text = String(validating: bytes, as: UTF8.self), !text.hasFileNameBytes {
      self = text
      return
    }
    self.init()
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes.makeIterator()
    var place = bytes.startIndex
    while true {
      switch parser.parseScalar(from: &rest) {
      case .emptyInput: return
      case .valid(let encoded):
        let scalar = Unicode.UTF8.decode(encoded)
        if scalar.fileNameByte == nil {
          unicodeScalars.append(scalar)
        } else {
          for byte in encoded { unicodeScalars.append(Unicode.Scalar(fileNameByte: byte)) }
        }
        place = bytes.index(place, offsetBy: encoded.count)
      case .error(let length):
        let end = bytes.index(place, offsetBy: length)
        for byte in bytes[place..<end] { unicodeScalars.append(Unicode.Scalar(fileNameByte: byte)) }
        place = end
      }
    }
  }

  /// The bytes of the file name or path for the system.
  package var fileNameBytes: [UInt8] {
    guard hasFileNameBytes else { return Array(utf8) }
    return unicodeScalars.reduce(into: []) { bytes, scalar in
      if let byte = scalar.fileNameByte { bytes.append(byte) } else { bytes += UTF8.encode(scalar)! }
    }
  }

  /// The bytes of the path with a NUL behind them, for calls of the C library.
  package var systemPath: [CChar] { fileNameBytes.map { CChar(bitPattern: $0) } + [0] }

  /// The scalars in question begin with this byte in UTF-8, and hardly any others do.
  private var hasFileNameBytes: Bool {
    utf8.contains(0xF4) && unicodeScalars.contains { $0.fileNameByte != nil }
  }
}

extension Unicode.Scalar {
  /// The scalar that stands for a byte from 0x80 on in `String.init(fileName:)`.
  fileprivate init(fileNameByte byte: UInt8) { self.init(0x10FF00 + UInt32(byte))! }

  /// The byte of a file name that the scalar stands for; nil if it stands for itself.
  package var fileNameByte: UInt8? { value >= 0x10FF80 ? UInt8(truncatingIfNeeded: value) : nil }
}
