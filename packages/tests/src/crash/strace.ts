/** A finished system call of a trace by `strace -f -yy -xx`. */
export interface SystemCall {
  readonly name: string
  /** What its descriptor is, as in `/data/busbar.db-wal` or `TCP:[127.0.0.1:1883->…]`. */
  readonly target: string
  /** The bytes that were handed over. */
  readonly bytes: Buffer
  readonly result: number
  /** Places in the trace, which are in the order of what happened, whatever the thread. */
  readonly begun: number
  readonly ended: number
}

const whole = /^(\d+) +(?:[\d.]+ )?(\w+)\((.*)\) += (-?\d+)/
const unfinished = /^(\d+) +(?:[\d.]+ )?\w+\((.*) <unfinished \.\.\.>$/
const resumed = /^(\d+) +(?:[\d.]+ )?<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/
/** A path is written in hexadecimal, a socket is not. */
const descriptor = /^\d+<(?:((?:\\x[0-9a-f]{2})+)|(\w+:\[.*?\]))>/

/** Reads a trace. While a call is unfinished, those of other threads begin and end. */
export function readTrace(text: string): readonly SystemCall[] {
  const open = new Map<string, { readonly begun: number; readonly args: string }>()
  const calls: SystemCall[] = []
  for (const [at, line] of text.split('\n').entries()) {
    const [, opener, firstArgs = ''] = unfinished.exec(line) ?? []
    if (opener !== undefined) {
      open.set(opener, { begun: at, args: firstArgs })
      continue
    }
    const [, thread = '', name, args = '', result] = whole.exec(line) ?? resumed.exec(line) ?? []
    if (name === undefined) continue
    const before = open.get(thread) ?? { begun: at, args: '' }
    open.delete(thread)
    const [, path = '', socket] = descriptor.exec(before.args + args) ?? []
    calls.push({
      name,
      target: socket ?? fromHex(path).toString(),
      bytes: bytesOf(before.args + args),
      result: Number(result),
      begun: before.begun,
      ended: at,
    })
  }
  return calls
}

function bytesOf(args: string): Buffer {
  return fromHex([...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text]) => text).join(''))
}

/** `\x41\x42` as `-xx` writes it. */
function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}
