internal import CCrash

/// What a worker has noted before its end, as values. Code of a plugin may have written any of it.
public struct FlightRecord: Sendable {
  /// What a thread has run.
  public struct Running: Sendable {
    /// As in the field `work` of log lines.
    public let work: String
    /// The label of the generation.
    public let plugin: String
    /// What the scope serves; empty outside a request.
    public let label: String
    /// 0 outside of all scopes.
    public let scope: UInt64
    /// The identifier of the request; nil outside a request, or if the scope is not the request's own.
    public let request: String?
    /// "loop 0".
    public let thread: String
  }

  public struct Frame: Codable, Sendable {
    public let address: UInt64
    /// In the file of the module, as addr2line(1) takes it.
    public let offset: UInt64
    /// The index of the module; nil if the address lies in none.
    public let module: Int?
  }

  public struct Module: Codable, Sendable {
    public let path: String
    /// The label of the plugin; empty if the module belongs to none.
    public let plugin: String
    /// In hexadecimal digits; empty if it has none.
    public let buildID: String
  }

  /// What has ended the process.
  public struct End: Sendable {
    public enum Kind: Sendable {
      case signal(Int32)
      /// exit(3) and the like, with the status.
      case exit(Int32)
      /// The host's own decision, with the status.
      case host(Int32)
      /// An event loop hangs: the supervisor decides what becomes of the process.
      case hang
    }

    public let kind: Kind
    /// "SIGSEGV at 0x0 in boom+0x4 (crashy.1.3f9c.so)".
    public let message: String
    /// The label of the plugin to blame; nil if none is.
    public let culprit: String?
    /// `si_code` and the address of a fault: sigaction(2).
    public let code: Int32
    public let address: UInt64
    /// The number of the thread.
    public let thread: Int32
    /// The work of the thread. Texts are empty if there is none.
    public let plugin: String
    public let label: String
    public let job: String
    public let work: String
    /// The identifier of the request; nil outside a request.
    public let request: String?
    /// The number of the scope, with its name; nil for the request's own, and outside of all scopes.
    public let scope: String?
    /// The stack as log lines show it.
    public let stack: String
    /// The stack may show calls that have returned: the thread waits in a system call, and was not interrupted.
    public let isStackGuess: Bool
    public let frames: [Frame]
    /// The address of the first frame is that behind a call, as those of all others are, and not that of a fault.
    public let beginsWithCall: Bool
    public let modules: [Module]
    public let registers: [(name: String, value: UInt64)]
    /// Bytes of earlier log lines that the reader of the log has not taken.
    public let lostLog: Int
  }

  /// Nil if the process has ended without notice.
  public let end: End?
  public let running: [Running]
}

extension FlightRecord {
  init(_ snapshot: OpaquePointer) {
    let prefix = String(cString: ccrash_snapshot_request_prefix(snapshot))
    end = End(snapshot, requestPrefix: prefix)
    running = (0..<ccrash_snapshot_running_count(snapshot)).map { index in
      Running(ccrash_snapshot_running(snapshot, index), requestPrefix: prefix)
    }
  }
}

extension FlightRecord.Running {
  init(_ running: ccrash_running, requestPrefix: String) {
    work = String(cString: ccrash_kind_name(running.kind))
    plugin = String(cString: running.plugin)
    label = String(cString: running.label)
    scope = running.scope
    request = label.isEmpty || running.is_child ? nil : "\(requestPrefix)\(running.scope)"
    thread = running.loop < 0 ? "thread \(running.thread)" : "loop \(running.loop)"
  }
}

extension FlightRecord.End {
  init?(_ snapshot: OpaquePointer, requestPrefix: String) {
    guard let death = ccrash_snapshot_death(snapshot)?.pointee else { return nil }
    kind =
      switch death.end {
      case CCRASH_BY_SIGNAL: .signal(death.signal)
      case CCRASH_BY_EXIT: .exit(death.status)
      default: .host(death.status)
      }
    message = String(cString: death.message)
    let culprit = String(cString: death.culprit)
    self.culprit = culprit.isEmpty ? nil : culprit
    (code, address, thread) = (death.code, death.address, death.thread)
    plugin = String(cString: death.plugin)
    label = String(cString: death.label)
    job = String(cString: death.job)
    work = String(cString: death.work)
    request = death.has_request ? "\(requestPrefix)\(death.request)" : nil
    let name = String(cString: death.scope_name)
    let isOwn = death.has_request && death.request == death.scope
    scope = !death.has_scope || isOwn ? nil : name.isEmpty ? "\(death.scope)" : "\(death.scope) \(name)"
    (stack, isStackGuess) = (String(cString: death.stack), false)
    frames = (0..<death.frame_count).map { (index: UInt32) in
      let place = ccrash_snapshot_frame(snapshot, index)
      return FlightRecord.Frame(
        address: place.address, offset: place.offset, module: place.module < 0 ? nil : Int(place.module))
    }
    beginsWithCall = death.begins_with_call
    modules = (0..<death.module_count).map { FlightRecord.Module(ccrash_snapshot_module(snapshot, $0)) }
    registers = (0..<death.register_count).compactMap { (index: UInt32) in
      ccrash_register_name(index).map { (String(cString: $0), ccrash_snapshot_register(snapshot, index)) }
    }
    lostLog = Int(clamping: death.lost_log)
  }
}

extension FlightRecord.Module {
  init(_ module: ccrash_module_text) {
    path = String(cString: module.path)
    plugin = String(cString: module.plugin)
    let bytes = UnsafeBufferPointer(start: module.build_id, count: module.build_id_size)
    buildID = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
