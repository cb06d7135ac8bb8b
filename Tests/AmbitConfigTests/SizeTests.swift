import Testing

@testable import AmbitConfig

@Suite struct `Sizes` {
  @Test(arguments: [
    ("0B", 0), ("512B", 512), ("64KiB", 65_536), ("8MiB", 8_388_608), ("1GiB", 1_073_741_824),
    ("2TiB", 2_199_023_255_552),
  ])
  func `A size is an amount with a binary unit`(text: String, bytes: Int) {
    #expect(SizeText.bytes(in: text) == bytes)
    #expect(SizeText.text(for: bytes) == text)
  }

  @Test(arguments: ["", "8", "MiB", "8 MiB", "8MB", "8mib", "8M", "8k", "1.5MiB", "-1B", "+1B", "8MiBs", "1MiB1KiB"])
  func `A text that is no size is refused`(text: String) {
    #expect(SizeText.bytes(in: text) == nil)
  }

  @Test(arguments: ["99999999999999999999B", "9223372036854775807KiB", "8388608TiB"])
  func `A size stops at the largest integer instead of overflowing`(text: String) {
    #expect(SizeText.bytes(in: text) == .max)
  }

  @Test func `A size is shown in the largest unit that is exact`() {
    #expect(SizeText.text(for: 1536) == "1536B")
    #expect(SizeText.text(for: 1 << 20) == "1MiB")
    #expect(SizeText.text(for: 3 << 19) == "1536KiB")
  }

  @Test(arguments: [
    ("8MB", "8MiB"), ("8mb", "8MiB"), ("8M", "8MiB"), ("8mib", "8MiB"), ("64k", "64KiB"), ("64KB", "64KiB"),
    ("1g", "1GiB"), ("512b", "512B"),
  ])
  func `An error of a size suggests the binary unit for a decimal or shortened one`(text: String, meant: String) {
    #expect(SizeText.hint(for: text) == "did you mean \"\(meant)\"?")
  }

  @Test(arguments: ["8 megs", "8 MB", "8megs", "eight", "", "MB"])
  func `An error of a size suggests nothing for a text that is no size at all`(text: String) {
    #expect(SizeText.hint(for: text) == nil)
  }
}
