import Glibc
import Testing

@testable import AmbitCore

@Suite struct `Listen addresses` {
  @Test(arguments: [
    ("127.0.0.1:8080", ListenAddress.internet(address: [127, 0, 0, 1], port: 8080)),
    ("0.0.0.0:0", .internet(address: [0, 0, 0, 0], port: 0)),
    ("[::1]:65535", .internet(address: Array(repeating: 0, count: 15) + [1], port: 65_535)),
    ("*:80", .any(port: 80)),
    ("unix:/run/ambit/http.sock", .unix(path: "/run/ambit/http.sock")), ("unix:run/x.sock", .unix(path: "run/x.sock")),
  ])
  func `Listen addresses are read and shown in the same form`(text: String, address: ListenAddress) throws {
    #expect(try ListenAddress(text) == address)
    #expect(address.description == text)
  }

  @Test(arguments: [
    ("", "the port is missing"), ("8080", "the port is missing"),
    (":8080", #"for all addresses write "*""#),
    ("localhost:8080", "host names are not looked up, write an IP address"),
    ("127.1:80", "host names are not looked up, write an IP address"),
    ("127.0.0.256:80", "host names are not looked up, write an IP address"),
    ("127.0.0.01:80", "host names are not looked up, write an IP address"),
    ("127.0.0.1:", "a port is a number from 0 to 65535"), ("127.0.0.1:65536", "a port is a number from 0 to 65535"),
    ("127.0.0.1:+1", "a port is a number from 0 to 65535"), ("127.0.0.1:http", "a port is a number from 0 to 65535"),
    ("::1:80", "put an IPv6 address in brackets"),
    ("[127.0.0.1]:80", "expected an IPv6 address between the brackets"),
    ("[fe80::1%eth0]:80", "expected an IPv6 address between the brackets"),
    ("unix:", "the path of the socket is missing"), ("unix:a\u{0}b", "the path of a socket contains no NUL"),
  ])
  func `Malformed listen addresses are refused with a hint`(text: String, hint: String) {
    #expect(throws: ListenAddressError(hint: hint)) { try ListenAddress(text) }
  }

  @Test func `Listen addresses have a path that Linux has room for`() throws {
    let longest = "/" + String(repeating: "x", count: 106)
    #expect(try ListenAddress("unix:" + longest) == .unix(path: longest))
    let refusal = ListenAddressError(hint: "the path of a socket has at most 107 bytes, this one has 108")
    #expect(throws: refusal) { try ListenAddress("unix:" + longest + "x") }
  }
}

@Suite struct `Listen addresses that overlap` {
  @Test(arguments: [
    ("*:80", "0.0.0.0:80"), ("*:80", "[::]:80"), ("*:80", "127.0.0.1:80"), ("*:80", "[::1]:80"), ("*:80", "*:80"),
    ("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("[::1]:80", "[0::1]:80"), ("unix:/a", "unix:/a"),
    ("127.0.0.1:80", "[::ffff:127.0.0.1]:80"),
  ])
  func `Listen addresses overlap if one includes the other`(one: String, other: String) throws {
    #expect(try ListenAddress(one).overlaps(ListenAddress(other)))
    #expect(try ListenAddress(other).overlaps(ListenAddress(one)))
  }

  @Test(arguments: [
    ("0.0.0.0:80", "[::]:80"), ("0.0.0.0:80", "[::1]:80"), ("127.0.0.1:80", "[::]:80"), ("*:80", "*:81"),
    ("*:0", "*:0"), ("127.0.0.1:80", "127.0.0.2:80"), ("unix:/a", "unix:/b"), ("unix:/a", "*:80"),
  ])
  func `Listen addresses do not overlap if each has connections of its own`(one: String, other: String) throws {
    #expect(try !ListenAddress(one).overlaps(ListenAddress(other)))
    #expect(try !ListenAddress(other).overlaps(ListenAddress(one)))
  }

  @Test func `An IPv4 address that is written as an IPv6 address is that IPv4 address`() throws {
    #expect(try ListenAddress("[::ffff:192.0.2.1]:80").description == "192.0.2.1:80")
    #expect(try ListenAddress("[::ffff:0:c000:201]:80").description == "[::ffff:0:c000:201]:80")
  }
}

@Suite struct `IPv6 literals` {
  @Test(arguments: [
    "::", "::1", "1::", "1::8", "2001:db8::8:800:200c:417a", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1",
    "64:ff9b::192.0.2.33",
    "1:2:3:4:5:6:1.2.3.4", "0:0:0:0:0:0:0:1", "FE80::ABCD", "1::3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
    "1:0:0:4:0:0:0:8", "1:0:3:4:5:6:7:8",
  ])
  func `IPv6 literals are read and shown as the system does`(text: String) throws {
    let bytes = try #require(IPAddressText.ipv6(text[...]))
    #expect(bytes == systemBytes(text))
    #expect(systemBytes(IPAddressText.ipv6Text(bytes)) == bytes)
  }

  @Test(arguments: [
    "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1::", "1::2:", "12345::", "g::", "::1.2.3",
    "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "+1::", "1:2:3:4:5:6:7:1.2.3.4", "::1%lo",
    " ::1", "1.2.3.4",
  ])
  func `IPv6 literals are refused if the system refuses them`(text: String) {
    #expect(systemBytes(text) == nil)
    #expect(IPAddressText.ipv6(text[...]) == nil)
  }

  @Test(arguments: [
    ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("0:0:0:0:0:0:0:0", "::"), ("1:0:0:4:0:0:0:8", "1:0:0:4::8"),
    ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("01:0:0:0:0:0:0:0", "1::"),
  ])
  func `IPv6 literals are shown in canonical form`(text: String, canonical: String) throws {
    #expect(IPAddressText.ipv6Text(try #require(IPAddressText.ipv6(text[...]))) == canonical)
  }

  private func systemBytes(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
  }
}
