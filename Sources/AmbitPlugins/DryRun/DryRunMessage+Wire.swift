import AmbitCore
import AmbitRuntime
import AmbitSystem

// Each message is its kind and then its fields, in the order of their declaration.

extension DryRunRequest {
  var bytes: [UInt8] {
    var wire = WireWriter()
    switch self {
    case .begin(let runtime):
      wire.put(0)
      wire.put(UInt64(runtime.stackSize))
      wire.put(UInt64(runtime.cancelGrace))
      wire.put(UInt64(runtime.poolThreads))
      wire.put(runtime.logLevel)
    case .load(let copy, let file, let hash, let others):
      wire.put(1)
      for text in [copy, file.path, file.location] { wire.put(text) }
      wire.put(file.isLibrary ? 1 : 0)
      for list in [hash.map { [$0] } ?? [], others] { wire.put(list) { $1.put($0) } }
    case .start(let inputs):
      wire.put(2)
      wire.put(inputs.settings.prefix)
      wire.put(inputs.settings.values.sorted { $0.key < $1.key }) { setting, wire in
        wire.put(setting.key)
        wire.put(setting.value)
      }
      wire.put(inputs.functions) { function, wire in
        wire.put(function.symbol)
        wire.put(function.place)
        wire.put(function.mustBeKnownAsSafe ? 1 : 0)
      }
      wire.put(inputs.handedOver.map { [$0] } ?? []) { state, wire in
        wire.put(UInt64(state.version))
        wire.put(unsafe Array(state.bytes.value))
      }
    case .pass:
      wire.put(3)
    }
    return wire.bytes
  }

  init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessageError) {
    var wire = WireReader(bytes)
    switch try wire.number() {
    case 0:
      self = .begin(
        DryRunLimits(
          stackSize: Int(clamping: try wire.number()), cancelGrace: Int64(clamping: try wire.number()),
          poolThreads: Int(clamping: try wire.number()), logLevel: try wire.text()))
    case 1:
      let (copy, path, location) = (try wire.text(), try wire.text(), try wire.text())
      let file = PluginFile(path: path, location: location, isLibrary: try wire.number() == 1)
      let hashes = try wire.list { wire throws(MalformedMessageError) in try wire.text() }
      let others = try wire.list { wire throws(MalformedMessageError) in try wire.text() }
      self = .load(copy: copy, file: file, hash: hashes.first, after: others)
    case 2:
      let prefix = try wire.text()
      let values = try wire.list { wire throws(MalformedMessageError) in (try wire.text(), try wire.text()) }
      let functions = try wire.list { wire throws(MalformedMessageError) in
        WantedFunction(
          symbol: try wire.text(), place: try wire.text(), mustBeKnownAsSafe: try wire.number() == 1)
      }
      let states = try wire.list { wire throws(MalformedMessageError) in (try wire.number(), try wire.run()) }
      self = .start(
        DryRunInputs(
          settings: PluginSettingValues(prefix: prefix, values: Dictionary(values) { $1 }), functions: functions,
          handedOver: states.first.flatMap { version, bytes in
            unsafe bytes.withUnsafeBytes {
              unsafe HandedOverState(version: UInt32(truncatingIfNeeded: version), copying: $0)
            }
          }))
    case 3: self = .pass
    default: throw MalformedMessageError()
    }
  }
}

extension DryRunReply {
  var bytes: [UInt8] {
    var wire = WireWriter()
    switch self {
    case .began(let step):
      wire.put(0)
      wire.put(step.rawValue)
    case .manifest(let manifest):
      wire.put(1)
      manifest.put(in: &wire)
    case .refused(let problems):
      wire.put(2)
      wire.put(problems) { problem, wire in
        wire.put(problem.code.rawValue)
        for text in [problem.plugin, problem.file, problem.reason] { wire.put(text) }
      }
    case .passed(let images, let warnings):
      wire.put(3)
      for list in [images, warnings] { wire.put(list) { $1.put($0) } }
    case .log(let event):
      wire.put(4)
      wire.put(event.level)
      wire.put(event.message)
      wire.put(event.fields) { field, wire in
        wire.put(field.key)
        wire.put(field.value)
      }
    }
    return wire.bytes
  }

  init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessageError) {
    var wire = WireReader(bytes)
    switch try wire.number() {
    case 0:
      guard let step = DryRunStep(rawValue: try wire.number()) else { throw MalformedMessageError() }
      self = .began(step)
    case 1: self = .manifest(try PluginManifest(from: &wire))
    case 2: self = .refused(try wire.list { wire throws(MalformedMessageError) in try PluginProblem(from: &wire) })
    case 3:
      let images = try wire.list { wire throws(MalformedMessageError) in try wire.text() }
      let warnings = try wire.list { wire throws(MalformedMessageError) in try wire.text() }
      self = .passed(functionImages: images, warnings: warnings)
    case 4:
      let (level, message) = (try wire.text(), try wire.text())
      let fields = try wire.list { wire throws(MalformedMessageError) in
        RelayLogHandler.Field(key: try wire.text(), value: try wire.text())
      }
      self = .log(.init(level: level, message: message, fields: fields))
    default: throw MalformedMessageError()
    }
  }
}

extension PluginManifest {
  fileprivate func put(in wire: inout WireWriter) {
    for text in [name, version, about, abi] { wire.put(text) }
    wire.put(UInt64(flags.rawValue))
    wire.put(UInt64(stackSize))
    wire.put(routes) { route, wire in
      wire.put(route.pattern.description)
      wire.put(UInt64(route.flags.rawValue))
      wire.put(UInt64(route.stackSize))
      wire.put(route.signature.map { [$0] } ?? []) { $1.put($0) }
    }
  }

  fileprivate init(from wire: inout WireReader) throws(MalformedMessageError) {
    let texts = (try wire.text(), try wire.text(), try wire.text(), try wire.text())
    let flags = PluginFlags(rawValue: UInt32(truncatingIfNeeded: try wire.number()))
    let stackSize = Int(clamping: try wire.number())
    let routes = try wire.list { wire throws(MalformedMessageError) in
      guard let pattern = try? RoutePattern(wire.text()) else { throw MalformedMessageError() }
      let flags = RouteFlags(rawValue: UInt32(truncatingIfNeeded: try wire.number()))
      let stackSize = Int(clamping: try wire.number())
      let signatures = try wire.list { wire throws(MalformedMessageError) in try wire.text() }
      return Route(pattern: pattern, flags: flags, stackSize: stackSize, signature: signatures.first)
    }
    self.init(
      name: texts.0, version: texts.1, about: texts.2, abi: texts.3, flags: flags, stackSize: stackSize, routes: routes)
  }
}

extension PluginProblem {
  fileprivate init(from wire: inout WireReader) throws(MalformedMessageError) {
    guard let code = Code(rawValue: try wire.number()) else { throw MalformedMessageError() }
    self.init(code: code, plugin: try wire.text(), file: try wire.text(), reason: try wire.text())
  }
}
