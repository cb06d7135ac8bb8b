import Testing

@Suite struct SocketCalls {
  /// Calls that make a socket or give it an address, by the C library's names or by CLinux's.
  private static var openings: Regex<(Substring, Substring)> {
    #/
      ^ (?! \s*// ) .*? (?: ^ | [^.\w] )
      ( (?: Glibc\. )? (?: socket | socketpair ) \( (?: AF_ | address )
      | (?: Glibc\. )? (?: bind | listen | connect ) \( (?: \w+\. )* (?: descriptor | probe | socket ) \b
      | clinux_socket \( )
    /#
  }

  /// Calls on a socket.
  private static var uses: Regex<(Substring, Substring)> {
    #/
      ^ (?! \s*// ) .*? (?: ^ | [^.\w] )
      ( (?: Glibc\. )? (?: sendto | sendmsg | sendfile | recv | recvfrom | recvmsg | accept4 | shutdown ) \(
      | (?: Glibc\. )? (?: setsockopt | getsockopt | getsockname | getpeername ) \(
      | (?: Glibc\. )? (?: send | accept ) \( (?: \w+\. )* (?: descriptor | socket ) \b
      | clinux_ (?: accept | receive | send \w* | write_parts | await_bytes | hangup_events | peer_process ) \( )
    /#
  }

  /// The calls in the Swift files below a folder, with the file that has each.
  private func calls(_ pattern: Regex<(Substring, Substring)>, below folder: String) throws -> [String] {
    try Repository.files(below: folder, "swift").flatMap { file in
      try Repository.matches(of: pattern, in: file).map { "\(file): \($0)" }
    }
  }

  @Test func `Sockets are opened in AmbitSystem and nowhere else`() throws {
    let found = try calls(Self.openings, below: "Sources")
    #expect(found.contains { $0.hasPrefix("Sources/AmbitSystem/") })
    #expect(found.filter { !$0.hasPrefix("Sources/AmbitSystem/") } == [])
  }

  @Test func `Within AmbitHTTP only the folder Transport calls sockets`() throws {
    let found = try calls(Self.uses, below: "Sources/AmbitHTTP")
    #expect(found.contains { $0.hasPrefix("Sources/AmbitHTTP/Transport/") })
    #expect(found.filter { !$0.hasPrefix("Sources/AmbitHTTP/Transport/") } == [])
  }

  @Test(arguments: [
    "  let descriptor = socket(AF_UNIX, type, 0)", "try check(\"bind\", bind(descriptor, $0, $1))",
    "let end = clinux_socket(family)", "guard Glibc.connect(probe, $0, $1) == 0 else {",
  ])
  func `A call that opens a socket is found in every form`(line: String) throws {
    #expect(try Self.openings.firstMatch(in: line) != nil)
    #expect(try Self.openings.firstMatch(in: "server.listen(at: addresses)") == nil)
    #expect(try Self.openings.firstMatch(in: "// bind(descriptor) does this") == nil)
  }
}
