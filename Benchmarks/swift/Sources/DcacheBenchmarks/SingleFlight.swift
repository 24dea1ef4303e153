// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Synchronization

/// Asks for a name.
typealias Backend = @Sendable (Key) async -> File

/// A table that many tasks ask for names; for each name one of them asks the backend.
protocol SingleFlight: Sendable {
  static var name: String { get }

  /// Made for so many names.
  init(room: Int, directories: Int)
  func file(_ key: Key, _ backend: @escaping Backend) async -> File

  /// How many have waited for others, so far.
  var waited: Int { get }
}

/// The cache.
final class CacheFlight: SingleFlight {
  static let name = "dcache"

  private let cache: DentryCache<File>
  private let directories: [SharedDentry<File>]

  init(room: Int, directories count: Int) {
    do {
      let cache = try DentryCache(root: File(0), options: CacheOptions(buckets: room))
      directories = try (0..<count).map { index in
        SharedDentry(
          try cache.root.own("directory\(index)", cache).add(File(index), kind: .directory))
      }
      self.cache = cache
    } catch {
      fail("no cache: \(error)")
    }
  }

  func file(_ key: Key, _ backend: @escaping Backend) async -> File {
    do throws(DcacheError) {
      let entry = try await cache.resolve(
        parent: directories[key.directory].dentry, name: key.name
      ) { _ async throws(DcacheError) in .found(await backend(key), kind: .regular) }
      guard let file = entry.payload else { wrong() }
      return file
    } catch {
      fail("resolve: \(error)")
    }
  }

  var waited: Int { Int(cache.statistics.lookupsWaited) }
}

/// The usual single flight: an actor that keeps a task for each name. All wait in the actor.
final actor ActorFlight: SingleFlight {
  static let name = "actor"

  private var tasks: [Key: Task<File, Never>]
  private let waits = Atomic<Int>(0)

  init(room: Int, directories: Int) { tasks = Dictionary(minimumCapacity: room) }

  func file(_ key: Key, _ backend: @escaping Backend) async -> File {
    if let task = tasks[key] {
      waits.add(1, ordering: .relaxed)
      return await task.value
    }
    let task = Task { await backend(key) }
    tasks[key] = task
    return await task.value
  }

  nonisolated var waited: Int { waits.load(ordering: .relaxed) }
}

/// A better one: the actor only hands out the task, and each waits by itself.
final class OutsideFlight: SingleFlight {
  static let name = "actor-outside"

  private actor Tasks {
    private var tasks: [Key: Task<File, Never>]

    init(room: Int) { tasks = Dictionary(minimumCapacity: room) }

    func task(_ key: Key, _ backend: @escaping Backend) -> (task: Task<File, Never>, isNew: Bool) {
      if let task = tasks[key] { return (task, false) }
      let task = Task { await backend(key) }
      tasks[key] = task
      return (task, true)
    }
  }

  private let tasks: Tasks
  private let waits = Atomic<Int>(0)

  init(room: Int, directories: Int) { tasks = Tasks(room: room) }

  func file(_ key: Key, _ backend: @escaping Backend) async -> File {
    let (task, isNew) = await tasks.task(key, backend)
    if !isNew { waits.add(1, ordering: .relaxed) }
    return await task.value
  }

  var waited: Int { waits.load(ordering: .relaxed) }
}
