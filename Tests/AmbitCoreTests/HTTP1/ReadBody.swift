import AmbitCore

/// What a decoder made of some bytes, in a form that can be compared and printed.
struct ReadBody: Equatable {
  var data: [UInt8] = []
  var consumed = 0
  /// The event that ended the reading; `incomplete` if the bytes did.
  var last = BodyEvent.incomplete
}

extension ReadBody {
  /// Hands over `bytes` in the pieces that end at `cuts`, dropping what was consumed, until the decoder has an answer.
  init(_ bytes: [UInt8], cuts: [Int] = [], decoder: ChunkedDecoder = ChunkedDecoder()) {
    var decoder = decoder
    for cut in cuts + [bytes.count] {
      repeat {
        let step = decoder.next(bytes.span.bytes.extracting(consumed..<cut))
        consumed += step.consumed
        last = step.event
        if case .data(let count) = step.event { data += bytes[consumed - count..<consumed] }
      } while last.isData
      if last != .incomplete { return }
    }
  }

  init(_ text: String, decoder: ChunkedDecoder = ChunkedDecoder()) {
    self.init(Array(text.utf8), decoder: decoder)
  }

  var text: String { String(decoding: data, as: UTF8.self) }
}

extension BodyEvent {
  fileprivate var isData: Bool {
    if case .data = self { true } else { false }
  }
}
