internal import AmbitHost
internal import ArgumentParser

struct Routes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the routes that would be served.",
    discussion: """
      Prints a line for each route: its pattern, its plugin or library, the file, and the signature if a C function \
      answers.

        ambit routes
        ambit routes -c prod.conf | grep ^POST
      """)

  @OptionGroup var configuration: ConfigurationOption

  func run() throws {
    do throws(HostError) {
      Terminal.print(try PluginReview(configuration.source).lines.map { "\($0)\n" }.joined())
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
