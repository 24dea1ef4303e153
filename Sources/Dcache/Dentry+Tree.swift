// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

extension Dentry {
  /// Visit this entry and all that are cached below it, parents before their children. Calls `d_walk`.
  ///
  ///     try cache.root.walkTree { entry in
  ///       print(entry.path)
  ///       return entry.name == "lost+found" ? .skip : .continue
  ///     }
  ///
  /// No lock is held while `visit` runs, and a visit does not make an entry look used. An entry that stays
  /// in its place, and whose directories do, is visited once; one that is added, removed or moved
  /// meanwhile may not be. Names that are being asked for are not visited.
  ///
  /// - Throws: what `visit` throws, which ends it; ``DcacheError/noMemory``.
  @discardableResult
  public borrowing func walkTree(
    _ visit: (borrowing Dentry) throws(DcacheError) -> TreeVisit
  ) throws(DcacheError) -> TreeWalkEnd {
    let top = raw
    return try Self.run(visit) { call, data in d_walk(top, call, data) }
  }

  /// Visit what is cached of this directory's names. Calls `d_for_each_child`.
  ///
  /// As ``walkTree(_:)`` in everything else; ``TreeVisit/skip`` means ``TreeVisit/continue`` here.
  @discardableResult
  public borrowing func forEachChild(
    _ visit: (borrowing Dentry) throws(DcacheError) -> TreeVisit
  ) throws(DcacheError) -> TreeWalkEnd {
    let directory = raw
    return try Self.run(visit) { call, data in d_for_each_child(directory, call, data) }
  }

  private typealias Call =
    @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> d_walk_ret

  /// Make a walk whose visits are `visit`'s.
  private static func run(
    _ visit: (borrowing Dentry) throws(DcacheError) -> TreeVisit,
    _ walk: (Call, UnsafeMutableRawPointer) -> Int32
  ) throws(DcacheError) -> TreeWalkEnd {
    var failure: DcacheError?
    let status = withoutActuallyEscaping(visit) { visit in
      var visitor = Visitor { raw in
        // Referenced by the walk for the time of the visit.
        do throws(DcacheError) {
          return try lend(raw, to: visit).rawVisit
        } catch {
          failure = error
          return D_WALK_QUIT
        }
      }
      return withUnsafeMutablePointer(to: &visitor) { visitor in
        walk(Visitor.call, visitor)
      }
    }
    if let failure { throw failure }
    try check(status)
    return switch status {
    case 0: .complete
    case 1: .completeButMoved
    default: .quit
    }
  }
}

/// A closure behind the pointer that a walk hands on.
private struct Visitor {
  let visit: (OpaquePointer) -> d_walk_ret

  static let call: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> d_walk_ret = {
    entry, data in
    guard let entry, let data else { return D_WALK_QUIT }
    return data.assumingMemoryBound(to: Visitor.self).pointee.visit(entry)
  }
}
