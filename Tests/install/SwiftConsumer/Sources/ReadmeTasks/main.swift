import Dcache

final class Page: Sendable {
  let text: String
  init(_ text: String) { self.text = text }
}

struct Server: AsyncDirectoryBackend {
  func lookup(
    _ name: Span<UInt8>, in directory: Page
  ) async throws(DcacheError) -> LookupAnswer<Page> {
    do { try await Task.sleep(for: .milliseconds(20)) } catch { throw .canceled }
    return .found(Page("\(name.count) letters"), kind: .regular)
  }
}

let cache = try DentryCache(root: Page(""), backend: Server())

// A thousand tasks want one page: the server is asked once.
var texts: Set<String> = []
await withTaskGroup { group in
  for _ in 0..<1000 {
    group.addTask {
      let page = try? await cache.resolve(
        parent: cache.root, name: "index", until: .now + .seconds(10))
      return page?.payload?.text
    }
  }
  for await text in group { texts.insert(text ?? "none") }
}
print("index:", texts, "asked:", cache.statistics.lookupsStarted)
