import AmbitPlugins
import Foundation
import TestSupport
import Testing

@Suite struct `Finding a library` {
  private let folder: TemporaryFolder
  private let copies: PluginCopies

  init() throws {
    folder = try TemporaryFolder()
    copies = try PluginCopies(in: folder.path)
  }

  @Test func `A library that the loader has already, or of the C library's family, is used as it is`() throws {
    for name in ["libc.so.6", "libstdc++.so.6", "libswiftCore.so", "libresolv.so.2"] {
      let found = try FoundLibrary(name, at: name, besides: copies.path)
      #expect(found.use != nil, "\(name)")
      #expect(found.file.path == name && found.file.location.hasPrefix("/"), "\(found.file.location)")
      #expect(try FoundLibrary("./x", at: found.file.location, besides: copies.path).use != nil, "\(name)")
    }
  }

  @Test func `Another library is copied, by whatever name it is found`() throws {
    let found = try FoundLibrary("libz.so.1", at: "libz.so.1", besides: copies.path)
    #expect(found.use == nil)
    #expect(FileManager.default.fileExists(atPath: found.file.location))
    let file = try FixtureLibrary.build("int f(void) { return 1; }", as: "libutil", in: folder)
    #expect(try FoundLibrary("./libutil.so", at: file.path, besides: copies.path).use == nil)
    let copy = try copies.add(.copied(found, .settled(found.file)))
    #expect(copy.isPrivate && copy.path.hasPrefix("\(copies.path)/libz.so.1.new-"))
  }

  @Test func `A library found is not an own copy but the one that the loader has`() throws {
    let source = "int f(void) { return 1; }"
    let path = try folder.write(source, to: "f.c")
    let name = "libown\(UInt32.random(in: 0...UInt32.max)).so.1"
    let file = try FixtureLibrary.compile(["-shared", "-Wl,-soname,\(name)", path], to: "\(folder.path)/\(name)")
    let found = try FoundLibrary(name, at: file.path, besides: copies.path)
    let library = try LoadedPlugin(library: try copies.add(.copied(found, .settled(found.file))))
    #expect(copies.path == String(library.path.prefix(copies.path.count)))
    #expect(throws: PluginError.self, "it is not in the loader's folders") {
      try FoundLibrary(name, at: name, besides: copies.path)
    }
    #expect(try FoundLibrary(name, at: file.path, besides: copies.path).use == nil)
  }

  @Test func `A library that does not exist is reported`() {
    for path in ["libnope.so.9", "\(folder.path)/nope.so"] {
      let error = #expect(throws: PluginError.self) { try FoundLibrary("nope", at: path, besides: copies.path) }
      #expect(error?.isAbsence == true)
      #expect(
        error?.description == "library nope: cannot open shared object file: No such file or directory")
    }
  }
}
