public import AmbitSystem
internal import CAmbit
internal import CCrash
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging

/// The line that the process leaves when a fatal signal ends it; `CCrash` writes it.
@safe
public enum CrashReport {
  /// What the line looks like.
  public enum Form: Sendable {
    /// As the log's lines for people.
    case text
    /// As the log's lines for machines.
    case json
    /// For the host that has started this process for a dry run: `dryRunPlace(in:)` reads it.
    case dryRun
  }

  /// Has such an end reported, in the log or, by the process of a dry run, on standard output. Once, before plugins are
  /// loaded; the calling thread gets a signal stack.
  /// - Throws: if the system has no memory for it.
  public static func prepare(_ form: Form) throws(SystemError) {
    ccrash_note_thread(nil)
    cfiber_note_thread_stack()
    try SystemError.check("signal stack", cfiber_install_signal_stack())
    let output = form == .dryRun ? STDOUT_FILENO : LineOutput.standardError.descriptor
    let duplicate = clinux_own(fcntl(output, F_DUPFD_CLOEXEC, STDERR_FILENO + 1))
    var settings = ccrash_settings(
      form: form.value, outputs: (duplicate, output),
      stack_overflowed_at: { address in
        var found = cfiber_guarded_stack()
        return cfiber_find_guard(UnsafeRawPointer(bitPattern: address), &found) ? found.stack_size : 0
      }, layout: layout)
    try SystemError.check("signal handlers for crash reports", ccrash_install(&settings))
  }

  /// Lets the report name the places in libraries that were loaded, and no more those in what was unloaded: after each
  /// of it. Locks the loader.
  public static func noteLibraries() { ccrash_note_images() }

  /// Lets the report name the plugin in whose library `address` lies, also for code that runs outside of all scopes.
  public static func name(libraryAround address: UInt, _ label: String) {
    if address != 0 { ccrash_label_image(address, label) }
  }

  /// Lets the report name memory that is write-protected when somebody writes into it. At most eight.
  static func name(memory: UnsafeRawBufferPointer, _ name: StaticString) {
    guard let start = memory.baseAddress else { return }
    ccrash_name_memory(start, memory.count, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
  }

  /// Runs `body`, which runs code of a plugin that is in no scope yet: the report calls it `work`.
  public static func noting<Result, Failure: Error>(
    _ work: StaticString, of plugin: String, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var result: Swift.Result<Result, Failure>?
    plugin.withCString { plugin in
      ccrash_begin_plain_work(UnsafeRawPointer(work.utf8Start).assumingMemoryBound(to: CChar.self), plugin)
      result = Swift.Result(catching: body)
      ccrash_end_work()
    }
    return try result!.get()
  }

  /// Puts the handlers of the report back where code of `plugin`, which has just run, has replaced them, and says so.
  public static func reclaimSignals(from plugin: String) {
    var rivals = [ccrash_rival](repeating: ccrash_rival(), count: 7)
    let count = ccrash_reclaim_signals(&rivals, Int32(rivals.count))
    for rival in rivals.prefix(Int(count)) { log(rival, plugin) }
  }

  private static func log(_ rival: ccrash_rival, _ plugin: String) {
    let signal = ccrash_signal_name(rival.signal).map { String(cString: $0) } ?? "signal \(rival.signal)"
    let fields: Logger.Metadata = [LogField.plugin: "\(plugin)"]
    guard !rival.is_reset else {
      return Logger(label: "ambit").warning(
        "\(signal) was reset by code of the plugin: the host's crash report is installed again", metadata: fields)
    }
    let library = withUnsafeBytes(of: rival.library) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    Logger(label: "ambit").notice(
      """
      a handler for \(signal) was installed by \(library.isEmpty ? "code in no library" : library): it runs after the \
      host's crash report
      """, metadata: fields)
  }

  /// Where the process of a dry run has crashed, as the end of a sentence, if `line` of its output says so.
  public static func dryRunPlace(in line: String) -> String? {
    let prefix = String(cString: ccrash_dry_run_prefix)
    return line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : nil
  }

  /// Where the handler finds what a thread works on.
  private static var layout: ccrash_layout {
    var layout = ccrash_layout()
    layout.loop_job = offset(of: \Loop.current)
    layout.loop_hook_scope = offset(of: \Loop.hookScope)
    layout.loop_hook_kind = offset(of: \Loop.hookKind)
    layout.job_scope = offset(of: \Job.scope)
    layout.job_cold_state = offset(of: \Job.coldState)
    layout.cold_state_name = offset(of: \JobColdState.name) + offset(of: \OwnedText.bytes)
    layout.scope_id = offset(of: \Scope.id)
    layout.scope_name = offset(of: \Scope.name)
    layout.scope_route = offset(of: \Scope.route)
    layout.scope_generation = offset(of: \Scope.generation)
    layout.scope_handler_job = offset(of: \Scope.handlerJob)
    layout.scope_kind = offset(of: \Scope.kind)
    layout.generation_label = offset(of: \Generation.labelBytes)
    layout.request_kind = unsafeBitCast(Scope.Kind.request, to: UInt8.self)
    layout.plugin_kind = unsafeBitCast(Scope.Kind.plugin, to: UInt8.self)
    withUnsafeMutableBytes(of: &layout.hook_kinds) { names in
      let names = names.bindMemory(to: UnsafePointer<CChar>?.self)
      for kind in WorkName.Kind.allCases {
        let name = kind.rawValue.prefix { $0 != " " }
        names[Int(unsafeBitCast(kind, to: UInt8.self))] = ambit_str.immortalCopy(String(name)).ptr
      }
    }
    return layout
  }

  private static func offset<Record, Field>(of field: KeyPath<Record, Field>) -> UInt32 {
    UInt32(MemoryLayout<Record>.offset(of: field)!)
  }
}

extension CrashReport.Form {
  fileprivate var value: ccrash_form {
    switch self {
    case .text: CCRASH_TEXT
    case .json: CCRASH_JSON
    case .dryRun: CCRASH_DRY_RUN
    }
  }
}
