internal import Glibc

/// Writes bytes one after the other into memory. It checks nothing: its owner has reserved enough memory.
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

  /// Writes a header line; `name` ends with the colon and a space.
  @inline(__always)
  mutating func write(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    write(name)
    write(value)
    write("\r\n")
  }

  /// Writes the first `count` bytes of a block by copying all of its `size` bytes; the rest is overwritten later. A
  /// copy whose size is a constant of the program takes no call.
  @inline(__always)
  mutating func write(firstOf block: UnsafeRawPointer, within size: Int, count: Int) {
    memcpy(end, block, size)
    end += count
  }

  /// Writes a number that is not negative, in at most 19 digits.
  @inline(__always)
  mutating func write(decimal number: Int64) {
    if number < 10 {
      writeDigit(UInt64(bitPattern: number))
    } else if number < 100 {
      let number = UInt64(bitPattern: number)
      writeDigit(number / 10)
      writeDigit(number % 10)
    } else {
      writeDigits(UInt64(bitPattern: number))
    }
  }

  @inline(never)
  private mutating func writeDigits(_ number: UInt64) {
    if number >= 10 { writeDigits(number / 10) }
    writeDigit(number % 10)
  }

  @inline(__always)
  private mutating func writeDigit(_ digit: UInt64) {
    end.storeBytes(of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit), as: UInt8.self)
    end += 1
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
