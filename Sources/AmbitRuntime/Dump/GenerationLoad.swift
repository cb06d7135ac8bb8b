/// What of a plugin's generation is in flight on one loop.
public struct GenerationLoad: Sendable, Equatable {
  /// Requests whose scope has not closed.
  public private(set) var requests = 0
  /// Jobs of the plugin's scope and of all scopes below that have not ended; handlers are not among them.
  public private(set) var jobs = 0
  /// What keeps the generation, a few words each, up to a limit: requests, and jobs of the plugin's own scope.
  public private(set) var holders: [String] = []

  /// Nothing.
  public init() {}

  /// Looks at the plugin's scope and all below it, and names at most `limit` holders. On the scope's loop.
  init(of shard: ScopePointer, limit: Int = 16) {
    requests = Int(shard.pointee.requestCount)
    if let call = shard.pointee.handlerJob { holders.append("\(String(bytes: call.pointee.name)) of the plugin") }
    shard.jobsLink.forEach { link in
      guard holders.count < limit else { return }
      let name = String(bytes: JobPointer.of(sibling: link).pointee.name)
      holders.append(name.isEmpty ? "job of the plugin" : "job \(name) of the plugin")
    }
    shard.childrenLink.forEach { link in
      let scope = ScopePointer.of(sibling: link)
      guard holders.count < limit, scope.pointee.kind == .request else { return }
      holders.append("request \(String(bytes: scope.pointee.route)), scope \(scope.pointee.id)")
    }
    count(shard)
  }

  public static func + (one: GenerationLoad, other: GenerationLoad) -> GenerationLoad {
    var sum = one
    sum.requests += other.requests
    sum.jobs += other.jobs
    sum.holders += other.holders
    return sum
  }

  private mutating func count(_ scope: ScopePointer) {
    jobs += Int(scope.pointee.jobCount)
    var link = scope.childrenLink.pointee.next
    while link != scope.childrenLink {
      count(.of(sibling: link))
      link = link.pointee.next
    }
  }
}
