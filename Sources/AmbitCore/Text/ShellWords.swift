/// A quote in a text of words that is never closed.
package struct UnclosedQuoteError: Error, Equatable, CustomStringConvertible {
  /// `'` or `"`.
  package let quote: Unicode.Scalar
  /// The place of the quote, counted from 1.
  package let column: Int

  package var description: String { "expected a closing \(quote), found the end; the quote opens at column \(column)" }
}

extension String {
  /// The words of the text as a shell splits a command line, without any expansion: blanks separate words; `'...'`
  /// keeps all characters; `"..."` keeps all but a backslash before `"`, `\`, `$` and `` ` ``; outside of quotes a
  /// backslash keeps the character behind it. A backslash before the end of a line joins the lines.
  package func shellWords() throws(UnclosedQuoteError) -> [String] {
    var splitter = ShellSplitter(self)
    return try splitter.words()
  }
}

private struct ShellSplitter {
  private let scalars: [Unicode.Scalar]
  private var place = 0
  /// nil between words: quotes without content are a word, too.
  private var word: String.UnicodeScalarView?

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func words() throws(UnclosedQuoteError) -> [String] {
    var words: [String] = []
    while let scalar = next() {
      switch scalar {
      case " ", "\t", "\n", "\r":
        if let word { words.append(String(word)) }
        word = nil
      case "'", "\"": try takeQuoted(by: scalar)
      case "\\": takeEscaped { _ in true }
      default: add(scalar)
      }
    }
    if let word { words.append(String(word)) }
    return words
  }

  private mutating func takeQuoted(by quote: Unicode.Scalar) throws(UnclosedQuoteError) {
    let start = place
    word = word ?? .init()
    while let scalar = next() {
      switch scalar {
      case quote: return
      case "\\" where quote == "\"": takeEscaped { ["\"", "\\", "$", "`"].contains($0) }
      default: add(scalar)
      }
    }
    throw UnclosedQuoteError(quote: quote, column: start)
  }

  /// Takes what stands behind a backslash, which is kept itself if it escapes nothing.
  private mutating func takeEscaped(_ isEscaped: (Unicode.Scalar) -> Bool) {
    guard let scalar = next() else { return add("\\") }
    guard scalar != "\n" else { return }
    if !isEscaped(scalar) { add("\\") }
    add(scalar)
  }

  private mutating func next() -> Unicode.Scalar? {
    guard place < scalars.count else { return nil }
    defer { place += 1 }
    return scalars[place]
  }

  private mutating func add(_ scalar: Unicode.Scalar) { word = (word ?? .init()) + [scalar] }
}
