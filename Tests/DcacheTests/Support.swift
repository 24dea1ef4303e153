// SPDX-License-Identifier: LGPL-2.1-or-later

@_spi(CInterop) import Dcache
import Glibc
import Synchronization
import Testing

/// Counts the payloads that are alive.
final class Census: Sendable {
  private let alive = Atomic<Int>(0)
  private let everBorn = Atomic<Int>(0)

  var population: Int { alive.load(ordering: .acquiring) }
  var births: Int { everBorn.load(ordering: .acquiring) }

  fileprivate func born() {
    everBorn.add(1, ordering: .relaxed)
    alive.add(1, ordering: .relaxed)
  }

  fileprivate func died() {
    let (before, _) = alive.subtract(1, ordering: .acquiringAndReleasing)
    precondition(before > 0, "a payload was released twice")
  }
}

/// The payload of these tests.
final class File: Sendable {
  let label: String
  private let census: Census?

  init(_ label: String = "", _ census: Census? = nil) {
    self.label = label
    self.census = census
    census?.born()
  }

  deinit {
    census?.died()
  }
}

typealias Cache = DentryCache<File>
typealias Entry = Dentry<File>
typealias Shared = SharedDentry<File>

func makeCache(_ census: Census? = nil, options: CacheOptions = CacheOptions()) throws -> Cache {
  try Cache(root: File("/", census), options: options)
}

// `#expect` and `#require` take no expression with a non-copyable part.

func expect(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(condition, sourceLocation: sourceLocation)
}

func require<Value: ~Copyable>(
  _ value: consuming Value?, sourceLocation: SourceLocation = #_sourceLocation
) throws -> Value {
  switch consume value {
  case .some(let value): return value
  case .none:
    _ = try #require(nil as Bool?, sourceLocation: sourceLocation)
    fatalError()
  }
}

/// Wait until `condition` holds. There is no deadline: the suite's time limit is one.
func wait(until condition: () -> Bool) {
  while !condition() { usleep(200) }
}

extension DentryCache {
  /// Free all that is unused, and see what is left.
  func settled() -> CacheStatistics {
    // What is freed may let go of something else: a long name, or what a payload held.
    repeat {
      while shrink() > 0 {}
      barrier()
    } while statistics.pendingFrees > 0
    return statistics
  }

  func finds<Name: DentryName & ~Escapable>(
    _ name: Name, in parent: borrowing Dentry<Payload>, as entry: borrowing Dentry<Payload>
  ) -> Bool {
    guard let found = lookup(parent: parent, name: name) else { return false }
    return found == entry
  }

  func misses<Name: DentryName & ~Escapable>(
    _ name: Name, in parent: borrowing Dentry<Payload>
  ) -> Bool {
    switch lookup(parent: parent, name: name) {
    case .some: false
    case .none: true
    }
  }

  /// Nothing is left but the root.
  var isBare: Bool {
    let left = settled()
    return left.entries == 1 && left.inodes == 1 && left.negatives == 0 && left.inLookup == 0
      && left.unused == 0 && left.pendingFrees == 0 && left.pendingPuts == 0
  }

  /// Wait until `count` callers, since the cache was made, have gone to sleep for a lookup.
  func waitForWaiters(_ count: Int) {
    wait { statistics.lookupsWaited >= UInt64(count) }
  }
}

/// A thread of its own: the calls under test block, so the pool's threads will not do.
final class TestThread<Value: Sendable>: Sendable {
  private let value = Locked<Value?>(nil)
  private let handle = Locked<pthread_t?>(nil)

  init(_ work: @escaping @Sendable () -> Value) {
    start { [self] in
      let value = work()
      self.value.with { $0 = value }
    }
  }

  private func start(_ body: @escaping @Sendable () -> Void) {
    let handle = startThread(Job(body))
    self.handle.with { $0 = handle }
  }

  var hasEnded: Bool { value.with { $0 != nil } }

  /// Wait for it. Once.
  func join() -> Value {
    guard let handle = handle.with({ $0.take() }) else { preconditionFailure("joined twice") }
    pthread_join(handle, nil)
    guard let value = value.with({ $0 }) else { preconditionFailure("it has not ended") }
    return value
  }
}

private final class Job: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func startThread(_ job: Job) -> pthread_t {
  var handle = pthread_t()
  let status = pthread_create(
    &handle, nil,
    { context in
      guard let context else { return nil }
      Unmanaged<Job>.fromOpaque(context).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(job).toOpaque())
  precondition(status == 0, "pthread_create")
  return handle
}

/// Run `work` in `count` threads at once.
func concurrently<Value: Sendable>(
  _ count: Int, _ work: @escaping @Sendable (Int) -> Value
) -> [Value] {
  let threads = (0..<count).map { index in TestThread { work(index) } }
  return threads.map { $0.join() }
}

/// Opens once, for all who wait.
final class Gate: Sendable {
  private let state = Atomic<Bool>(false)
  var isOpen: Bool { state.load(ordering: .acquiring) }
  func open() { state.store(true, ordering: .releasing) }
  func pass() { wait { isOpen } }
}

final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .acquiring) }
  @discardableResult func increment() -> Int {
    count.add(1, ordering: .acquiringAndReleasing).newValue
  }
}

extension AllocParallel {
  /// The token, or nil if somebody had answered.
  consuming func owned() -> InLookup<Payload>? {
    switch consume self {
    case .found: nil
    case .pending(let lookup): lookup
    }
  }

  consuming func foundEntry() -> Dentry<Payload>? {
    switch consume self {
    case .found(let entry): entry
    case .pending: nil
    }
  }
}

extension DentryCache {
  /// Become the owner of the lookup of a cold name.
  func own<Name: DentryName>(_ name: Name, in parent: borrowing Dentry<Payload>) throws
    -> InLookup<Payload>
  {
    try require(try allocParallel(parent: parent, name: name).owned())
  }
}

/// What `work` throws.
func error(_ work: () throws(DcacheError) -> Void) -> DcacheError? {
  do throws(DcacheError) {
    try work()
    return nil
  } catch {
    return error
  }
}

/// The same, for what consumes a value.
func error<Value: ~Copyable>(
  consuming value: consuming Value, _ work: (consuming Value) throws(DcacheError) -> Void
) -> DcacheError? {
  do throws(DcacheError) {
    try work(value)
    return nil
  } catch {
    return error
  }
}

extension Cache {
  /// The outcome of resolving a name in another thread that finds it being asked for.
  func waiter(_ name: String, in parent: Shared) -> TestThread<Result<Shared, DcacheError>> {
    TestThread {
      do throws(DcacheError) {
        let entry = try self.resolve(parent: parent.dentry, name: name, locking: .none) {
          _ throws(DcacheError) in throw .notSupported
        }
        return .success(Shared(entry))
      } catch {
        return .failure(error)
      }
    }
  }

  var sharedRoot: Shared { Shared(root.duplicate()) }
}

extension Result where Success == Shared, Failure == DcacheError {
  var entry: Shared? { try? get() }
  var failure: DcacheError? {
    if case .failure(let error) = self { error } else { nil }
  }
}

/// A value behind a lock. pthread's, since the thread sanitizer does not see that `Mutex` is one.
final class Locked<Value: ~Copyable>: @unchecked Sendable {
  // Sendable: `value` is touched with the lock held only, and what goes in is sent.
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  init(_ value: consuming sending Value) {
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_mutex_t())
    pthread_mutex_init(lock, nil)
    self.value = value
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  func set(_ value: consuming sending Value) {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    self.value = value
  }

  func with<Result: ~Copyable>(_ work: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return work(&value)
  }
}

extension InLookup {
  /// The entry that is being asked for, the lookup given up to whoever ends it otherwise.
  consuming func target() -> Dentry<Payload> {
    Dentry(unsafeConsuming: unsafeTake())
  }
}
