internal import AmbitHost
internal import ArgumentParser

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration, all plugins and libraries, without serving.",
    discussion: """
      Reads the configuration, and makes a dry run of every plugin and library as 'ambit serve' would: a child process \
      loads, starts and stops each plugin, and looks up the functions of each library. Checks the folders and sockets \
      that a host needs, but does not listen. Reports all errors of the configuration; if there are none, all others. The exit status is 0 if there are no \
      errors, 78 if the configuration is invalid, 1 otherwise.

        ambit check -c host.conf && kill -HUP PID
      """)

  @OptionGroup var configuration: ConfigurationOption

  func run() throws {
    do throws(HostError) {
      let source = configuration.source
      let review = try PluginReview(source, isOfStart: true)
      for notice in review.notices { Terminal.note("notice: \(notice)") }
      Terminal.print("\(source.name.forTerminal): ok, \(review.summary)\n")
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
