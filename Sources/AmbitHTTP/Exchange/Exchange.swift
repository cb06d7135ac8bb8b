internal import AmbitCore
internal import AmbitRuntime
internal import CAmbit

/// One request and its response, from the request's first byte to the close of its scope. A record of the loop's pool.
struct Exchange {
  /// First, so that the scope's address is the exchange's. Initialised when the handler is called, void before.
  var scope: Scope
  var server: ServerPointer
  /// nil once the response is complete or cannot be sent. Jobs that still run then have no client.
  var carrier: Carrier?
  /// The job that runs the handler. With HTTP/1 it is the job of the connection.
  var job: JobPointer
  /// The options of the listener.
  var options: UnsafePointer<ListenerOptions>
  var nextFree: ExchangePointer?

  /// The part that only HTTP/1 uses.
  var http1: HTTP1Message
  var head: RequestHead
  var fields: UnsafeMutableBufferPointer<HeaderField>
  /// The bytes of the head. The exchange holds a reference of its own, so that they stay.
  var input: BufferPointer?
  /// Where in `input` the head begins.
  var headStart: Int

  var route: RoutePointer?
  /// The plugin of the route has been replaced, and the new routes have not arrived yet.
  var awaitsRoutes = false
  /// How the request is treated; void without a route.
  var policy: RoutePolicy
  /// The normalised path: part of the head, or in the scope's memory.
  var path: UnsafeRawBufferPointer
  /// Values of the route's parameters, as ranges of the path.
  var parameters: InlineArray<16, ByteRange>

  var body: RequestBody
  var response: Response
  var record: ExchangeRecord
}

/// The facts about an exchange for counters and log lines; complete once the exchange has left its carrier.
struct ExchangeRecord {
  /// When the first byte was found: monotonic nanoseconds, as of that turn of the loop.
  var startedAt: Int64
  /// The status of the response; 0 if there is none.
  var status: UInt16 = 0
  /// The first reason for which the exchange was aborted; nil if it was not.
  var abortReason: AbortReason?
  /// Bytes of the response that were handed to the transport, with head and framing.
  var bytesSent: Int64 = 0
}

/// Why an exchange is aborted, or why its carrier cannot carry another exchange.
enum AbortReason {
  /// The client has closed the connection, or takes no more bytes.
  case clientLeft
  /// The request's body is not read to its end, or the request is malformed. Nobody knows where the next one begins.
  case requestUnreadable
  /// The response ends before it is complete: its handler failed, or its scope ended.
  case responseIncomplete
  /// The host stops, or the handler was replaced.
  case hostStopping
}

typealias ExchangePointer = UnsafeMutablePointer<Exchange>

extension UnsafeMutablePointer<Exchange> {
  @inline(__always) var scope: ScopePointer { pointer(to: \.scope)! }
  @inline(__always) var isDispatched: Bool { pointee.route != nil }

  /// The exchange of the scope behind a handle; nil if the scope is not in an exchange.
  @inline(__always)
  static func of(_ handle: UnsafeMutablePointer<ambit_scope>?) -> ExchangePointer? {
    guard let handle else { return nil }
    return ScopePointer.of(handle).pointee.context?.assumingMemoryBound(to: Exchange.self)
  }

  /// Makes a fresh allocation a record for the pool.
  func initializeRecord(server: ServerPointer, maxFields: Int) {
    let fields = UnsafeMutableBufferPointer<HeaderField>.allocate(capacity: maxFields)
    fields.initialize(repeating: HeaderField())
    pointer(to: \.server)!.initialize(to: server)
    pointer(to: \.nextFree)!.initialize(to: nil)
    pointer(to: \.awaitsRoutes)!.initialize(to: false)
    pointer(to: \.fields)!.initialize(to: fields)
    pointer(to: \.http1)!.initialize(to: HTTP1Message(parser: HeadParser()))
    pointer(to: \.input)!.initialize(to: nil)
    pointer(to: \.body)!.initialize(to: RequestBody())
    pointer(to: \.response)!.initialize(to: Response())
  }

  /// Frees a record that the pool does not keep.
  func deallocateRecord() {
    pointee.fields.deallocate()
    deallocate()
  }

  /// Makes a record of the pool the exchange of the request that begins.
  @inline(__always)
  func begin(on carrier: Carrier, job: JobPointer, _ options: UnsafePointer<ListenerOptions>) {
    pointer(to: \.carrier)!.initialize(to: carrier)
    pointer(to: \.job)!.initialize(to: job)
    pointer(to: \.options)!.initialize(to: options)
    pointee.http1.parser.reset(limits: options.pointee.limits.head)
    pointee.http1.body.reset()
    pointer(to: \.head)!.initialize(to: RequestHead())
    pointer(to: \.route)!.initialize(to: nil)
    pointee.body.reset()
    pointee.response.reset()
    pointer(to: \.record)!.initialize(to: ExchangeRecord(startedAt: pointee.server.pointee.loop.pointee.now))
  }

  /// Continues to read the head; `bytes` begin with its first byte.
  @inline(__always)
  func readHead(_ bytes: UnsafeRawBufferPointer) -> HeadResult {
    var fields = pointee.fields.mutableSpan
    return pointee.http1.parser.parse(bytes.bytes, into: &pointee.head, fields: &fields)
  }

  /// The bytes of a range of the head.
  @inline(__always)
  func bytes(_ range: ByteRange) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: pointee.input!.bytes + pointee.headStart + range.start, count: Int(range.length))
  }

  /// Aborts the exchange: its carrier carries no other exchange, and ends after the pending bytes. A response that has
  /// not started can still be sent. Has no effect once the exchange has left its carrier.
  func abort(_ reason: AbortReason) {
    if pointee.record.abortReason == nil { pointee.record.abortReason = reason }
    pointee.carrier?.abort(reason)
  }
}
