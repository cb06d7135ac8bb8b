import AmbitRuntime
import Glibc
import Testing

@testable import AmbitPlugins

@Suite struct `The Swift runtime of a library` {
  /// Why a plugin is refused; nil if it is not.
  private static func objection(
    to swift: SwiftUse, _ flags: PluginFlags = [], setsTaskLocals: Bool = false, keeps: Bool = true
  ) -> String? {
    var copy = PluginCopy(file: PluginFile(path: "my.so"), hash: nil, path: "my.so")
    copy.setsTaskLocals = setsTaskLocals
    do throws(PluginError) {
      try swift.check(flags, of: copy, named: "my", keepsTaskLocalsApart: keeps)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `A library uses the host's runtime, its own or none`() throws {
    let address = UInt(bitPattern: dlsym(nil, SwiftRuntime.checkVariable))
    #expect(SwiftUse(checkVariable: 0, hasSwiftCode: false) == .none)
    #expect(SwiftUse(checkVariable: address, hasSwiftCode: false) == .ofHost)
    #expect(SwiftUse(checkVariable: address, hasSwiftCode: true) == .ofHost)
    #expect(SwiftUse(checkVariable: address + 8, hasSwiftCode: true) == .own)
    #expect(SwiftUse(checkVariable: 0, hasSwiftCode: true) == .own)
  }

  @Test func `A plugin with a Swift runtime of its own is refused, unless it runs on threads only`() {
    #expect(
      Self.objection(to: .own)
        == "plugin my (my.so): it brings a Swift runtime of its own, which mixes up jobs that wait on one thread;"
        + " build it without -static-stdlib, or set AMBIT_PLUGIN_THREADS in the flags of its entry")
    #expect(Self.objection(to: .own, .threads) == nil)
  }

  @Test func `A plugin that sets task-local values is refused if the host cannot keep them apart`() {
    #expect(Self.objection(to: .ofHost, setsTaskLocals: true) == nil)
    let text = Self.objection(to: .ofHost, setsTaskLocals: true, keeps: false)
    #expect(
      text
        == "plugin my (my.so): it sets values of @TaskLocal variables, and the host cannot keep those of its jobs"
        + " apart with this version of the Swift runtime; pass the values on as parameters, or set"
        + " AMBIT_PLUGIN_THREADS in the flags of its entry")
    #expect(Self.objection(to: .ofHost, .threads, setsTaskLocals: true, keeps: false) == nil)
    #expect(Self.objection(to: .ofHost, keeps: false) == nil)
    #expect(Self.objection(to: .none, keeps: false) == nil)
  }
}
