public import AmbitSystem
internal import CAmbit
internal import CCrash
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging

/// The line that the process writes when a fatal signal ends it. `CCrash` writes it.
@safe
public enum CrashReport {
  /// The format of the line.
  public enum Form: Sendable {
    /// The log's text format.
    case text
    /// The log's JSON format.
    case json
    /// For the host that has started this process for a dry run, which reads it with `dryRunPlace(in:)`.
    case dryRun
  }

  /// Installs the signal handlers that write the report: to the log or, in the process of a dry run, to standard
  /// output. To be called once, before plugins are loaded; the calling thread gets a signal stack.
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
      }, layout: layout, request_prefix: ambit_str.immortalCopy(RequestID.prefix + "-").ptr)
    try SystemError.check("signal handlers for crash reports", ccrash_install(&settings))
  }

  /// Updates the list of libraries whose functions the report can name. To be called after libraries were loaded or
  /// unloaded. Locks the loader.
  public static func noteLibraries() { ccrash_note_images() }

  /// Whether a thread of this process has crashed and writes its report, so that the process is about to end.
  public static var isUnderway: Bool { ccrash_is_reporting() }

  /// Lets the report name the plugin in whose library `address` lies, even for code that runs outside of all scopes.
  public static func name(libraryAround address: UInt, _ label: String) {
    if address != 0 { ccrash_label_image(address, label) }
  }

  /// The same for a library that the plugin brings along. It is blamed on the plugin if no code of a plugin itself is on
  /// the stack, and if no plugin of another name brings the library along.
  public static func name(broughtLibraryAround address: UInt, _ label: String) {
    if address != 0 { ccrash_label_library(address, label) }
  }

  /// The label that `name` gave the library in which an address lies; nil if it has none.
  static func label(of address: UInt) -> String? { ccrash_label_around(address).map { String(cString: $0) } }

  /// Lets the report name read-only memory when a plugin writes into it. For at most eight pieces of memory.
  static func name(memory: UnsafeRawBufferPointer, _ name: StaticString) {
    guard let start = memory.baseAddress else { return }
    ccrash_name_memory(start, memory.count, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
  }

  /// Runs `body`, which runs plugin code outside of all scopes; the report calls that code `work`.
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

  /// If `line` of the output of a dry run's process reports a crash: the place, as the end of a sentence.
  public static func dryRunPlace(in line: String) -> String? {
    let prefix = String(cString: ccrash_dry_run_prefix)
    return line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : nil
  }

  /// The offsets at which the signal handler finds what a thread works on.
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
    layout.scope_label = offset(of: \Scope.label)
    layout.scope_generation = offset(of: \Scope.generation)
    layout.scope_handler_job = offset(of: \Scope.handlerJob)
    layout.scope_request = offset(of: \Scope.requestScope)
    layout.scope_kind = offset(of: \Scope.kind)
    layout.scope_mark = offset(of: \Scope.mark)
    layout.generation_label = offset(of: \Generation.labelBytes)
    layout.request_kind = unsafeBitCast(Scope.Kind.request, to: UInt8.self)
    layout.plugin_kind = unsafeBitCast(Scope.Kind.plugin, to: UInt8.self)
    withUnsafeMutableBytes(of: &layout.hook_kinds) { names in
      let names = names.bindMemory(to: UnsafePointer<CChar>?.self)
      for kind in WorkLabel.Kind.allCases {
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
