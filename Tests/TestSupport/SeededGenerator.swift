/// A generator of random numbers that repeats itself for a seed, so that a failure names its input (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  package mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  /// True so often in a hundred times.
  package mutating func chance(_ percent: Int) -> Bool {
    number(1...100) <= percent
  }

  package mutating func element<Elements: Collection>(of elements: Elements) -> Elements.Element {
    elements.randomElement(using: &self)!
  }
}
