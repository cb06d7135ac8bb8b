import AmbitCore
import AmbitHTTP
import AmbitPlugins
import AmbitRuntime
import AmbitSystem
import Foundation
import TestSupport
import Testing

@testable import AmbitHost

/// A value as another process gets it: encoded and decoded. Records an issue if any part of it has changed, by its
/// reflection.
func relayed<Value: Codable>(
  _ value: Value, sourceLocation: SourceLocation = #_sourceLocation
) throws -> Value {
  let decoded = try MessageDecoder.decode(Value.self, from: MessageEncoder.encode(value)[...])
  #expect(reflection(of: decoded) == reflection(of: value), sourceLocation: sourceLocation)
  return decoded
}

/// All stored properties of a value, those of dictionaries and sets in the order of their texts.
private func reflection(of value: Any) -> String {
  let mirror = Mirror(reflecting: value)
  if let state = value as? HandedOverState { return "state \(state.version) \(state.text)" }
  if mirror.children.isEmpty { return String(reflecting: value) }
  var parts = mirror.children.map { "\($0.label ?? ""): \(reflection(of: $0.value))" }
  if mirror.displayStyle == .dictionary || mirror.displayStyle == .set { parts.sort() }
  return "\(mirror.subjectType)(\(parts.joined(separator: ", ")))"
}

extension HandedOverState {
  static func of(_ text: String, version: UInt32 = 1) -> HandedOverState {
    Array(text.utf8).withUnsafeBytes { HandedOverState(version: version, copying: $0)! }
  }

  var text: String { String(decoding: bytes.value, as: UTF8.self) }
}

@Suite struct `A value that another process gets` {
  private let folder: HostFolder

  init() throws { folder = try HostFolder() }

  @Test func `The generations of plugins have all that their workers need`() async throws {
    let function = """
      AMBIT_EXPORT int32_t doubled(int32_t x);
      int32_t doubled(int32_t x) { return 2 * x; }
      static int32_t start(ambit_scope *plugin) { (void)plugin; return AMBIT_OK; }
      """
    try await folder.install(
      "hello", "GET /hello/{name}", "* /a%20b/{rest...}", code: function, entry: ".start = start")
    try folder.configure(
      """
      [plugin.hello]
      prefix = "/v1"
      greeting = "hej"
      [[route]]
      match = "GET /doubled/{x}"
      call = "hello: i32 doubled(i32 x)"
      """)
    var planned = try #require(folder.repository().plan().generations.first)
    planned.handedOver = .of("state", version: 7)
    let relayed = try relayed(planned)
    #expect(
      relayed.patterns.map(\.description) == ["GET /v1/hello/{name}", "* /v1/a%20b/{rest...}", "GET /doubled/{x}"])
    #expect(relayed.manifest == planned.manifest)
    #expect(relayed.settings == planned.settings && relayed.settings.values == ["greeting": "hej"])
    #expect(relayed.copy.path == planned.copy.path && relayed.copy.hash == planned.copy.hash)
    #expect(relayed.handedOver?.text == "state" && relayed.handedOver?.version == 7)
  }

  @Test func `The generations of libraries have their calls, copies and the libraries that they bring along`()
    async throws
  {
    try await folder.installRouteLibrary("helper", "int helper(int x) { return x; }")
    try await folder.installRouteLibrary(
      "user", "int helper(int x); int used(int x) { return helper(x); } int serial(int x) { return x; }",
      bringing: "helper")
    try folder.configure(
      """
      [[route]]
      match = "GET /used"
      call = "./libuser.so: i32 used(i32 x = 1)"
      content_type = "text/csv"
      on_disconnect = "finish"
      [[route]]
      match = "GET /serial"
      call = "./libuser.so: i32 serial(i32 x)"
      thread = "own"
      [[route]]
      match = "GET /cos/{x}"
      call = "libm.so.6: f64 cos(f64 x)"
      blocking = false
      """)
    let plan = try folder.repository().plan()
    #expect(plan.errors == [] && plan.generations.count == 2)
    let generations = try relayed(plan.generations)
    let own = try #require(generations.first { $0.name == "./libuser.so" })
    #expect(own.copy.dependencies.map(\.name) == ["libhelper.so"] && own.copy.isPrivate)
    #expect(own.functions == ["i32 used(i32 x = 1)", "i32 serial(i32 x)"])
    #expect(own.settings.calls.map(\.placement) == [.serial(staysOnPool: false), .ownThread])
    let system = try #require(generations.first { $0.name == "libm.so.6" })
    #expect(system.copy.inPlace != nil && system.settings.calls.map(\.placement) == [.loop(isSaidToBeSafe: false)])
  }

  @Test func `A commit order has the removed, the kept, the fallbacks and the changes of routes`() throws {
    var plan = ReloadPlan()
    plan.removed = ["gone"]
    plan.kept = ["kept": PluginFile(path: "Plugins/kept.so")]
    var problem = PluginProblem(code: .dryRunFailed, plugin: "bad", file: "Plugins/bad.so", reason: "dry run: crashed")
    problem.place = "host.conf:7"
    plan.fallbacks = ["Plugins/bad.so": PluginError(problems: [problem])]
    try folder.configure(
      """
      expose_generation = true
      half_close = "allow"
      [[route]]
      match = "GET /a"
      timeout = "0s"
      on_disconnect = "finish"
      [[route]]
      match = "POST /b"
      blocking = true
      stack_size = "256KiB"
      buffer_body = "1MiB"
      """)
    let configuration = try folder.source.read()
    plan.routeChanges = RouteChanges(configuration).all
    plan.routingOptions = configuration.routingOptions
    let order = try relayed(plan.commitOrder)
    #expect(order.fallbacks == plan.fallbacks && order.kept == plan.kept && order.removed == ["gone"])
    #expect(order.routeChanges.map(\.pattern.description) == ["GET /a", "POST /b"])
    #expect(order.routingOptions.exposesGeneration && order.routingOptions.allowsHalfClose)
  }

  @Test func `Errors keep their lines, what they are and the exit status of the command`() throws {
    for error in [HostError(["one", "two"]), .interruption, .configuration(HostError(["wrong"]))] {
      let relayed = try relayed(error)
      #expect(relayed.lines == error.lines && relayed.exitStatus == error.exitStatus)
      #expect(relayed.isInterruption == error.isInterruption)
    }
    let problem = PluginProblem(code: .startFailed, plugin: "p", file: "f", reason: "r")
    let stages = [PreparationFailure.Stage.notLoaded, .refusedByLoader, .loaded]
    for stage in stages { _ = try relayed(PreparationFailure(error: PluginError(problems: [problem]), stage: stage)) }
  }

  @Test func `A state of a plugin keeps its version and bytes, and one beyond the limit is refused`() throws {
    for text in ["", "bytes\u{0}"] {
      let state = try relayed(HandedOverState.of(text, version: .max))
      #expect(state.version == .max && state.text == text && state.size == text.utf8.count)
    }
    let large = MessageEncoder.encode([UInt8](repeating: 0, count: HandedOverState.limit + 1))
    // Two elements: the version and the bytes.
    let bytes = MessageEncoder.encode([2, 1]).dropFirst(8) + large
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(HandedOverState.self, from: bytes) }
  }

  @Test func `A request is named by the process that serves it, not by the one that shows it`() throws {
    let other = MessageEncoder.encode([0xab, 5]).dropFirst(8)
    #expect(try MessageDecoder.decode(RequestID.self, from: other).description == "000000ab-5")
    let own = RequestID(number: 5)
    #expect(try relayed(own).description == own.description)
  }

  @Test func `A text that is no route pattern, signature or hash is refused`() throws {
    for text in ["", "GET", "GET /{", "f64 (f64", "abc"] {
      let bytes = MessageEncoder.encode(text)[...]
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(RoutePattern.self, from: bytes) }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(CSignature.self, from: bytes) }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(SHA256.self, from: bytes) }
    }
  }
}
