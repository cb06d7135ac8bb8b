package import AmbitCore

/// One `[[route]]` entry: a route to a C function if it has `call`, or else changes to the route of a plugin.
package struct RouteSetting: Sendable, Equatable {
  /// The requests that the route answers. No other entry answers the same requests.
  package var match: RoutePattern
  /// The C function; nil if the entry changes the plugin's route with this pattern. At least one other property is set
  /// then.
  package var call: Call?
  /// The time limit of the request; nil for `limits.request_timeout`.
  package var timeout: TimeLimit?
  /// Whether the function or handler runs on a pool thread; nil for the default of the function or plugin.
  package var blocking: Bool?
  /// Whether the calls of this library run one at a time. false: the function is thread-safe, and its calls run in
  /// parallel. nil: one at a time for a library, in parallel for a plugin. nil without `call`.
  package var serial: Bool?
  /// The thread that calls the functions of the library. nil: the same as another route of the library, else any pool
  /// thread. nil without `call`.
  package var thread: Thread?
  /// What to do when the client leaves; nil for the default of the function or plugin.
  package var onDisconnect: OnDisconnect?
  /// The stack size of the function or handler in bytes, a multiple of 4096; nil for the default of the function or
  /// plugin.
  package var stackSize: Int?
  /// How many bytes of the body the host receives before a request takes a thread, 0 for none; nil for the default:
  /// `defaultBodyBuffer` for functions, 0 for handlers.
  package var bufferBody: Int?
  /// The `Content-Type` of the responses; nil without `call`.
  package var contentType: String?
  /// Whether the host leaves the route out and logs a notice if the library is missing; nil without `call`.
  package var optional: Bool?
  /// The place of the whole entry.
  package let place: SettingPlace

  package init(match: RoutePattern, place: SettingPlace) {
    self.match = match
    self.place = place
  }
}

extension RouteSetting {
  /// The C function that answers, and its place in the file.
  package struct Call: Sendable, Equatable {
    package let target: CallTarget
    package let place: SettingPlace

    package init(target: CallTarget, place: SettingPlace) {
      self.target = target
      self.place = place
    }
  }

  /// The thread that calls the functions of a library.
  package enum Thread: String, Sendable, CaseIterable {
    /// Any thread of the pool.
    case pool
    /// One thread for this library only.
    case own
  }

  /// The time limit of a request, from its first byte to the end of its response.
  package enum TimeLimit: Sendable, Equatable {
    case unlimited
    case after(Duration)
  }

  /// What to do with a request whose client leaves before the response is complete.
  package enum OnDisconnect: String, Sendable, CaseIterable {
    /// The host cancels its scope with cause `disconnect`.
    case cancel
    /// The request continues.
    case finish
  }
}

extension RouteSetting {
  /// Decodes a `[[route]]` entry; nil, with at least one diagnostic, if its `match` is missing or wrong.
  init?(
    _ value: ConfigurationValue, at path: SettingPath, positions: [SettingPath: SourcePosition],
    _ diagnostics: inout [Diagnostic]
  ) {
    func place(_ path: SettingPath) -> SettingPlace {
      SettingPlace(path: path.description, position: positions[path])
    }
    guard var table = TableDecoder(value, at: path, expected: "a table, [[route]]", &diagnostics) else { return nil }
    let match = table.decode("match", .pattern, &diagnostics)
    let call = table.decode("call", .call, &diagnostics)
    let timeout = table.decode("timeout", .routeTimeout, &diagnostics)
    let blocking = table.decode("blocking", .boolean, &diagnostics)
    let serial = table.decode("serial", .boolean, &diagnostics)
    let thread = table.decode("thread", ValueDecoder<Thread>.choice, &diagnostics)
    let onDisconnect = table.decode("on_disconnect", ValueDecoder<OnDisconnect>.choice, &diagnostics)
    let stackSize = table.decode("stack_size", .size((16 << 10)...(64 << 20), multipleOf: 4096), &diagnostics)
    let bufferBody = table.decode("buffer_body", .size(0...(1 << 30)), &diagnostics)
    let contentType = table.decode("content_type", .contentType, &diagnostics)
    let optional = table.decode("optional", .boolean, &diagnostics)
    diagnostics += table.unknownKeys
    diagnostics += Self.contradictions(in: table)
    let calling = Calling(blocking: blocking, serial: serial, thread: thread, buffersBody: bufferBody ?? 0 > 0)
    if let call { diagnostics += calling.contradictions(in: call, at: path) }
    guard let match else { return nil }
    self.init(match: match, place: place(path))
    self.call = call.map { Call(target: $0, place: place(path.appending(.key("call")))) }
    self.timeout = timeout
    self.blocking = blocking
    self.serial = serial
    self.thread = thread
    self.onDisconnect = onDisconnect
    self.stackSize = stackSize
    self.bufferBody = bufferBody
    self.contentType = contentType
    self.optional = optional
  }

  /// Diagnostics about keys that are missing or do not belong together, whatever their values.
  private static func contradictions(in table: TableDecoder) -> [Diagnostic] {
    var diagnostics: [Diagnostic] = []
    func find(_ path: SettingPath, _ message: String) {
      diagnostics.append(Diagnostic(path: path, message: "\(path): \(message)"))
    }
    if !table.has("match") {
      find(table.path, #"expected "match", the pattern of the route, such as "GET /cos/{x}"; it is missing"#)
    }
    guard !table.has("call") else { return diagnostics }
    for key in ["serial", "thread", "content_type", "optional"] where table.has(key) {
      find(table.path.appending(.key(key)), #"expected only with "call", which is missing"#)
    }
    let changing = ["timeout", "blocking", "on_disconnect", "stack_size", "buffer_body"]
    if !changing.contains(where: table.has), table.unknownKeys.isEmpty {
      let changes = #""timeout", "blocking", "on_disconnect", "stack_size" or "buffer_body""#
      find(table.path, #"expected "call", or a change of a plugin's route: \#(changes); all are missing"#)
    }
    return diagnostics
  }
}

extension ValueDecoder where Value == RoutePattern {
  static let pattern = ValueDecoder { value, path, diagnostics in
    guard case .string(let text) = value else {
      diagnostics.append(.unexpected(at: path, expected: #"a pattern such as "GET /cos/{x}""#, found: value))
      return nil
    }
    do throws(RoutePatternError) {
      return try RoutePattern(text)
    } catch {
      diagnostics.append(Diagnostic(path: path, message: "\(path): \(error)"))
      return nil
    }
  }
}

extension ValueDecoder where Value == CallTarget {
  /// `LIBRARY: RET SYMBOL(TYPE source, ...)`. The function need not exist.
  static let call = ValueDecoder { value, path, diagnostics in
    guard case .string(let text) = value, text.utf8.contains(where: { $0 != UInt8(ascii: " ") }) else {
      let expected = #"a C function such as "libm.so.6: f64 cos(f64 x)""#
      diagnostics.append(.unexpected(at: path, expected: expected, found: value))
      return nil
    }
    do throws(SignatureError) {
      return try CallTarget(parsing: text)
    } catch {
      // The position is that in the text of the signature.
      diagnostics.append(Diagnostic(path: path, message: "\(path):\(error.line):\(error.column): \(error.message)"))
      return nil
    }
  }
}

extension ValueDecoder where Value == String {
  /// A valid value of a Content-Type field.
  static let contentType = ValueDecoder { value throws(ValueError) in
    guard case .string(let text) = value, MediaType.isValid(text) else {
      throw ValueError(expected: #"a media type such as "text/csv; charset=utf-8""#)
    }
    return text
  }
}

extension ValueDecoder where Value == RouteSetting.TimeLimit {
  static var routeTimeout: ValueDecoder {
    ValueDecoder { value, path, diagnostics in
      ValueDecoder<Duration?>.timeLimit(.milliseconds(1)...(.seconds(86_400))).decode(value, path, &diagnostics)
        .map { $0.map(RouteSetting.TimeLimit.after) ?? .unlimited }
    }
  }
}
