internal import AmbitCore
internal import AmbitSystem
internal import CLinux
internal import Glibc
internal import Logging

// Waiting for descriptors of plugins.

extension UnsafeMutablePointer<Job> {
  /// Waits, as the running job, until `descriptor` is ready for something of `interest`, and tells for what.
  ///
  /// Nothing stays registered. What poll(2) takes for always ready, such as a regular file, is ready at once. `.invalid`
  /// if the descriptor is not open or cannot be waited for, `.limit` or `.noMemory` if the system refuses one more.
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
      return error.code == EPERM ? interest.poll(descriptor) : (Status(refusal: error), [])
    }
    let status = suspend(for: .descriptor, in: scope, timeout: timeout)
    let ready = wait.pointee.ready
    end(wait, registered: registered, named: descriptor)
    return status == .ok ? (status, ready) : (status, [])
  }

  /// Takes the registration back. If that cannot be, because the plugin has closed the descriptor, the record is given
  /// up: a duplicate of the descriptor may keep its registration alive.
  private func end(_ wait: DescriptorWaitPointer, registered: Int32, named descriptor: Int32) {
    let loop = pointee.loop
    if loop.unwatch(registered) {
      loop.giveBack(wait)
    } else {
      wait.pointee.job = nil
      PluginLog.write(
        .error, pointee.scope, job: self, isFault: true,
        "descriptor \(descriptor) was closed while a job waited for it: it must stay open until ambit_wait_fd returns")
    }
    if registered != descriptor { clinux_close(registered) }
  }
}

extension UnsafeMutablePointer<Loop> {
  /// Registers `descriptor`, or a duplicate of it if another job waits for it already; returns which. A duplicate is the
  /// caller's to close.
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
  /// What a plugin is told when its descriptor cannot be registered.
  fileprivate init(refusal error: SystemError) {
    switch error.code {
    case EMFILE, ENOSPC: self = .limit
    case ENOMEM: self = .noMemory
    default: self = .invalid
    }
  }
}
