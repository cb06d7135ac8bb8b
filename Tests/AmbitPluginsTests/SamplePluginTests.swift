import AmbitCore
import AmbitPlugins
import Foundation
import TestSupport
import Testing

@Suite struct `Sample plugins` {
  @Test func `The sample plugins build without a warning and load`() throws {
    let folder = try TemporaryFolder()
    let plugins = "\(folder.path)/Plugins"
    try FileManager.default.copyItem(atPath: Places.package.appending(path: "Plugins").filePath, toPath: plugins)
    let headers = try PluginHeaders(["ambit.h": Places.header()], in: "\(folder.path)/include")
    let strict = "-Wpedantic -Wconversion -Werror"
    let toolchain = try Toolchain(environment: ["CFLAGS": strict, "CXXFLAGS": strict, "TMPDIR": folder.path])
    let report = try PluginBuilder(directory: plugins, headers: headers, toolchain: toolchain).build()
    #expect(report.failureCount == 0)

    let declarations = try ["counter", "hello", "simple_service", "typed"].map { name in
      try LoadedPlugin.load(PluginFile(path: "\(plugins)/\(name).so")).declaration
    }
    #expect(declarations.map(\.name) == ["counter", "hello", "simple_service", "typed"])
    #expect(
      declarations.map { $0.routes.map(\.pattern.description) } == [
        ["GET /counter", "POST /counter"], ["GET /hello/{name}", "POST /echo"],
        ["GET /simple", "GET /hold", "GET /events"],
        ["GET /sum/{a}/{b}", "GET /greeting/{name}", "POST /statistics", "POST /nap"],
      ])
  }
}
