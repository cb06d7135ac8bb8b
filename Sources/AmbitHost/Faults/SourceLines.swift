internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem

/// Names the functions and source lines of a stack by addr2line(1), if that is installed.
enum SourceLines {
  /// How long all look-ups for a stack may take together, in nanoseconds.
  private static var limit: Int64 { 1_000_000_000 }

  /// The functions and lines of the frames by their index, innermost first if functions were inlined. Blocks, for a
  /// second at most.
  static func look(up record: FlightRecord.End?) -> [Int: [String]] {
    guard let record, let program = ProgramSearch(path: HostProcess.variable("PATH")).path(of: "addr2line") else {
      return [:]
    }
    let end = Clock.monotonic + limit
    var lines: [Int: [String]] = [:]
    // What is nearest to the fault comes first.
    var modules: [Int] = []
    for module in record.frames.compactMap(\.module) where !modules.contains(module) { modules.append(module) }
    for module in modules {
      let frames = record.frames.indices.filter { record.frames[$0].module == module }
      let left = end - Clock.monotonic
      guard left > 0, isTrusted(record.modules[module].path) else { continue }
      // A return address may lie behind the line of its call.
      let offsets = frames.map { index in
        let isReturn = index > 0 || record.beginsWithCall
        return "0x" + String(record.frames[index].offset &- (isReturn ? 1 : 0), radix: 16)
      }
      let command = [program, "-aifCe", record.modules[module].path] + offsets
      let run = try? CommandRun(command, environment: HostProcess.environment, timeout: left, unless: { false })
      guard let run, run.end == .exited(0) else { continue }
      for (frame, text) in zip(frames, parse(run.output)) where !text.isEmpty { lines[frame] = text }
    }
    return lines
  }

  /// Whether nobody but root and the host's user can have written the file. The worker names the files, and code of a
  /// plugin could name any: addr2line, which runs with all rights of the supervisor, reads none of another user.
  private static func isTrusted(_ path: String) -> Bool {
    guard Paths.exists(path) else { return false }
    do throws(UntrustedFile) { try FileTrust.owner.check(path) } catch { return false }
    return true
  }

  /// For each address a line that begins with 0x, then two lines for each function: its name, and its place. Unknown
  /// ones are `??`.
  private static func parse(_ output: [String]) -> [[String]] {
    var all: [[String]] = []
    var function: String?
    for line in output {
      if line.hasPrefix("0x") {
        all.append([])
        function = nil
      } else if let name = function {
        if name != "??", !all.isEmpty { all[all.count - 1].append(line.hasPrefix("??") ? name : "\(name) at \(line)") }
        function = nil
      } else {
        function = line
      }
    }
    return all
  }
}
