import AmbitCore

extension ValueForm where Value == RoutePattern {
  static let pattern = ValueForm { value, path, findings in
    guard case .string(let text) = value else {
      findings.append(.mismatch(at: path, expected: #"a pattern such as "GET /cos/{x}""#, found: value))
      return nil
    }
    do throws(RoutePatternError) {
      return try RoutePattern(text)
    } catch {
      findings.append(Finding(path: path, message: "\(path): \(error)"))
      return nil
    }
  }
}

extension ValueForm where Value == CallTarget {
  /// `LIBRARY: RET SYMBOL(TYPE source, ...)`; whether there is such a function is not known here.
  static let call = ValueForm { value, path, findings in
    guard case .string(let text) = value, text.utf8.contains(where: { $0 != UInt8(ascii: " ") }) else {
      let expected = #"a C function such as "libm.so.6: f64 cos(f64 x)""#
      findings.append(.mismatch(at: path, expected: expected, found: value))
      return nil
    }
    do throws(SignatureError) {
      return try CallTarget(parsing: text)
    } catch {
      // The place in the text: a line and a column.
      findings.append(Finding(path: path, message: "\(path):\(error.line):\(error.column): \(error.message)"))
      return nil
    }
  }
}

extension ValueForm where Value == String {
  /// What may be sent as the value of a Content-Type field.
  static let contentType = ValueForm { value throws(Mismatch) in
    guard case .string(let text) = value, MediaType.isValid(text) else {
      throw Mismatch(expected: #"a media type such as "text/csv; charset=utf-8""#)
    }
    return text
  }
}

extension ValueForm where Value == RouteSetting.TimeLimit {
  static var routeTimeout: ValueForm {
    ValueForm { value, path, findings in
      ValueForm<Duration?>.timeLimit(.milliseconds(1)...(.seconds(86_400))).read(value, path, &findings)
        .map { $0.map(RouteSetting.TimeLimit.after) ?? .unlimited }
    }
  }
}
