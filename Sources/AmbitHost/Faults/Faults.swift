/// What the supervisor knows of the deaths of its workers. From any thread; nothing waits.
final class Faults: Sendable {
  let log = DeathLog()

  /// Takes note of a death, and tells the operator.
  func note(_ death: Death) { log.tell(of: death) }
}
