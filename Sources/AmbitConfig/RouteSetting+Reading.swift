import AmbitCore

extension RouteSetting {
  /// Reads a `[[route]]` entry; nil, and at least one more finding, if it does not say what it matches.
  init?(
    _ value: ConfigurationValue, at path: SettingPath, positions: [SettingPath: SourcePosition],
    _ findings: inout [Finding]
  ) {
    func place(_ path: SettingPath) -> SettingPlace {
      SettingPlace(path: path.description, position: positions[path])
    }
    guard var table = MemberReader(value, at: path, expected: "a table, [[route]]", &findings) else { return nil }
    let match = table.read("match", .pattern, &findings)
    let call = table.read("call", .call, &findings)
    let timeout = table.read("timeout", .routeTimeout, &findings)
    let blocking = table.read("blocking", .boolean, &findings)
    let serial = table.read("serial", .boolean, &findings)
    let thread = table.read("thread", ValueForm<Thread>.choice, &findings)
    let onDisconnect = table.read("on_disconnect", ValueForm<OnDisconnect>.choice, &findings)
    let stackSize = table.read("stack_size", .size((16 << 10)...(64 << 20), multipleOf: 4096), &findings)
    let contentType = table.read("content_type", .contentType, &findings)
    let optional = table.read("optional", .boolean, &findings)
    findings += table.unknownKeys
    findings += Self.contradictions(in: table)
    let calling = Calling(blocking: blocking, serial: serial, thread: thread)
    if let call { findings += calling.contradictions(in: call, at: path) }
    guard let match else { return nil }
    self.init(match: match, place: place(path))
    self.call = call.map { Call(target: $0, place: place(path.appending(.key("call")))) }
    self.timeout = timeout
    self.blocking = blocking
    self.serial = serial
    self.thread = thread
    self.onDisconnect = onDisconnect
    self.stackSize = stackSize
    self.contentType = contentType
    self.optional = optional
  }

  /// What no key can check alone, whether or not the values are right.
  private static func contradictions(in table: MemberReader) -> [Finding] {
    var findings: [Finding] = []
    func find(_ path: SettingPath, _ message: String) {
      findings.append(Finding(path: path, message: "\(path): \(message)"))
    }
    if !table.has("match") {
      find(table.path, #"expected "match", the pattern of the route, such as "GET /cos/{x}"; it is missing"#)
    }
    guard !table.has("call") else { return findings }
    for key in ["serial", "thread", "content_type", "optional"] where table.has(key) {
      find(table.path.appending(.key(key)), #"expected only with "call", which is missing"#)
    }
    if !["timeout", "blocking", "on_disconnect", "stack_size"].contains(where: table.has), table.unknownKeys.isEmpty {
      let changes = #""timeout", "blocking", "on_disconnect" or "stack_size""#
      find(table.path, #"expected "call", or what to change of a plugin's route: \#(changes); all are missing"#)
    }
    return findings
  }
}
