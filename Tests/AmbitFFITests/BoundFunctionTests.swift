import AmbitCore
import AmbitFFI
import Glibc
import TestSupport
import Testing

@Suite struct `Bound functions` {
  @Test func `Bound functions get the arguments and give the results of the same calls in C, 0 to 40 of all types`()
    throws
  {
    var generator = SeededGenerator(seed: 6)
    let signatures = (0..<123).map { RandomSignature(parameterCount: $0 % 41, using: &generator) }
    let library = try CLibrary(RandomSignature.prologue + signatures.enumerated().map { $1.source($0) }.joined())
    for (number, signature) in signatures.enumerated() {
      let seen = Seen(signature)
      let interface = CallInterface(result: signature.result, parameters: signature.parameters)
      defer { interface.release() }
      let function = try bind(interface, seen)
      defer { function.release() }
      let call = unsafeBitCast(try library.function("call_\(number)"), to: Call.self)
      var result: UInt64 = 0
      call(function.pointee.code, signature.values, &result)
      #expect(seen.arguments == Array(signature.values.dropLast()), "\(signature)")
      #expect(result == signature.values.last!, "\(signature)")
    }
  }

  private typealias Call = @convention(c) (CFunction, UnsafePointer<UInt64>, UnsafeMutablePointer<UInt64>) -> Void

  @Test func `Bound functions compare for qsort, which knows no context`() throws {
    final class Order {
      var calls = 0
    }
    let order = Order()
    let interface = CallInterface(result: .i32, parameters: [.ptr, .ptr])
    defer { interface.release() }
    let made = BoundFunction.make(
      interface,
      calling: { context, arguments, result in
        Unmanaged<Order>.fromOpaque(context!).takeUnretainedValue().calls += 1
        let left = arguments![0]!.load(as: UnsafePointer<Int32>.self).pointee
        let right = arguments![1]!.load(as: UnsafePointer<Int32>.self).pointee
        result!.storeBytes(of: left < right ? 1 : left > right ? -1 : 0, as: Int32.self)
      }, Unmanaged.passUnretained(order).toOpaque())
    let function = try #require(made)
    defer { function.release() }
    var numbers: [Int32] = [3, -7, 12, 0, 5]
    let compare = unsafeBitCast(
      function.pointee.code, to: (@convention(c) (UnsafeRawPointer?, UnsafeRawPointer?) -> Int32).self)
    qsort(&numbers, numbers.count, MemoryLayout<Int32>.size, compare)
    #expect(numbers == [12, 5, 3, 0, -7])
    #expect(order.calls > 0)
  }

  @Test func `Bound functions lead to another target once they are redirected`() throws {
    let interface = CallInterface(result: .i64, parameters: [])
    defer { interface.release() }
    let made = BoundFunction.make(
      interface,
      calling: { _, _, result in result!.storeBytes(of: 1, as: Int64.self) },
      nil)
    let function = try #require(made)
    defer { function.release() }
    let code = unsafeBitCast(function.pointee.code, to: (@convention(c) () -> Int64).self)
    #expect(code() == 1)
    function.redirect(to: { _, _, _ in }, nil)
    #expect(code() == 0)
  }

  /// What a bound function was called with, and what it is to return.
  private final class Seen {
    let signature: RandomSignature
    var arguments: [UInt64] = []

    init(_ signature: RandomSignature) { self.signature = signature }

    func take(_ addresses: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ result: UnsafeMutableRawPointer?) {
      arguments = signature.parameters.indices.map { index in
        var bits: UInt64 = 0
        memcpy(&bits, addresses![index]!, signature.parameters[index].byteCount)
        return bits
      }
      var bits = signature.values.last!
      memcpy(result!, &bits, signature.result.byteCount)
    }
  }

  private func bind(_ interface: CallInterface, _ seen: Seen) throws -> BoundFunctionPointer {
    let function = BoundFunction.make(
      interface,
      calling: { context, arguments, result in
        Unmanaged<Seen>.fromOpaque(context!).takeUnretainedValue().take(arguments, result)
      }, Unmanaged.passUnretained(seen).toOpaque())
    return try #require(function)
  }
}
