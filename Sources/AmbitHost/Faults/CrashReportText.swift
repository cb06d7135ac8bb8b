internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem

/// The text of a report on the death of a worker.
struct CrashReportText {
  private(set) var text = ""
  private let death: Death
  /// The functions and source lines of frames, by their index.
  private let lines: [Int: [String]]

  init(_ death: Death, lines: [Int: [String]]) {
    (self.death, self.lines) = (death, lines)
    add("worker \(death.worker) \(death.verb): \(death.cause)")
    add("time", Timestamp.text(of: death.at))
    add("pid", "\(death.pid)")
    add("blamed", death.culpritLabel ?? "nobody")
    if let record = death.record { add(record) }
    addRunning()
    if let record = death.record {
      addStack(record)
      addModules(record)
      addRegisters(record)
    }
  }

  private mutating func add(_ line: String) { text += line.printable + "\n" }

  private mutating func add(_ name: String, _ value: String) {
    if !value.isEmpty { add("\(name): \(value)") }
  }

  private mutating func add(_ record: FlightRecord.End) {
    if case .signal = record.kind { add("signal code", "\(record.code)") }
    add("thread", "\(record.thread)")
    add("work", record.work)
    add("plugin", record.plugin)
    add("route", record.label)
    add("request", record.request ?? "")
    add("scope", record.scope ?? "")
    add("job", record.job)
  }

  private mutating func addRunning() {
    add("")
    add(death.running.isEmpty ? "No thread ran code of a plugin, as far as the host knows." : "Threads ran:")
    for work in death.running { add("  \(work.phrase)") }
  }

  private mutating func addStack(_ record: FlightRecord.End) {
    guard !record.frames.isEmpty else { return }
    add("")
    add(record.isStackGuess ? "Stack (a guess: calls that have returned may be among them):" : "Stack:")
    for (index, frame) in record.frames.enumerated() {
      let place = frame.module.map { module in
        "\(Self.name(of: record.modules[module]))+0x\(String(frame.offset, radix: 16))"
      }
      add("  #\(index) 0x\(String(frame.address, radix: 16)) \(place ?? "in no module")")
      for line in lines[index] ?? [] { add("      \(line)") }
    }
  }

  private static func name(of module: FlightRecord.Module) -> String {
    String(module.path.split(separator: "/").last ?? "?")
  }

  private mutating func addModules(_ record: FlightRecord.End) {
    guard !record.modules.isEmpty else { return }
    add("")
    add("Modules:")
    for module in record.modules {
      let plugin = module.plugin.isEmpty ? "" : " of plugin \(module.plugin)"
      add("  \(module.path) build id \(module.buildID.isEmpty ? "none" : module.buildID)\(plugin)")
    }
  }

  private mutating func addRegisters(_ record: FlightRecord.End) {
    guard !record.registers.isEmpty else { return }
    add("")
    add("Registers:")
    for register in record.registers { add("  \(register.name) 0x\(String(register.value, radix: 16))") }
  }
}
