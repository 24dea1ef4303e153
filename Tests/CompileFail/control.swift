// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Must compile: what the other files break is right here.

import Dcache

final class File: Sendable {}

func end(_ cache: DentryCache<File>) throws(DcacheError) -> Dentry<File> {
  switch try cache.allocParallel(parent: cache.root, name: "x") {
  case .found(let entry): return entry
  case .pending(let lookup): return try lookup.add(File(), kind: .regular)
  }
}

func forget(_ cache: DentryCache<File>) throws(DcacheError) {
  if case .pending(let lookup) = try cache.allocParallel(parent: cache.root, name: "x") {
    _ = lookup.name
  }
}

func see(_ cache: DentryCache<File>) -> File? {
  cache.withReadLock { section in
    section.lookup(parent: cache.root, name: "x") { view in view.payload } ?? nil
  }
}

func keep(_ cache: DentryCache<File>) -> Dentry<File>? {
  cache.withReadLock { section in
    section.lookup(parent: cache.root, name: "x") { view in view.dentry() } ?? nil
  }
}

func share(_ entry: consuming Dentry<File>) -> [SharedDentry<File>] {
  let shared = SharedDentry(entry)
  Task { print(shared.dentry.path) }
  return [shared, shared]
}

func remove(_ cache: DentryCache<File>, _ entry: consuming Dentry<File>) throws(DcacheError) {
  let shared = entry.duplicate()
  var entry: Dentry<File>? = consume entry
  try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
    if let entry = entry.take() { try directory.delete(entry) }
  }
  _ = shared.path
}

func ask(_ cache: DentryCache<File>) throws(DcacheError) -> Dentry<File> {
  try cache.resolve(parent: cache.root, name: "x") { _ throws(DcacheError) in
    throw .permissionDenied
  }
}

func hit(_ cache: DentryCache<File>) async -> Bool {
  cache.lookup(parent: cache.root, name: "x")?.isPositive ?? false
}

struct Store: DirectoryBackend {
  func lookup(_ name: Span<UInt8>, in directory: File) throws(DcacheError) -> LookupAnswer<File> {
    let isLong = name.count > 3
    return .numbered(7) { () in (File(), isLong ? .regular : .directory) }
  }
}

func walk(_ cache: DentryCache<File>) throws(DcacheError) -> Bool {
  let seen = try cache.withReadLock { section throws(DcacheError) in
    try section.walk("usr/lib", root: cache.root) { view in view.isDirectory }
  }
  if let seen { return seen }
  return try cache.walk("usr/lib", options: .noFollow).isDirectory
}

func visit(_ cache: DentryCache<File>) throws(DcacheError) -> [SharedDentry<File>] {
  var kept: [SharedDentry<File>] = []
  try cache.root.walkTree { entry in
    kept.append(SharedDentry(entry.duplicate()))
    return .continue
  }
  return kept
}

func list(_ cache: DentryCache<File>) throws(DcacheError) -> Bool {
  try cache.list(cache.root) { listing throws(DcacheError) in
    try listing.add(name: "x", File(), kind: .regular)
  }
}

func rename(_ cache: DentryCache<File>, _ entry: borrowing Dentry<File>) throws(DcacheError) {
  try cache.withDirectoryLocks(cache.root, cache.root) { _, there throws(DcacheError) in
    try cache.move(entry, onto: try there.addNegative(name: "y"))
  }
}

func reconnect(_ cache: DentryCache<File>, _ entry: borrowing Dentry<File>) throws(DcacheError) {
  try cache.reconnect(entry) { child in child.duplicate() } name: { _, _ in [0x78] }
}
