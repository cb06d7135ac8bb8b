/// Checks of what the host is told to send as the value of a Content-Type field.
public enum MediaType {
  /// Whether the text is a type and a subtype, and maybe parameters, which are only checked for what would end the field:
  /// `text/csv; charset=utf-8` (RFC 9110, section 8.3.1).
  public static func isValid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.withOctets(FieldSyntax.isValue), let last = bytes.last, !isBlank(last) else { return false }
    let essence = bytes.prefix { $0 != UInt8(ascii: ";") && !isBlank($0) }
    let names = essence.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard names.count == 2, names.allSatisfy(isToken) else { return false }
    return [nil, UInt8(ascii: ";")].contains(bytes[essence.endIndex...].drop(while: isBlank).first)
  }

  private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy(ByteClass.token.contains)
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}
