// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct CaseInsensitiveTests {
  @Test(arguments: [
    ("README", "readme"), ("straße", "STRASSE"), ("\u{e9}", "E\u{301}"), ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
  ])
  func equalNames(_ one: String, _ two: String) throws {
    let cache = try makeCache(options: CacheOptions(matching: .caseInsensitive))
    let entry = try cache.own(one, in: cache.root).add(File(), kind: .regular)
    expect(cache.finds(two, in: cache.root, as: entry))
    expect(entry.name.utf8.elementsEqual(one.utf8))
    let seen = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: two) { _ in true }
    }
    expect(seen == true)
  }

  @Test func whatIsNotUTF8IsComparedAsBytes() throws {
    let cache = try makeCache(options: CacheOptions(matching: .caseInsensitive))
    _ = try cache.own([0x41, 0xff], in: cache.root).add(File(), kind: .regular)
    expect(cache.misses([0x61, 0xff], in: cache.root))
  }

  @Test func spellingsShareOneLookup() throws {
    let cache = try makeCache(options: CacheOptions(matching: .caseInsensitive))
    let calls = Counter()
    let entries = concurrently(16) { index in
      Shared(
        try! cache.resolve(parent: cache.root, name: index % 2 == 0 ? "motd" : "MOTD") { name in
          calls.increment()
          cache.waitForWaiters(15)
          return .stored(name: Array("Motd".utf8), File(), kind: .regular)
        })
    }
    expect(calls.value == 1)
    expect(Set(entries).count == 1)
  }

  @Test func aDirectoryMayBeExactInACacheThatIsNot() throws {
    let cache = try makeCache(options: CacheOptions(matching: .caseInsensitive))
    let exact = try cache.resolve(parent: cache.root, name: "exact") { _ in
      .found(File(), kind: .directory, matching: .exact)
    }
    expect(cache.finds("EXACT", in: cache.root, as: exact))
    _ = try cache.own("a", in: exact).addNegative()
    expect(cache.misses("A", in: exact))
  }
}
