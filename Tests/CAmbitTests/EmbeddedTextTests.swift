import CAmbit
import Foundation
import TestSupport
import Testing

@Suite struct `The embedded text` {
  @Test func `The embedded text is ambit.h byte for byte, with a NUL behind it`() throws {
    let file = try Data(contentsOf: Places.headers.appending(path: "ambit.h"))
    let embedded = Data(bytes: cambit_header_text, count: cambit_header_text_length)
    #expect(embedded == file)
    #expect(cambit_header_text[cambit_header_text_length] == 0)
  }
}
