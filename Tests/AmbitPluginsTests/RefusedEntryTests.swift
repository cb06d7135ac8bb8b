import AmbitCore
import AmbitPlugins
import CAmbit
import Foundation
import TestSupport
import Testing

/// One misbehaving plugin for each rule, named like it.
@Suite struct `A plugin that breaks a rule` {
  struct Rule: CustomTestStringConvertible, Sendable {
    let fixture: String
    let code: PluginProblem.Code
    let reasons: [String]

    init(_ fixture: String, _ code: PluginProblem.Code, _ reasons: String...) {
      (self.fixture, self.code, self.reasons) = (fixture, code, reasons)
    }

    var testDescription: String { fixture }
  }

  static let rebuild = "rebuild it with this host's ambit.h"
  static let noEntry = "no symbol ambit_plugin_entry in the library; is it defined with AMBIT_EXPORT?"
  static let aName = "expected a lower-case letter, then lower-case letters, digits, _ or -"
  static let size = MemoryLayout<ambit_plugin>.size

  static let rules = [
    Rule("no_entry", .noEntry, noEntry),
    Rule("hidden_entry", .noEntry, noEntry),
    Rule(
      "wrong_magic", .otherABI,
      "ambit_plugin_entry.magic: expected 0x414d4254, found 0xbadcafe; does the entry begin with AMBIT_PLUGIN_HEADER?"),
    Rule("other_major", .otherABI, "built for ABI 2.0, this host offers 1.0; \(rebuild)"),
    Rule("newer_minor", .otherABI, "built for ABI 1.1, this host offers 1.0; \(rebuild)"),
    Rule(
      "wrong_size", .otherABI,
      "ambit_plugin_entry.size: expected at least \(size) bytes for ABI 1.0, found 24; \(rebuild)"),
    Rule("no_name", .malformedEntry, "name: \(aName), found NULL"),
    Rule("bad_name", .malformedEntry, #"name: \#(aName), found "Bad Name\n""#),
    Rule(
      "bad_texts", .malformedEntry, #"version: expected one line, found "1.0\n2.0""#,
      #"about: expected one line, found "a\tb""#),
    Rule(
      "bad_stack_size", .malformedRoute, "routes[0].stack_size: expected at most 67108864 bytes (64MiB), found 67108865"
    ),
    Rule("null_routes", .malformedEntry, "routes: expected route_count of them, 2, found NULL"),
    Rule("wild_count", .malformedEntry, "route_count: expected at most 65535, found 18446744073709551615"),
    Rule(
      "duplicate_route", .malformedRoute,
      "routes[2].pattern: GET /d/{b} answers the same requests as routes[0], GET /d/{a}"),
    Rule("no_target", .malformedRoute, "routes[1]: expected a handler or a function, found neither"),
    Rule("two_targets", .malformedRoute, "routes[0]: expected a handler or a function, found both"),
    Rule(
      "stray_signature", .malformedRoute,
      #"routes[0].signature: expected NULL beside a handler, found "i64 (i64 n)""#),
    Rule(
      "bad_signature", .malformedRoute,
      "routes[1].signature: expected the signature of the function, found NULL",
      #"routes[2].signature: "i64 (f46 n)":1:6: unknown type `f46`; did you mean `f64`?"#),
  ]

  @Test(arguments: rules)
  func `An entry that breaks a rule is refused with what was expected and what was found`(rule: Rule) throws {
    let folder = try TemporaryFolder()
    let file = try FixtureLibrary.build(rule.fixture, in: folder)
    let error = #expect(throws: PluginError.self) { try LoadedPlugin.load(file) }
    let lines = rule.reasons.map { "plugin \(rule.fixture) (\(file.path)): \($0)" }
    #expect(error?.problems.map(\.description) == lines)
    #expect(error?.problems.allSatisfy { $0.code == rule.code } == true)
  }

  @Test func `A malformed pattern is refused with the column where it stops making sense`() throws {
    let folder = try TemporaryFolder()
    let file = try FixtureLibrary.build("bad_pattern", in: folder)
    let error = #expect(throws: PluginError.self) { try LoadedPlugin.load(file) }
    #expect(error?.problems.map(\.code) == [.malformedRoute, .malformedRoute, .malformedRoute])
    let places = [
      #"routes[0].pattern: "GET bad": column 5: expected "#,
      #"routes[1].pattern: "GET /{a}/{a}": column 11: expected "#,
      #"routes[2].pattern: expected a pattern such as "GET /hello/{name}", found NULL"#,
    ]
    for (error, place) in zip(error?.problems ?? [], places) { #expect(error.reason.hasPrefix(place)) }
  }

  @Test func `An unknown flag is refused, each by its bit`() throws {
    let folder = try TemporaryFolder()
    let file = try FixtureLibrary.build("unknown_flags", in: folder)
    let error = #expect(throws: PluginError.self) { try LoadedPlugin.load(file) }
    #expect(
      error?.problems.map(\.reason) == ["routes[0].flags: unknown bits 0x40", "flags: unknown bits 0x80"])
  }

  @Test func `An entry with several mistakes is refused with all of them at once`() throws {
    let folder = try TemporaryFolder()
    let file = try FixtureLibrary.build("many_mistakes", in: folder)
    let error = #expect(throws: PluginError.self) { try LoadedPlugin.load(file) }
    let fields = error?.problems.map { String($0.reason.prefix { $0 != ":" }) }
    #expect(fields == ["name", "routes[0].pattern", "routes[1]", "routes[1].flags", "flags"])
  }
}
