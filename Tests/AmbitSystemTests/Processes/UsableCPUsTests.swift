import AmbitSystem
import Testing

@Suite struct `Usable CPUs` {
  @Test(
    arguments: [
      (8, nil, 8), (8, 0.5, 1), (8, 0.001, 1), (8, 1, 1), (8, 1.5, 2), (8, 7.2, 8), (8, 8, 8), (2, 64, 2), (1, 0.1, 1),
    ] as [(Int, Double?, Int)])
  func `The number of usable CPUs is that of the cores, or the quota rounded up`(
    cores: Int, quota: Double?, count: Int
  ) {
    #expect(UsableCPUs(cores: cores, quota: quota).count == count)
  }

  @Test func `A process may use at least one CPU`() {
    #expect(UsableCPUs.current.count >= 1)
  }
}
