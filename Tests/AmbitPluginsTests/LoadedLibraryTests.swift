import AmbitCore
import Foundation
import TestSupport
import Testing

@testable import AmbitPlugins

@Suite struct `The answer of several workers` {
  private let copies = "/run/ambit-host-1"

  private func agreed(_ answers: LoadedLibrary?...) -> LoadedLibrary? { .agreed(answers, besides: copies) }

  @Test func `A private copy is loaded under a name if one worker has it`() {
    let copy = LoadedLibrary(path: "\(copies)/ab/libx.so")
    let other = LoadedLibrary(path: "/usr/lib/libx.so")
    #expect(agreed(nil, copy) == copy)
    #expect(agreed(other, copy) == copy)
  }

  @Test func `No library is loaded under a name if no worker has one`() {
    #expect(agreed(nil, nil) == nil)
    #expect(agreed(LoadedLibrary(path: "/usr/lib/libx.so"), nil)?.path == "/usr/lib/libx.so")
  }

  @Test func `A library counts as replaced, or as another one than the operator's, if it is for one worker`() {
    let present = LoadedLibrary(path: "/srv/libx.so", isAskedFile: true)
    let lost = LoadedLibrary(path: "/srv/libx.so", hasLostFile: true)
    let strange = LoadedLibrary(path: "/usr/lib/libx.so")
    #expect(agreed(present, lost) == lost)
    #expect(agreed(present, strange) == strange)
    #expect(agreed(present, present) == present)
  }

  @Test func `A library of routes is used in place if one worker has loaded it`() throws {
    let folder = try TemporaryFolder()
    let file = PluginFile(library: "libx.so", at: "/usr/lib/libx.so")
    let (copied, inPlace) = (
      FoundLibrary(file: file, use: nil), FoundLibrary(file: file, use: InPlaceUse(name: "libx.so", isHostsOwn: false))
    )
    #expect(FoundLibrary.agreed([copied, inPlace], serving: nil) == inPlace)
    #expect(FoundLibrary.agreed([copied, copied], serving: nil) == copied)
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    let copy = try PluginCopies(in: folder.path).add(content)
    #expect(FoundLibrary.agreed([inPlace, copied], serving: copy) == copied, "it stays as it was loaded")
    let used = PluginCopy(try #require(inPlace.use), of: file)
    #expect(FoundLibrary.agreed([copied, inPlace], serving: used) == inPlace)
  }
}

@Suite struct `Libraries that a process which loads nothing plans` {
  private let folder: TemporaryFolder
  private let copies: PluginCopies
  private let plugin: PluginCopy
  private let helper: PluginFile

  /// A plugin that is linked with `libhelper.so` beside it.
  init() throws {
    folder = try TemporaryFolder()
    copies = try PluginCopies(in: folder.path)
    helper = try FixtureLibrary.build("int helper(void) { return 1; }", as: "libhelper", in: folder)
    let source = try folder.write("int helper(void); int f(void) { return helper(); }", to: "my.c")
    let file = try FixtureLibrary.compile(
      ["-shared", source, "-L\(folder.path)", "-lhelper", "-Wl,-rpath,$ORIGIN"], to: "\(folder.path)/my.so")
    plugin = try copies.add(.settled(file))
  }

  private func dependencies(
    loaded: @escaping (String, String?) throws(PluginError) -> LoadedLibrary?
  ) throws -> [Dependency] {
    var resolver = DependencyResolver(copies: copies, settle: .zero, trust: .any, loaded: loaded)
    return try resolver.dependencies(of: plugin, in: plugin.file)
  }

  @Test func `The loader of the planning process is not asked, but the one of the process that serves`() throws {
    let same = try dependencies { name, _ in LoadedLibrary(path: "/elsewhere/\(name)", isAskedFile: true) }
    #expect(same.notes == [], "the worker has the operator's file")
    let other = try dependencies { name, _ in LoadedLibrary(path: "/elsewhere/\(name)") }
    #expect(other.map(\.copy.path) == same.map(\.copy.path), "a worker that starts later has neither")
    #expect(other.notes.first?.contains("from /elsewhere/libhelper.so, and is used") == true, "\(other.notes)")
  }

  @Test func `A library that no worker has is copied, although the planning process has it`() throws {
    let own = try LoadedPlugin(library: copies.add(.settled(PluginFile(library: helper.path, at: helper.path))))
    let brought = try dependencies { _, _ in nil }
    #expect(brought.map(\.isBrought) == [true])
    #expect(brought.first?.copy.path != own.path)
    #expect(brought.first?.copy.path.hasSuffix("/libhelper.so") == true)
  }

  @Test func `A worker is asked by the name and by the file that the RUNPATH finds`() throws {
    let asked = Box<[String]>([])
    _ = try dependencies { name, file in
      asked.value.append("\(name) \(file ?? "-")")
      return nil
    }
    #expect(asked.value.first == "libhelper.so \(helper.path)")
  }

  @Test func `An older copy that one worker has stays in use in all, with a note`() throws {
    let old = try dependencies { _, _ in nil }
    let path = try #require(old.first).copy.path
    _ = try FixtureLibrary.build("int helper(void) { return 2; }", as: "libhelper", in: folder)
    let now = try dependencies { _, _ in LoadedLibrary(path: path) }
    #expect(now.map(\.copy.path) == [path])
    #expect(now.notes.first?.contains("an older version of it is loaded") == true, "\(now.notes)")
    #expect(now.areLoadedLike(old))
  }

  private final class Box<Value> {
    var value: Value

    init(_ value: Value) { self.value = value }
  }
}
