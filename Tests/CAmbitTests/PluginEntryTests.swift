import CAmbit
import Foundation
import TestSupport
import Testing

@Suite struct `The plugin entry` {
  @Test(arguments: Dialect.all)
  func `The plugin entry is read by the host as each language wrote it`(compiler: Dialect) throws {
    let plugin = try load([Sources.program("plugin.c")], compiler)
    #expect(plugin.magic == AMBIT_PLUGIN_MAGIC)
    #expect(plugin.abi_major == 1 && plugin.abi_minor == 0)
    #expect(plugin.size == MemoryLayout<ambit_plugin>.size)
    #expect(String(cString: plugin.name) == "everything")
    #expect(String(cString: plugin.version) == "2.1")
    #expect(String(cString: plugin.about) == "Says hello.")
    #expect(plugin.start != nil && plugin.stop != nil && plugin.save != nil)
    #expect(plugin.flags == AMBIT_PLUGIN_UNLOADABLE && plugin.stack_size == 0)

    let routes = UnsafeBufferPointer(start: plugin.routes, count: plugin.route_count)
    #expect(routes.map { String(cString: $0.pattern) } == ["GET /hello/{name}", "GET /sum/{a}/{b}"])
    #expect(routes.map { $0.handler != nil } == [true, false])
    #expect(routes.map { $0.function != nil } == [false, true])
    #expect(routes.map(\.flags) == [AMBIT_ROUTE_BLOCKING, 0])
    #expect(routes[0].signature == nil)
    #expect(String(cString: routes[1].signature) == "i64 (i64 a, i64 b)")
  }

  @Test(arguments: Dialect.namingFields)
  func `The plugin entry of the introduction compiles and answers`(compiler: Dialect) throws {
    let folder = try TemporaryFolder()
    let source = try folder.write(HeaderText().introduction, to: "greeter.c")
    let plugin = try load([source], compiler)
    #expect(String(cString: plugin.name) == "greeter")
    #expect(plugin.start == nil && plugin.flags == 0)

    var answers = ambit_api()
    answers.respond = { _, status, contentType, bytes, length in
      let body = UnsafeRawBufferPointer(start: bytes, count: length)
      let isText = contentType.map { String(cString: $0) == "text/plain" } ?? false
      return status == 200 && isText && body.elementsEqual("Hello!\n".utf8) ? 42 : AMBIT_FAILED
    }
    withUnsafePointer(to: answers) { api in
      var scope = ambit_scope(api: api)
      #expect(plugin.routes[0].handler(&scope) == 42)
    }
  }

  /// Compiles a plugin with all but its entry hidden, and reads the entry. The library stays loaded until the process
  /// ends: the entry points into it.
  private func load(_ sources: [String], _ compiler: Dialect) throws -> ambit_plugin {
    let folder = try TemporaryFolder()
    try compiler.compile(["-shared", "-fPIC", "-fvisibility=hidden"] + sources + ["-o", "plugin.so"], in: folder)
    let library = dlopen(folder.path(of: "plugin.so"), RTLD_NOW | RTLD_LOCAL)
    let entry = try #require(dlsym(library, AMBIT_PLUGIN_SYMBOL), "the entry is not exported")
    return entry.load(as: ambit_plugin.self)
  }
}
