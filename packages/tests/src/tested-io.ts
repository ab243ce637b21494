/** The back end that `back-ends.ts` has its turn with; undefined leaves it to the broker. */
export function testedIo(): 'net' | 'epoll' | 'io_uring' | undefined {
  const io = process.env.TEST_IO
  return io === 'net' || io === 'epoll' || io === 'io_uring' ? io : undefined
}

/** How many workers hold the sockets. */
export function testedWorkers(): number {
  return Number(process.env.TEST_WORKERS ?? 0)
}

/** The same as flags of `busbar broker`. */
export function testedIoFlags(): readonly string[] {
  const io = testedIo()
  const workers = testedWorkers()
  return [
    ...(io === undefined ? [] : ['--set', `io=${io}`]),
    ...(workers === 0 ? [] : ['--workers', String(workers)]),
  ]
}
