import AmbitCore
import Testing

@Suite struct `ELF files` {
  @Test func `A small library is accepted`() {
    #expect(throws: Never.self) { try ELF.checkLibrary(Library().bytes.span) }
  }

  @Test func `A library stripped of its section table is accepted`() throws {
    var library = Library()
    library.sectionTable = 0
    #expect(throws: Never.self) { try ELF.checkLibrary(library.bytes.span) }
  }

  @Test func `A library is refused at every length that is short of the whole`() {
    let whole = Library().bytes
    for length in whole.indices {
      #expect(throws: ELFError.self) { try ELF.checkLibrary(Array(whole[..<length]).span) }
    }
  }

  @Test func `A large file is judged by its first bytes`() throws {
    var library = Library()
    (library.sectionTable, library.segmentSize) = (5_000_000_000, 5_000_000_000)
    let (head, size) = (Array(library.bytes[..<120]), UInt64(5_000_000_064))
    #expect(throws: Never.self) { try ELF.checkHead(head.span, size: size) }
    #expect(throws: ELFError.truncated(.sectionTable, needed: size, size: size - 1)) {
      try ELF.checkHead(head.span, size: size - 1)
    }
    library.sectionTable = 0
    let stripped = Array(library.bytes[..<120])
    #expect(throws: ELFError.truncated(.segment(0), needed: 5_000_000_000, size: 4_999_999_999)) {
      try ELF.checkHead(stripped.span, size: 4_999_999_999)
    }
  }

  @Test func `Program headers behind the first bytes are left to the reader of the whole file`() throws {
    var library = Library()
    library.segmentType = 4
    #expect(throws: Never.self) { try ELF.checkHead(Array(library.bytes[..<100]).span, size: 364) }
    #expect(throws: ELFError.truncated(.programHeaders, needed: 120, size: 110)) {
      library.sectionTable = 0
      try ELF.checkHead(Array(library.bytes[..<100]).span, size: 110)
    }
  }

  @Test func `An empty file is refused as empty`() {
    #expect(throws: ELFError.empty) { try ELF.checkLibrary(Span<UInt8>()) }
  }

  @Test(
    arguments: [
      ("#!/bin/sh\nexit 0\n", .script), ("!<arch>\n/", .archive), ("!<thin>\n/", .archive), ("text", .unknown),
      ("/* GNU ld script\n*/\nGROUP ( /lib/x/libm.so.6  AS_NEEDED ( /lib/x/libmvec.so.1 ) )", .script("libm.so.6")),
      ("/* GNU ld script\n see libold.so */ GROUP(/usr/lib/libc_nonshared.a libc.so.6)", .script("libc.so.6")),
      ("INPUT(libncurses.so.6 -ltinfo)", .script("libncurses.so.6")), ("INPUT ( -ltinfo )", .script("libtinfo.so")),
      ("/* GNU ld script", .script(nil)), ("<!DOCTYPE html><title>404", .page), ("\n<html>", .page),
      ("version https://git-lfs.github.com/spec/v1\n", .largeFilePointer), ("PK\u{3}\u{4}", .compressed("zip")),
      ("MZ", .other("a library or program of Windows")), ("\0asm", .other("a WebAssembly module")),
      ("INPUT\0", .unknown),
    ] as [(String, ForeignFile)])
  func `A file that is no ELF file is named as what it is`(text: String, kind: ForeignFile) {
    #expect(throws: ELFError.notELF(kind)) { try ELF.checkLibrary(Array(text.utf8).span) }
  }

  @Test func `A linker script is named with the library to take`() {
    #expect(
      ELFError.notELF(.script("libm.so.6")).description
        == "not a shared library but a linker script, a text that only the linker reads; "
        + "take the library that it names: libm.so.6")
  }

  @Test func `A library of a 32-bit system is refused as that`() {
    var bytes = Library().bytes
    bytes[4] = 1
    let error = #expect(throws: ELFError.self) { try ELF.checkLibrary(bytes.span, machine: .amd64) }
    #expect(error?.description == "built for 32 bits, but this host runs on x86-64 with 64; build it for x86-64")
  }

  @Test func `A library for another machine is refused, and both machines are named`() {
    let error = #expect(throws: ELFError.self) {
      try ELF.checkLibrary(Library().bytes.span, machine: .init(rawValue: 243))
    }
    #expect(error == .otherMachine(found: .host, expected: .init(rawValue: 243)))
    #expect(error?.description.contains("this host runs on RISC-V; build it for RISC-V") == true)
  }

  @Test(arguments: [
    (1, "an object file; link it with -shared"), (2, "an executable; link it with -shared"),
    (4, "a core dump, which a crashed process has left"), (9, "a file of ELF type 9; link it with -shared"),
  ])
  func `A file that is no shared library is refused`(type: Int, kind: String) {
    var library = Library()
    library.type = UInt16(type)
    let error = #expect(throws: ELFError.notShared(type: UInt16(type))) { try ELF.checkLibrary(library.bytes.span) }
    #expect(error?.description == "not a shared library but \(kind)")
  }

  @Test(arguments: [4, 5, 6])
  func `Another class, byte order or version is refused`(offset: Int) {
    var bytes = Library().bytes
    bytes[offset] = 0x7f
    #expect(throws: ELFError.self) { try ELF.checkLibrary(bytes.span) }
  }

  @Test func `A segment whose end does not fit in 64 bits is refused`() {
    var library = Library()
    library.segmentSize = .max
    #expect(throws: ELFError.truncated(.segment(0), needed: UInt64.max, size: 364)) {
      try ELF.checkLibrary(library.bytes.span)
    }
    library.segmentOffset = 2
    #expect(throws: ELFError.truncated(.segment(0), needed: UInt64.max, size: 364)) {
      try ELF.checkLibrary(library.bytes.span)
    }
  }

  @Test func `A library in which nothing is loaded is refused`() {
    var library = Library()
    library.segmentType = 4
    #expect(throws: ELFError.nothingToLoad) { try ELF.checkLibrary(library.bytes.span) }
  }
}

/// A library of 364 bytes: the header, one program header, 180 bytes of content and a section table of one entry.
private struct Library {
  var type: UInt16 = 3
  var sectionTable: UInt64 = 300
  var segmentType: UInt32 = 1
  var segmentOffset: UInt64 = 0
  var segmentSize: UInt64 = 300

  var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 364)
    bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    put(type, at: 16, in: &bytes)
    put(ELF.Machine.host.rawValue, at: 18, in: &bytes)
    put(UInt64(64), at: 32, in: &bytes)
    put(sectionTable, at: 40, in: &bytes)
    put(UInt16(56), at: 54, in: &bytes)
    put(UInt16(1), at: 56, in: &bytes)
    put(UInt16(64), at: 58, in: &bytes)
    put(UInt16(1), at: 60, in: &bytes)
    put(segmentType, at: 64, in: &bytes)
    put(segmentOffset, at: 72, in: &bytes)
    put(segmentSize, at: 96, in: &bytes)
    return bytes
  }

  private func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int, in bytes: inout [UInt8]) {
    for index in 0..<MemoryLayout<Value>.size {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }
}

extension ForeignFile {
  /// A linker script that names this library first.
  fileprivate static func script(_ library: String?) -> ForeignFile { .linkerScript(library: library) }
}
