internal import Glibc

/// Writes bytes one behind the other into memory that has room for them; whoever makes one has counted.
struct ByteWriter {
  private let start: UnsafeMutableRawPointer
  private var end: UnsafeMutableRawPointer

  @inline(__always)
  init(_ start: UnsafeMutableRawPointer) {
    self.start = start
    end = start
  }

  /// How many bytes have been written.
  var count: Int { end - start }

  @inline(__always)
  mutating func write(_ text: StaticString) {
    memcpy(end, text.utf8Start, text.utf8CodeUnitCount)
    end += text.utf8CodeUnitCount
  }

  @inline(__always)
  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    memcpy(end, source, bytes.count)
    end += bytes.count
  }

  /// Writes a number that is not negative, in at most 19 digits.
  @inline(__always)
  mutating func write(decimal number: Int64) {
    var rest = UInt64(number)
    var digits = 1
    var bound: UInt64 = 10
    while rest >= bound, digits < 19 {
      digits += 1
      bound *= 10
    }
    for place in stride(from: digits - 1, through: 0, by: -1) {
      end.storeBytes(of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
      rest /= 10
    }
    end += digits
  }

  /// Writes a number that is not negative as hexadecimal digits, at most 16.
  mutating func write(hexadecimal number: Int) {
    let digits = max(1, (64 - UInt64(number).leadingZeroBitCount + 3) / 4)
    for place in 0..<digits {
      let nibble = UInt8(truncatingIfNeeded: UInt64(number) >> UInt64(4 * (digits - 1 - place))) & 15
      let digit = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
      end.storeBytes(of: digit, toByteOffset: place, as: UInt8.self)
    }
    end += digits
  }
}
