internal import AmbitCore
internal import AmbitSystem
internal import CLinux
internal import Glibc
internal import Logging

// Waits for descriptors of plugins.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `descriptor` is ready for something in `interest`; returns for what.
  ///
  /// The descriptor is registered only during the wait. A descriptor that is always ready for poll(2), such as that of
  /// a regular file, is ready at once. Returns `.invalid` if the descriptor is not open or cannot be waited for,
  /// `.limit` or `.noMemory` if the system refuses one more registration.
  func wait(for descriptor: Int32, _ interest: Readiness, in scope: ScopePointer, timeout: Int64)
    -> (Status, Readiness)
  {
    if isCancelled(in: scope) { return (.cancelled, []) }
    if timeout == 0 { return interest.poll(descriptor) }
    let loop = pointee.loop
    let wait = loop.takeDescriptorWait(of: self)
    let registered: Int32
    do throws(SystemError) {
      registered = try loop.register(descriptor, wait, for: interest)
    } catch {
      loop.giveBack(wait)
      return error.code == EPERM ? interest.poll(descriptor) : (Status(of: error), [])
    }
    let status = suspend(for: .descriptor, in: scope, timeout: timeout)
    let ready = wait.pointee.ready
    end(wait, registered: registered, named: descriptor)
    return status == .ok ? (status, ready) : (status, [])
  }

  /// Removes the registration. If that fails, because the plugin has closed the descriptor, the record is leaked: a
  /// duplicate of the descriptor may keep the registration alive.
  private func end(_ wait: DescriptorWaitPointer, registered: Int32, named descriptor: Int32) {
    let loop = pointee.loop
    if loop.unwatch(registered) {
      loop.giveBack(wait)
    } else {
      wait.pointee.job = nil
      PluginLog.write(
        .error, pointee.scope, job: self, isFault: true,
        "descriptor \(descriptor) was closed while a job waited for it; it must stay open until ambit_wait_fd returns")
    }
    if registered != descriptor { clinux_close(registered) }
  }
}

extension UnsafeMutablePointer<Loop> {
  /// Registers `descriptor`, or a duplicate of it if another job waits for it already. Returns the registered
  /// descriptor; the caller closes a duplicate.
  fileprivate func register(_ descriptor: Int32, _ wait: DescriptorWaitPointer, for interest: Readiness)
    throws(SystemError) -> Int32
  {
    let watch = wait.pointer(to: \.watch)!
    let events = interest.systemEvents | IOEvents.once
    do throws(SystemError) {
      try self.watch(descriptor, watch, for: events)
      return descriptor
    } catch {
      guard error.code == EEXIST else { throw error }
    }
    let duplicate = try SystemError.check("dup", clinux_duplicate(descriptor))
    do throws(SystemError) {
      try self.watch(duplicate, watch, for: events)
    } catch {
      clinux_close(duplicate)
      throw error
    }
    return duplicate
  }
}

extension Status {
  /// The status for a plugin whose descriptor cannot be registered.
  fileprivate init(of error: SystemError) {
    switch error.code {
    case EMFILE, ENOSPC: self = .limit
    case ENOMEM: self = .noMemory
    default: self = .invalid(because: "\(error)")
    }
  }
}

/// The registration of one wait of a job for a descriptor.
///
/// Records belong to the loop and are never freed. A plugin that closes the descriptor during the wait can leave a
/// registration behind that cannot be removed; an event of it must find a record, and not a stack.
struct DescriptorWait {
  /// The registration. At offset 0.
  var watch: IOWatch
  /// The job that waits; nil while the record is not in use.
  var job: JobPointer?
  /// The readiness that was reported; empty before.
  var ready: Readiness = []
  /// In the loop's list of free records while it is not in use.
  var free: Link
  /// The turn in which it was freed. An event of that turn may still point at it.
  var freedInTurn: UInt64 = 0

  init(at address: DescriptorWaitPointer, job: JobPointer) {
    self.job = job
    free = Link(alone: address.freeLink)
    watch = IOWatch { watch, events in
      let wait = UnsafeMutableRawPointer(watch).assumingMemoryBound(to: DescriptorWait.self)
      guard let job = wait.pointee.job else { return }
      wait.pointee.ready = Readiness(systemEvents: events)
      job.wake(.ok)
    }
  }
}

typealias DescriptorWaitPointer = UnsafeMutablePointer<DescriptorWait>

extension UnsafeMutablePointer<DescriptorWait> {
  fileprivate var freeLink: LinkPointer { pointer(to: \.free)! }

  /// The record whose field `free` is the node.
  fileprivate static func of(free link: LinkPointer) -> DescriptorWaitPointer {
    link.record(DescriptorWait.self, at: MemoryLayout<DescriptorWait>.offset(of: \.free)!)
  }
}

extension UnsafeMutablePointer<Loop> {
  private var freeLink: LinkPointer { pointer(to: \.freeDescriptorWaits)! }

  /// A record for a wait of `job`.
  func takeDescriptorWait(of job: JobPointer) -> DescriptorWaitPointer {
    let wait = takeFreeDescriptorWait() ?? .allocate(capacity: 1)
    wait.initialize(to: DescriptorWait(at: wait, job: job))
    return wait
  }

  /// The record that was freed first, unless events of this turn may still point at it.
  private func takeFreeDescriptorWait() -> DescriptorWaitPointer? {
    guard !freeLink.isAlone else { return nil }
    let wait = DescriptorWaitPointer.of(free: freeLink.pointee.next)
    guard wait.pointee.freedInTurn != pointee.turn else { return nil }
    wait.freeLink.remove()
    return wait
  }

  /// Takes back a record that is not registered any more.
  func giveBack(_ wait: DescriptorWaitPointer) {
    wait.pointee.job = nil
    wait.pointee.freedInTurn = pointee.turn
    freeLink.append(wait.freeLink)
  }
}

/// The readiness of a descriptor, in the bits of `ambit_wait_fd`.
struct Readiness: OptionSet {
  let rawValue: UInt32

  /// A read would not block: there are bytes, the end of the stream, an error, or a connection to accept.
  static var readable: Readiness { Readiness(rawValue: 1) }
  /// A write would not block.
  static var writable: Readiness { Readiness(rawValue: 2) }
  /// The peer is gone, or there is an error; also, if the plugin asked for it, the peer has stopped sending.
  static var hangup: Readiness { Readiness(rawValue: 4) }

  /// The same in the bits of poll(2) and epoll_ctl(2), which agree.
  var systemEvents: UInt32 {
    (contains(.readable) ? IOEvents.readable : 0) | (contains(.writable) ? IOEvents.writable : 0)
      | (contains(.hangup) ? IOEvents.hangup : 0)
  }
}

extension Readiness {
  /// From the events that poll(2) or `epoll_wait` reported.
  init(systemEvents events: UInt32) {
    self = []
    if events & IOEvents.readable != 0 { insert(.readable) }
    if events & IOEvents.writable != 0 { insert(.writable) }
    if events & IOEvents.hangup != 0 { insert(.hangup) }
  }

  /// Asks the kernel for which of these `descriptor` is ready now. Returns `.timedOut` if for none, `.invalid` if the
  /// descriptor is not open.
  func poll(_ descriptor: Int32) -> (Status, Readiness) {
    var request = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: systemEvents), revents: 0)
    while Glibc.poll(&request, 1, 0) < 0 {
      guard errno == EINTR else { return (.noMemory, []) }
    }
    let events = UInt32(UInt16(bitPattern: request.revents))
    if events & UInt32(POLLNVAL) != 0 { return (.invalid(because: "fd \(descriptor) is not open"), []) }
    let ready = Readiness(systemEvents: events)
    return (ready.isEmpty ? .timedOut : .ok, ready)
  }
}
