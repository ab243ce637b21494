// Plain ES2020, as busbar.js.

/**
 * What V8 is told about its heap, unless NODE_OPTIONS (`options`) say something about that. What a
 * broker makes is gone at the end of the turn or stays as long as a connection: a larger young
 * generation would mostly be memory that a storm of connections leaves behind. With one processor, the
 * collector's threads would take it from the broker for tens of milliseconds.
 */
export function heapFlags(options, processors) {
  if (/semi-space|-gc/.test(options)) return []
  const young = '--max-semi-space-size=8'
  return processors > 1 ? [young] : [young, '--single-threaded-gc']
}
