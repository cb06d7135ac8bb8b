internal import AmbitHost
internal import ArgumentParser

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration and all plugins, without serving.",
    discussion: """
      Reads the configuration and rehearses every plugin as 'ambit serve' would: a child process loads, starts and stops \
      it. Reports all errors. The exit status is 0 if there are none, 1 otherwise.

        ambit check -c host.conf && kill -HUP PID
      """)

  @OptionGroup var configuration: ConfigurationOption

  func run() throws {
    do throws(HostFailure) {
      let source = configuration.source
      let review = try PluginReview(source)
      for notice in review.notices { Terminal.note("ambit: \(notice)") }
      print("\(source.name): ok, \(review.summary)")
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
