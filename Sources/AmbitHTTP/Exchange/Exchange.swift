internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit

/// One request, from its first byte to the close of its scope. A record of the loop's pool.
struct Exchange {
  /// First: the scope's address is the request's. Made anew when the handler is called, void before.
  var scope: Scope
  var server: ServerPointer
  /// nil once the response is complete or cannot be sent: what still runs has no client any more.
  var connection: ConnectionPointer?
  var nextFree: ExchangePointer?

  var parser: HeadParser
  var head: RequestHead
  var fields: UnsafeMutableBufferPointer<HeaderField>
  /// The bytes of the head; a reference of its own, so that they stay.
  var input: BufferPointer?
  /// Where in `input` the head begins.
  var headStart: Int

  var route: RoutePointer?
  /// The plugin of the route that was found has been replaced, and the new routes are on their way.
  var awaitsRoutes = false
  /// How it is treated; void without a route.
  var policy: RoutePolicy
  /// The normal path: part of the head, or in the scope's memory.
  var path: UnsafeRawBufferPointer
  /// Values of the route's parameters, as ranges of the path.
  var parameters: InlineArray<16, ByteRange>

  var body: RequestBody
  var response: Response
}

typealias ExchangePointer = UnsafeMutablePointer<Exchange>

extension UnsafeMutablePointer<Exchange> {
  @inline(__always) var scope: ScopePointer { pointer(to: \.scope)! }
  @inline(__always) var isDispatched: Bool { pointee.route != nil }

  /// The request of the scope behind a handle; nil if the scope is not in a request.
  @inline(__always)
  static func of(_ handle: UnsafeMutablePointer<ambit_scope>?) -> ExchangePointer? {
    guard let handle else { return nil }
    return ScopePointer.of(handle).pointee.request?.assumingMemoryBound(to: Exchange.self)
  }

  /// Makes a fresh allocation a record for the pool.
  func initializeRecord(server: ServerPointer, maxFields: Int) {
    let fields = UnsafeMutableBufferPointer<HeaderField>.allocate(capacity: maxFields)
    fields.initialize(repeating: HeaderField())
    pointer(to: \.server)!.initialize(to: server)
    pointer(to: \.nextFree)!.initialize(to: nil)
    pointer(to: \.awaitsRoutes)!.initialize(to: false)
    pointer(to: \.fields)!.initialize(to: fields)
    pointer(to: \.parser)!.initialize(to: HeadParser(limits: server.pointee.limits.head))
    pointer(to: \.input)!.initialize(to: nil)
    pointer(to: \.body)!.initialize(to: RequestBody())
    pointer(to: \.response)!.initialize(to: Response())
  }

  /// Frees a record that the pool does not keep.
  func deallocateRecord() {
    pointee.fields.deallocate()
    deallocate()
  }

  /// Makes a record of the pool the request that begins on `connection`.
  @inline(__always)
  func begin(on connection: ConnectionPointer) {
    pointer(to: \.connection)!.initialize(to: connection)
    pointee.parser.reset()
    pointer(to: \.head)!.initialize(to: RequestHead())
    pointer(to: \.route)!.initialize(to: nil)
    pointee.body.reset()
    pointee.response.reset()
  }

  /// Reads on in the head; `bytes` begin with its first byte.
  @inline(__always)
  func readHead(_ bytes: UnsafeRawBufferPointer) -> HeadResult {
    var fields = pointee.fields.mutableSpan
    return pointee.parser.parse(bytes.bytes, into: &pointee.head, fields: &fields)
  }

  /// The bytes of a range of the head.
  @inline(__always)
  func bytes(_ range: ByteRange) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: pointee.input!.bytes + pointee.headStart + range.start, count: Int(range.length))
  }
}
