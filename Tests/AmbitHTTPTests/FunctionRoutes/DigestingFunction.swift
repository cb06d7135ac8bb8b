import AmbitCore
import AmbitFFI
import AmbitRuntime
import Glibc
import Synchronization
import TestSupport

@testable import AmbitHTTP

/// A C function of a random signature that answers with a digest of its arguments, so that the answer shows whether
/// what arrived is what was sent.
final class DigestingFunction: @unchecked Sendable {
  /// An argument that comes from the request; behind text and bytes the function gets their length.
  struct Parameter {
    let type: CType
    let name: String
    let isInPath: Bool
    /// The text of its default value; nil if it has none.
    let defaultText: String?

    var hasLength: Bool { type == .str || type == .bytes }
  }

  let parameters: [Parameter]
  /// The last parameters are the body and its length.
  let takesBody: Bool
  let path: String
  /// Calls so far.
  let callCount = Atomic(0)
  private let interface: CallInterface

  private static var types: [CType] {
    [.bool, .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .f32, .f64, .size, .str, .bytes]
  }

  /// The function behind `/INDEX`, of up to ten parameters.
  init(index: Int, using random: inout SeededGenerator) {
    let pathCount = random.number(0...3)
    parameters = (0..<random.number(0...10)).map { number in
      let type = random.element(of: Self.types)
      let defaultText = type == .bool ? "true" : type == .str || type == .bytes ? "a b" : "7"
      return Parameter(
        type: type, name: "p\(number)", isInPath: number < pathCount,
        defaultText: random.chance(30) ? defaultText : nil)
    }
    takesBody = random.chance(20)
    path = "/\(index)"
    let types = parameters.flatMap { $0.hasLength ? [$0.type, .size] : [$0.type] }
    interface = CallInterface(result: .i64, parameters: types + (takesBody ? [.bytes, .u32] : []))
  }

  var signature: String {
    let list = parameters.map { parameter in
      let quote = parameter.hasLength ? "\"" : ""
      return "\(parameter.type) \(parameter.name)" + (parameter.defaultText.map { " = \(quote)\($0)\(quote)" } ?? "")
        + (parameter.hasLength ? ", size len(\(parameter.name))" : "")
    }
    return "i64 (\((list + (takesBody ? ["bytes body, u32 len(body)"] : [])).joined(separator: ", ")))"
  }

  /// The route that calls the function, for any method. Both stay until the process ends.
  func route() throws -> TestRoute {
    let names = parameters.filter(\.isInPath).map(\.name)
    let function = BoundFunction.make(
      interface,
      calling: { function, arguments, result in
        let digest = Unmanaged<DigestingFunction>.fromOpaque(function!).takeUnretainedValue().digest(arguments!)
        result!.storeBytes(of: digest, as: Int64.self)
      }, Unmanaged.passRetained(self).toOpaque())!
    return try TestRoute(
      "* " + path + names.map { "/{\($0)}" }.joined(), calling: function.pointee.code, signature)
  }

  private func digest(_ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int64 {
    callCount.add(1, ordering: .relaxed)
    var digest = Digest()
    var next = 0
    func take<Value: BitwiseCopyable>(as type: Value.Type) -> Value {
      next += 1
      return arguments[next - 1]!.load(as: type)
    }
    for parameter in parameters {
      switch parameter.type {
      case .str:
        let text = take(as: UnsafePointer<CChar>.self)
        // A length that is not the text's own gives a digest that nobody expects.
        guard take(as: Int.self) == strlen(text) else { return -1 }
        digest.add(UnsafeRawBufferPointer(start: text, count: strlen(text)))
      case .bytes: digest.add(UnsafeRawBufferPointer(start: take(as: UnsafeRawPointer.self), count: take(as: Int.self)))
      case .f32: digest.add(bits: Digest.bits(of: take(as: Float.self)))
      case .f64: digest.add(bits: Digest.bits(of: take(as: Double.self)))
      case .bool, .i8, .u8: digest.add(bits: UInt64(take(as: UInt8.self)))
      case .i16, .u16: digest.add(bits: UInt64(take(as: UInt16.self)))
      case .i32, .u32: digest.add(bits: UInt64(take(as: UInt32.self)))
      default: digest.add(bits: take(as: UInt64.self))
      }
    }
    if takesBody {
      digest.add(UnsafeRawBufferPointer(start: take(as: UnsafeRawPointer.self), count: Int(take(as: UInt32.self))))
    }
    return digest.value
  }
}

/// A number that differs, in all likelihood, for different arguments: FNV-1a.
struct Digest {
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325

  /// Not negative.
  var value: Int64 { Int64(state >> 1) }

  mutating func add(bits: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { add(UInt8(truncatingIfNeeded: bits >> shift)) }
  }

  /// Adds bytes and their number.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes { add(byte) }
    add(bits: UInt64(bytes.count))
  }

  private mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }

  /// One pattern for all NaNs, which mean the same.
  static func bits(of value: Double) -> UInt64 { value.isNaN ? Double.nan.bitPattern : value.bitPattern }
  static func bits(of value: Float) -> UInt64 { UInt64(value.isNaN ? Float.nan.bitPattern : value.bitPattern) }
}
