internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem

/// Finds out, before anything changes, whether a program can take the place of the one that runs.
package enum UpgradeProbe {
  /// The hidden command by which a program is asked.
  package static var command: String { "take-over" }
  private static var word: String { "ambit-take-over" }

  /// What a program answers that can take over: its format and its version.
  package static var line: String { "\(word) \(TakeOver.format) \(AmbitVersion.text)" }

  /// Runs `program`, which has to check the configuration as `ambit check` does. Blocks.
  /// - Parameter timeout: in nanoseconds.
  /// - Throws: why it cannot take over.
  static func check(
    _ program: String, _ source: ConfigurationSource, timeout: Int64, unless isStopping: () -> Bool
  ) throws(HostError) {
    guard program.hasPrefix("/") else { throw HostError(["\(program): expected the absolute path of a program"]) }
    let words = [program, command] + (source.path.map { ["-c", $0] } ?? [])
    let run: CommandRun
    do throws(FileError) {
      run = try CommandRun(words, environment: HostProcess.environment, timeout: timeout, unless: isStopping)
    } catch {
      throw HostError(error)
    }
    if isStopping() { throw .interruption }
    try checkFormat(of: program, run)
    guard run.end != .exited(0) else { return }
    let errors = run.errors.filter { $0.hasPrefix("error: ") }.map { String($0.dropFirst("error: ".count)) }
    guard errors.isEmpty || run.end == nil else { throw HostError(errors) }
    let end = run.end?.text ?? "has not ended within \(timeout / 1_000_000_000) s"
    throw HostError(["\(program) \(end) while it checked the configuration and the plugins"] + run.errors.suffix(5))
  }

  private static func checkFormat(of program: String, _ run: CommandRun) throws(HostError) {
    let words = (run.output.first ?? "").split(separator: " ").map(String.init)
    guard words.count == 3, words[0] == word else {
      let end = run.end.map { "it \($0.text)" } ?? "it did not end in time"
      let found = run.output.first.map { "\"\($0.printable)\"" } ?? "none"
      throw HostError([
        "\(program) is no ambit that can take over from a running host: expected a line \"\(word) …\" from "
          + "\"\(program) \(command)\", found \(found) (\(end)); restart the host to run it"
      ])
    }
    guard words[1] == "\(TakeOver.format)" else {
      throw HostError([
        "\(program) (ambit \(words[2])) takes over format \(words[1]), this host (ambit \(AmbitVersion.text)) hands "
          + "over format \(TakeOver.format); restart the host to run it"
      ])
    }
  }
}
