import AmbitCore
import Foundation
import Testing

@testable import AmbitConfig

/// The `host.conf` that stands at the top of the project.
@Suite struct `The sample host.conf` {
  private let text: String

  init() throws {
    let here = URL(filePath: #filePath)
    let top = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    text = try String(contentsOf: top.appending(path: "host.conf"), encoding: .utf8)
  }

  @Test func `The sample host.conf says what an empty file says, greets, and adds routes`() throws {
    var expected = HostConfiguration.defaults
    expected.routes = try HostConfiguration.parse(text: text, file: "host.conf").routes
    var limits = PluginLimits()
    limits.threads = expected.poolThreads
    expected.pluginSettings = ["hello": PluginSettings(values: ["greeting": "Hello"], limits: limits)]
    #expect(try HostConfiguration.parse(text: text, file: "host.conf") == expected)
  }

  @Test(arguments: ConfigurationKey.all.map(\.path.description))
  func `The sample host.conf has every key with a comment above it`(path: String) throws {
    let position = try #require(TOMLDocument(text: text).positions.first { $0.key.description == path }?.value)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[position.line - 2].hasPrefix("# "))
  }

  @Test(arguments: ConfigurationKey.all.map { ($0.path.description, $0.takesEffect) })
  func `The sample host.conf says when a change of each key takes effect`(
    path: String, effect: ConfigurationKey.Effect
  ) throws {
    let positions = try TOMLDocument(text: text).positions
    let position = try #require(positions.first { $0.key.description == path }?.value)
    var comment = comment(above: position.line)
    if !comment.contains("take effect"), let table = path.split(separator: ".").dropLast().first {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      comment = self.comment(above: try #require(lines.firstIndex(of: "[\(table)]")) + 1)
    }
    let moment = effect == .atReload || effect == .inNewWorkers ? "a reload" : "the next start"
    #expect(comment.contains("take effect at \(moment)"), "\(path)")
    #expect(comment.contains("take effect at a reload, in new workers") == (effect == .inNewWorkers), "\(path)")
  }

  @Test(arguments: ConfigurationKey.all.map { ($0.path.description, $0.takesEffect) })
  func `The page on configuration says when a change of each key takes effect`(
    path: String, effect: ConfigurationKey.Effect
  ) throws {
    let here = URL(filePath: #filePath)
    let top = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let page = try String(
      contentsOf: top.appending(path: "Sources/AmbitHost/AmbitHost.docc/Configuration.md"), encoding: .utf8)
    let row = try #require(page.split(separator: "\n").first { $0.hasPrefix("| `") && $0.contains("`\(path)`") })
    let isAtReload = effect == .atReload || effect == .inNewWorkers
    #expect(row.contains(isAtReload ? "| at the next reload" : "| at the next start"), "\(row)")
    #expect(row.contains("in new workers") == (effect == .inNewWorkers), "\(row)")
  }

  /// The comment that ends above a line, on one line.
  private func comment(above line: Int) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let comment = lines[..<(line - 1)].reversed().prefix { $0.hasPrefix("# ") }.reversed()
    return comment.map { $0.dropFirst(2) }.joined(separator: " ")
  }

  @Test(arguments: ConfigurationKey.all.map(\.path.description))
  func `The sample host.conf is read by every key of the list`(path: String) throws {
    let position = try #require(TOMLDocument(text: text).positions.first { $0.key.description == path }?.value)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let name = try #require(path.split(separator: ".").last)
    lines[position.line - 1] = "\(name) = [{}]"
    let found = try #require(errors(lines.joined(separator: "\n")))
    #expect(found.count == 1)
    #expect(found.first?.position?.line == position.line)
    #expect(found.first?.message.hasPrefix(path) == true)
  }

  @Test func `The sample host.conf has examples of routes that check`() throws {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let examples = lines.filter { $0.hasPrefix("#") && !$0.hasPrefix("# ") }.map { $0.dropFirst() }
    let routes = try HostConfiguration.parse(text: examples.joined(separator: "\n"), file: "host.conf").routes
    #expect(routes.map { $0.call == nil } == [true])
  }

  @Test func `The sample host.conf calls functions whose signatures parse`() throws {
    let routes = try HostConfiguration.parse(text: text, file: "host.conf").routes
    let targets = try routes.map { try #require($0.call).target }
    #expect(targets.map(\.symbol) == ["cos", "pow", "frexp", "crc32", "gethostname", "strerror"])
    #expect(zip(routes, targets).filter { $0.0.optional == true }.map(\.1.provider.name) == ["libz.so.1"])
  }
}
