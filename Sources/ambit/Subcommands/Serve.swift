internal import AmbitHost
internal import AmbitSystem
internal import ArgumentParser

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve the plugins of a folder.",
    discussion: """
      Signals: HUP reads the configuration and the folder again; TERM and INT give up a start or reload, let requests \
      finish, then stop, and a second one stops at once; USR2 writes all scopes and jobs to the log. The log is \
      standard error: USR1, which others take for an order to reopen it, changes nothing. The exit status is 0 after a \
      stop, 78 if the configuration is invalid, so that trying again is no use, and 1 if the host cannot start else.

        ambit serve                   # ./host.conf, or the defaults
        ambit serve -c prod.conf
        ambit serve --build           # compile what is out of date first
        ambit serve --checked         # report calls that plugins must not make
      """)

  @OptionGroup var configuration: ConfigurationOption

  @Flag(help: "Build the plugins of the folder first, as 'ambit build' does.")
  var build = false

  @Flag(help: "Check each call that a plugin makes, and report those it must not make; for trying plugins.")
  var checked = false

  func run() throws {
    do throws(HostError) {
      let source = configuration.source
      let configuration = try source.read()
      if build { for line in try PluginBuild.run(for: source, configuration) { Terminal.note(line) } }
      let host = try Host(source, configuration, isChecked: checked)
      Terminal.exit(host.run())
    } catch {
      Terminal.fail(error)
    }
  }
}
