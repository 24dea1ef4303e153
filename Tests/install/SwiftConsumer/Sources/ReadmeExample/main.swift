import Dcache

final class File: Sendable {
  let size: Int
  init(size: Int) { self.size = size }
}

let cache = try DentryCache(root: File(size: 0))

// Asked once for each name, however many threads want it.
let apple = try cache.resolve(parent: cache.root, name: "apple") { name throws(DcacheError) in
  name.hasPrefix("a") ? .found(File(size: 42), kind: .regular) : .absent
}
print("apple:", apple.payload.map { "\($0.size) bytes" } ?? "absent")
