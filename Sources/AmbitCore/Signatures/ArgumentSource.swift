/// Where the value of a parameter comes from.
public enum ArgumentSource: Sendable, Hashable {
  /// From the request, by its name: the path parameters, then the query, then the fields of the body. For a job or a
  /// callback the name only documents what the caller passes.
  case named(String)
  /// Always the same value, which fits the parameter's type.
  case constant(ConstantArgument)
  /// The whole body of the request.
  case body
  /// How many bytes the parameter of that name has, a text's NUL not counted.
  case length(of: String)
  /// How many bytes the body has.
  case lengthOfBody
  /// The scope that the call is made in.
  case scope
  /// The address of a zeroed variable of that type, whose value is reported under that name.
  case out(CType, String)
  /// The address of so many zeroed bytes, which are reported under that name as text up to the first NUL.
  case buffer(Int, String)
}

/// A value that a signature spells out.
public enum ConstantArgument: Sendable, Hashable {
  /// A number or boolean as its bits in memory, the lowest byte first; those above the type's width are zero.
  case scalar(UInt64)
  /// Text for `str` or `bytes`, without a NUL.
  case text(String)
  /// The null pointer.
  case null
}
