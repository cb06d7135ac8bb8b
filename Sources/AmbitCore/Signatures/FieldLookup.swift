/// Finds the values of named parameters in the query and in the fields of the body.
///
/// One pass over the bytes finds all of them. The query is preferred to the body. In a query or form the first field of
/// a name counts, as with `ambit_query`. A JSON object that has a wanted name twice is refused, because JSON parsers
/// differ in which one they take.
public struct FieldLookup: Sendable {
  private struct Name: BitwiseCopyable {
    /// The index of the parameter.
    var parameter: UInt32
    var offset: UInt32
    var length: UInt32
  }

  private var names: [Name] = []
  /// The bytes of all names.
  private var bytes: [UInt8] = []

  /// - Parameter names: the name of each parameter; nil if it is not a field.
  init(_ names: [String?]) {
    for (parameter, name) in names.enumerated() {
      guard let name else { continue }
      self.names.append(
        Name(
          parameter: UInt32(parameter), offset: UInt32(bytes.count), length: UInt32(name.utf8.count)))
      bytes.append(contentsOf: name.utf8)
    }
  }

  /// Whether there are no fields to find.
  public var isEmpty: Bool { names.isEmpty }

  /// Whether a field is still missing, so that the body must be searched.
  public func isMissingAny(of values: Span<FieldValue>) -> Bool {
    for index in names.indices where values[Int(names[index].parameter)].form == .missing { return true }
    return false
  }

  /// Sets the values that a query has. Does not allocate.
  /// - Parameter values: one for each parameter; those of fields are missing at first.
  public func find(inQuery query: RawSpan, _ values: inout MutableSpan<FieldValue>) {
    find(inPairs: query, from: .query, &values)
  }

  /// Sets the values that a form body has and the query has not. Does not allocate.
  public func find(inForm body: RawSpan, _ values: inout MutableSpan<FieldValue>) {
    find(inPairs: body, from: .body, &values)
  }

  /// Sets the values that a JSON object has and the query has not. Does not allocate unless it throws.
  /// - Throws: the first error in the JSON text, also in members that are not wanted.
  public func find(inJSON body: RawSpan, _ values: inout MutableSpan<FieldValue>) throws(JSONError) {
    var cursor = JSONObjectCursor()
    while let member = try cursor.next(in: body) {
      guard let parameter = parameter(where: { member.isNamed($0, in: body) }) else { continue }
      let present = values[parameter]
      if present.form == .missing {
        values[parameter] = member.value
      } else if present.origin == .body {
        throw JSONError(
          offset: member.name.start - 1, expected: "each name once",
          found: "`\(name(of: parameter))` a second time")
      }
    }
  }

  private func find(
    inPairs pairs: RawSpan, from origin: FieldValue.Origin, _ values: inout MutableSpan<FieldValue>
  ) {
    var cursor = QueryCursor()
    while let pair = cursor.next(in: pairs) {
      let found = parameter { formText(pair.name, of: pairs, decodesTo: $0) }
      guard let found, values[found].form == .missing else { continue }
      values[found] = FieldValue(pair.value, form: pair.valueNeedsDecoding ? .formText : .text, origin: origin)
    }
  }

  /// The index of the parameter whose name passes the test.
  private func parameter(where isNamed: (RawSpan) -> Bool) -> Int? {
    bytes.withOctets { bytes in
      // By index, because an unoptimised build would allocate an iterator.
      for index in names.indices {
        let name = names[index]
        let range = Int(name.offset)..<Int(name.offset + name.length)
        if isNamed(bytes.extracting(range)) { return Int(name.parameter) }
      }
      return nil
    }
  }

  private func name(of parameter: Int) -> String {
    guard let name = names.first(where: { $0.parameter == parameter }) else { return "" }
    return String(decoding: bytes[Int(name.offset)..<Int(name.offset + name.length)], as: UTF8.self)
  }
}
