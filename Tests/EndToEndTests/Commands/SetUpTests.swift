import Foundation
import TestSupport
import Testing

/// `.ci/run`, which prepares a machine, and then serves or tests.
@Suite struct `Setting up a machine` {
  /// Runs the script with tools that write down how they were called, in the place of those that would change this
  /// machine.
  /// - Parameters:
  ///   - installed: the answer of dpkg about each package, a line of shell; nil: the machine's own dpkg.
  ///   - user: the number of the user.
  ///   - swift: what `swift` does, lines of shell.
  private func calls(
    _ arguments: [String], user: Int, installed: String?, swift: String = "false"
  ) async throws -> (CommandResult, [String]) {
    try await withTemporaryFolder { directory in
      let tools = directory.appending(path: "tools")
      try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: false)
      let note = "echo \"$(basename \"$0\") $*\" >>'\(directory.filePath)/calls'"
      var scripts = [
        "apt-get": note, "sudo": "\(note); exec \"$@\"", "swift": "\(note); \(swift)", "id": "echo \(user)",
      ]
      if let installed { scripts["dpkg"] = installed }
      for (name, script) in scripts { try tools.writeScript(script, as: name) }
      let path = tools.filePath + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
      let result = try await run(
        Places.package.appending(path: ".ci/run").filePath, arguments, in: directory, environment: ["PATH": path])
      let calls = (try? String(contentsOf: directory.appending(path: "calls"), encoding: .utf8)) ?? ""
      return (result, calls.split(separator: "\n").map(String.init))
    }
  }

  private static let allInstalled = "echo 'Status: install ok installed'"
  /// As on a machine without a C++ compiler, and with a package that was removed and left its settings behind.
  private static let someInstalled = """
    case $2 in
    g++) exit 1 ;;
    libffi-dev) echo 'Status: deinstall ok config-files' ;;
    *) echo 'Status: install ok installed' ;;
    esac
    """

  @Test(arguments: [0, 1000])
  func `Nothing is installed, and nobody is asked for a password, if nothing is missing`(user: Int) async throws {
    let (_, serving) = try await calls(["serve"], user: user, installed: Self.allInstalled)
    #expect(serving == ["swift build -c release --product ambit"])
    let (_, testing) = try await calls([], user: user, installed: Self.allInstalled)
    #expect(testing == ["swift build"])
  }

  @Test func `Root installs what is missing without sudo`() async throws {
    let (result, calls) = try await calls(["serve"], user: 0, installed: Self.someInstalled)
    #expect(
      calls == [
        "apt-get update -q", "apt-get install -y -q --no-install-recommends g++ libffi-dev",
        "swift build -c release --product ambit",
      ])
    #expect(result.text.contains("installing: g++ libffi-dev\n"))
  }

  @Test func `A user installs what is missing by sudo`() async throws {
    let (_, calls) = try await calls(["serve"], user: 1000, installed: Self.someInstalled)
    #expect(
      calls == [
        "sudo apt-get update -q", "apt-get update -q",
        "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends g++ libffi-dev",
        "apt-get install -y -q --no-install-recommends g++ libffi-dev", "swift build -c release --product ambit",
      ])
  }

  @Test func `Only tests need the packages of tests`() async throws {
    let none = "exit 1"
    let (serving, _) = try await calls(["serve"], user: 0, installed: none)
    let (testing, _) = try await calls([], user: 0, installed: none)
    #expect(!serving.text.contains("wrk") && serving.text.contains("libtomlplusplus-dev"))
    #expect(testing.text.contains("wrk") && testing.text.contains("libtomlplusplus-dev"))
  }

  @Test func `The issues of failed tests are repeated after all other output, and the status is that of the tests`()
    async throws
  {
    let (early, late) = ("recorded an issue at A.swift:1:2: Caught error: no", "recorded an issue at B.swift:3:4: no")
    let swift = """
      [ "$1" = build ] && exit
      printf '%s\n' '✔ Test "first" passed after 0.1 seconds.' '✘ Test "early" \(early)' 'its log' '◇ Test "third".'
      echo '✘ Test "late" \(late)' >&2
      printf '%s\n' '↳ why' '✘ Test "early" failed after 9.1 seconds with 1 issue.'
      seq 1000
      echo '✘ Test run with 3 tests in 1 suite failed after 9.2 seconds with 2 issues.'
      exit 3
      """
    let (result, calls) = try await calls([], user: 0, installed: Self.allInstalled, swift: swift)
    #expect(calls == ["swift build", "swift test"] && result.status == .exited(3))
    #expect(result.text.hasPrefix("✔ Test \"first\" passed"))
    let end = """
      1000
      ✘ Test run with 3 tests in 1 suite failed after 9.2 seconds with 2 issues.
      The tests that failed, and why:
      ✘ Test "early" \(early)
      its log
      ✘ Test "late" \(late)
      ↳ why

      """
    #expect(result.text.hasSuffix(end), "\(result.text.suffix(600))")
  }

  @Test func `The output of tests that pass is not repeated`() async throws {
    let swift = "echo \"passes $1\""
    let (result, _) = try await calls([], user: 0, installed: Self.allInstalled, swift: swift)
    #expect(result.status == .exited(0) && result.text == "passes build\npasses test\n", "\(result.text)")
  }

  @Test func `A word that the script does not know changes nothing`() async throws {
    let (result, calls) = try await calls(["server"], user: 0, installed: "exit 1")
    #expect(result.status == .exited(64) && calls == [])
  }
}
