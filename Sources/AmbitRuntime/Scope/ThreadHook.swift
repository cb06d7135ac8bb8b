internal import AmbitCore

// Hooks of plugins whose code runs on threads of the pool alone.

extension UnsafeMutablePointer<Scope> {
  /// Whether the plugin's code in this scope runs on threads of the pool and never on a fiber.
  var runsOnThreads: Bool { pointee.generation?.pointee.runsOnThreads ?? false }

  /// Runs `hook` on a thread of the pool, then `completion` on the loop. The scope must be held until then. A crash report
  /// calls it `work`.
  ///
  /// What the hook calls is on no job's account, so a wait in it fails. Without any thread to be had it runs on the
  /// loop's own stack, for it must run.
  func runHookOnThread(_ work: StaticString, _ hook: @escaping () -> Void, then completion: @escaping () -> Void) {
    let loop = pointee.loop
    let guest = loop.takeJob()
    guest.initialize(asGuestOf: self)
    guest.pointee.traits = .isHook
    guest.pointee.state = .onThread
    let ended = {
      loop.recycle(guest)
      completion()
    }
    let post = Unchecked((run: hook, ended: ended))
    let run = ThreadRun(of: guest, then: .call(ended), work: work) { _ in
      post.value.run()
      return Status.ok.rawValue
    }
    if guest.submit(.hook, run.makeWork()) { return }
    loop.pointee.mailbox._withUnsafeGuaranteedRef {
      _ = $0.post { _ in
        post.value.run()
        post.value.ended()
      }
    }
  }

  /// Runs what was deferred on threads, last first and one after the other; the scope, which is held for that, goes on
  /// with closing once nothing is left.
  func runDeferredCallsOnThreads() {
    guard let call = pointee.deferred else { return release() }
    pointee.deferred = call.pointee.earlier
    let (function, argument) = (call.pointee.function, call.pointee.argument)
    runHookOnThread("deferred") {
      function(argument)
    } then: {
      self.runDeferredCallsOnThreads()
    }
  }
}
