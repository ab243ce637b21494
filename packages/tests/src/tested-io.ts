/** The back end that `back-ends.ts` has its turn with; undefined leaves it to the broker. */
export function testedIo(): 'net' | 'epoll' | 'io_uring' | undefined {
  const io = process.env.TEST_IO
  return io === 'net' || io === 'epoll' || io === 'io_uring' ? io : undefined
}

/** The same as flags of `busbar broker`. */
export function testedIoFlags(): readonly string[] {
  const io = testedIo()
  return io === undefined ? [] : ['--set', `io=${io}`]
}
