internal import AmbitHost
internal import AmbitSystem
internal import ArgumentParser

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve the plugins of a folder.",
    discussion: """
      Signals: HUP reloads the configuration and the plugins, also under nohup. TERM and INT abort a build, start or \
      reload, let requests finish, then stop the host; a second one stops it at once. USR2 writes all scopes and jobs to \
      the log. USR1 has no effect, because the log is standard error. The exit status is 0 after a stop, 1 if the host \
      cannot start, and 78 if the configuration is invalid; a restart does not help then.

        ambit serve                   # ./host.conf, or the defaults
        ambit serve -c prod.conf
        ambit serve --build           # compile what is out of date first
        ambit serve --checked         # report calls that plugins must not make
      """)

  @OptionGroup var configuration: ConfigurationOption

  @Flag(help: "First build the plugins of the folder, as 'ambit build' does.")
  var build = false

  @Flag(help: "Serve in one process, without workers, for a debugger. A crash of a plugin ends the host.")
  var single = false

  @Flag(help: "Check each call that a plugin makes, and report contract violations. For development.")
  var checked = false

  func run() throws {
    SocketActivation.claim()
    ServiceManager.takeVariables()
    let takeOver = TakeOver.receive()
    do throws(HostError) {
      let source = configuration.source
      let text = if let text = takeOver?.text { text } else { try source.text() }
      let configuration = try text.parse()
      let options = Host.Options(isSingle: single, isChecked: checked)
      var signals: Signals?
      if build, takeOver == nil {
        signals = try PluginBuild.runBeforeServing(source, configuration, options) { Terminal.note($0.prefixed) }
      }
      try Host.serve(source, text, options, signals: signals, takingOver: takeOver) { error in
        takeOver?.fallBack(because: error)
        Terminal.fail(error)
      }
    } catch {
      takeOver?.fallBack(because: error)
      Terminal.fail(error)
    }
  }
}
