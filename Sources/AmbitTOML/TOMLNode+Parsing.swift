internal import AmbitCore

extension TOMLNode {
  /// Reads a TOML text; the result is the table of the whole text. Needs memory for a few times the text.
  /// - Throws: the first fault of the text.
  package static func parse(_ text: String) throws(TOMLFault) -> TOMLNode {
    let document = ParsedDocument(text)
    if let fault = document.fault { throw fault }
    return document.root
  }
}
