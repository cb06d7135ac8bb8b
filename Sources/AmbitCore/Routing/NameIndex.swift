/// Finds the child of a node of a tree by its name: one hash table for all nodes, so that a node with one child and a
/// node with ten thousand cost the same. Built once, then only read.
struct NameIndex: Sendable {
  private struct Slot: BitwiseCopyable {
    /// The name as a number if it is short enough, else its digest.
    var key: UInt64 = 0
    var parent: UInt32 = 0
    /// 0 if the slot is free.
    var child: UInt32 = 0
    var nameLength: UInt32 = 0
    var nameOffset: UInt32 = 0
  }

  /// A name below a node, and the child for it, which is not 0.
  struct Entry {
    var parent: UInt32
    var name: [UInt8]
    var child: UInt32
  }

  private var slots: [Slot]
  /// The bytes of all names.
  private var names: [UInt8] = []

  /// Makes an index of entries. No two entries have the same parent and name.
  init(_ entries: [Entry]) {
    var capacity = 8
    while capacity < entries.count * 2 { capacity *= 2 }
    slots = Array(repeating: Slot(), count: capacity)
    for entry in entries { insert(entry) }
  }

  private mutating func insert(_ entry: Entry) {
    let name = entry.name.withOctets { Name($0, offset: 0, length: $0.byteCount, below: entry.parent) }
    var index = name.firstSlot & (slots.count - 1)
    while slots[index].child != 0 { index = (index + 1) & (slots.count - 1) }
    slots[index] = Slot(
      key: name.key, parent: entry.parent, child: entry.child, nameLength: UInt32(entry.name.count),
      nameOffset: UInt32(names.count))
    names.append(contentsOf: entry.name)
  }

  /// The child of `parent` whose name is the given range of `bytes`; 0 if there is none. Adds the number of compared
  /// slots to `probes`.
  @inline(__always)
  func child(of parent: UInt32, named bytes: RawSpan, offset: Int, length: Int, probes: inout Int) -> UInt32 {
    let slots = slots.span
    let name = Name(bytes, offset: offset, length: length, below: parent)
    var index = name.firstSlot & (slots.count &- 1)
    while true {
      let slot = slots[index]
      probes &+= 1
      if slot.child == 0 { return 0 }
      if slot.key == name.key, slot.parent == parent, Int(slot.nameLength) == length,
        length < RawSpan.numberSize || isName(of: slot, bytes, at: offset)
      {
        return slot.child
      }
      index = (index &+ 1) & (slots.count &- 1)
    }
  }

  /// Whether a slot whose key is the digest of a range has the same name. Not inlined, because few names are so long.
  @inline(never)
  private func isName(of slot: Slot, _ bytes: RawSpan, at offset: Int) -> Bool {
    bytes.equals(at: offset, names.span, at: Int(slot.nameOffset), count: Int(slot.nameLength))
  }

  /// The key of a name, and the slot where the search for it begins.
  private struct Name {
    let key: UInt64
    let firstSlot: Int

    @inline(__always)
    init(_ bytes: RawSpan, offset: Int, length: Int, below parent: UInt32) {
      let digest = bytes.digest(at: offset, count: length, seed: UInt64(parent))
      key = length < RawSpan.numberSize ? bytes.number(at: offset, count: length) : digest
      firstSlot = Int(truncatingIfNeeded: digest)
    }
  }
}
