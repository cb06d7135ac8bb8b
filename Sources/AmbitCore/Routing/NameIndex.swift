/// Finds the child of a node of a tree by its name: one hash table for all nodes, so that a node with one child and a
/// node with ten thousand cost the same. Built once, then only read.
struct NameIndex: Sendable {
  private struct Slot: BitwiseCopyable {
    var parent: UInt32 = 0
    /// 0 if the slot is free.
    var child: UInt32 = 0
    var digest: UInt32 = 0
    var nameOffset: UInt32 = 0
    var nameLength: Int = 0
  }

  /// A name below a node, and the node it leads to, which is not 0.
  struct Entry {
    var parent: UInt32
    var name: [UInt8]
    var child: UInt32
  }

  private var slots: [Slot]
  /// All names, one after the other.
  private var names: [UInt8] = []

  /// An index of entries of which no two have both parent and name in common.
  init(_ entries: [Entry]) {
    var capacity = 8
    while capacity < entries.count * 2 { capacity *= 2 }
    slots = Array(repeating: Slot(), count: capacity)
    for entry in entries { insert(entry) }
  }

  private mutating func insert(_ entry: Entry) {
    let digest = entry.name.withOctets {
      $0.digest(at: 0, count: $0.byteCount, seed: UInt64(entry.parent))
    }
    var index = Int(truncatingIfNeeded: digest) & (slots.count - 1)
    while slots[index].child != 0 { index = (index + 1) & (slots.count - 1) }
    slots[index] = Slot(
      parent: entry.parent, child: entry.child, digest: UInt32(truncatingIfNeeded: digest >> 32),
      nameOffset: UInt32(names.count), nameLength: entry.name.count)
    names.append(contentsOf: entry.name)
  }

  /// The child of `parent` whose name is the given range of `bytes`; 0 if there is none. `probes` is increased by the
  /// number of slots that had to be looked at.
  @inline(__always)
  func child(of parent: UInt32, named bytes: RawSpan, offset: Int, length: Int, probes: inout Int) -> UInt32 {
    let slots = slots.span
    let digest = bytes.digest(at: offset, count: length, seed: UInt64(parent))
    let mark = UInt32(truncatingIfNeeded: digest >> 32)
    var index = Int(truncatingIfNeeded: digest) & (slots.count - 1)
    while true {
      let slot = slots[index]
      probes += 1
      if slot.child == 0 { return 0 }
      if slot.digest == mark, slot.parent == parent, slot.nameLength == length,
        bytes.equals(at: offset, names.span, at: Int(slot.nameOffset), count: length)
      {
        return slot.child
      }
      index = (index + 1) & (slots.count - 1)
    }
  }
}
