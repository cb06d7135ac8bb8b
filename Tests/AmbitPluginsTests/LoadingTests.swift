import AmbitCore
import AmbitPlugins
import CAmbit
import Foundation
import TestSupport
import Testing

@Suite struct `Loading a plugin` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `Loading a plugin reads everything that a well formed entry says`() throws {
    let file = try FixtureLibrary.build("well_formed", in: folder)
    let plugin = try LoadedPlugin.load(file)
    let declaration = plugin.declaration
    #expect(declaration.name == "well_formed")
    #expect(declaration.version == "2.1")
    #expect(declaration.about == "Breaks no rule.")
    #expect(declaration.flags == .unloadable)
    #expect(declaration.routes.map(\.pattern.description) == ["GET /well_formed/{name}", "POST /well_formed"])
    #expect(declaration.routes.map(\.flags) == [[], .finishOnDisconnect])
    #expect(declaration.start != nil && declaration.stop != nil && declaration.save != nil)
    #expect(plugin.copy.file == file)
  }

  @Test func `Loading a plugin accepts an entry with a name alone`() throws {
    let declaration = try LoadedPlugin.load(FixtureLibrary.build("bare", in: folder)).declaration
    #expect(declaration.name == "bare")
    #expect(declaration.version == "" && declaration.about == "" && declaration.flags == [])
    #expect(declaration.routes.isEmpty)
    #expect(declaration.start == nil && declaration.stop == nil && declaration.save == nil)
  }

  @Test func `A call runs the code of its own generation, although the file is the same`() throws {
    var generations = [LoadedPlugin]()
    for number: UInt64 in 1...3 {
      let source = """
        #include <ambit.h>
        int32_t start(ambit_scope *plugin);
        int32_t start(ambit_scope *plugin) { (void)plugin; return \(number); }
        AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "same", .start = start};
        """
      let file = try FixtureLibrary.build(source, as: "same", in: folder)
      generations.append(try LoadedPlugin.load(file))
    }
    #expect(generations.map { $0.declaration.start?(nil) } == [1, 2, 3])
  }

  @Test func `An error of the loader is passed on with the operator's file`() throws {
    let file = try FixtureLibrary.build("undefined_symbol", in: folder)
    let error = #expect(throws: PluginError.self) { try LoadedPlugin.load(file) }
    #expect(error?.problems.map(\.code) == [.notLoadable])
    #expect(error?.description == "plugin undefined_symbol (\(file.path)): undefined symbol: defined_nowhere")
  }

  @Test func `Executables of both kinds are refused`() throws {
    let source = try folder.write("int main(void) { return 0; }", to: "program.c")
    let fixed = try FixtureLibrary.compile(["-no-pie", source], to: "\(folder.path)/fixed.so")
    let movable = try FixtureLibrary.compile(["-pie", source], to: "\(folder.path)/movable.so")
    let reasons = try [fixed, movable].map { file in
      let error = try #require(throws: PluginError.self) { try LoadedPlugin.load(file) }
      return error.description
    }
    #expect(
      reasons == [
        "plugin fixed (\(fixed.path)): not a shared library but an executable; link it with -shared",
        "plugin movable (\(movable.path)): not a shared library but a position-independent executable; "
          + "link it with -shared",
      ])
  }

  @Test func `Loading a plugin reads the flags of the entry and of its routes`() throws {
    let blocking = try FixtureLibrary.build("blocking_route", in: folder)
    let threads = try FixtureLibrary.build("pool_threads", in: folder)
    #expect(try LoadedPlugin.load(blocking).declaration.routes.map(\.flags) == [.blocking])
    #expect(try LoadedPlugin.load(threads).declaration.flags == .threads)
  }
}
