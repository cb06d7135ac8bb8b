/// The version of the host, as in `ambit --version` and in the `Server` field of responses.
public enum AmbitVersion {
  public static let text: StaticString = "0.1.0"
}
