/// The version of the host, as `ambit --version` and the `Server` field of responses give it.
public enum AmbitVersion {
  public static let text: StaticString = "0.1.0"
}
