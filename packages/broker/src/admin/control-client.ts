import { connect, type Socket } from 'node:net'
import { type ControlReply, controlPath } from './control-socket.ts'
import type { Answer, Given, RequestName } from './handlers.ts'

/** No broker answers, or its answer is no. The message is one sentence for the operator. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
  /** `absent`: nobody runs there. `refused`: the broker says why. `failed`: anything else. */
  readonly kind: 'absent' | 'refused' | 'failed'

  constructor(kind: ControlError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** What may be asked, with what has to come with it. */
export type Question<Name extends RequestName> = {
  readonly request: Name
} & (Given<Name> extends Record<string, never> ? unknown : Given<Name>)

/**
 * Asks the broker that runs on a data folder. Rejects with a ControlError, also when there is no
 * answer within `timeoutMs`; 0 waits as long as it takes.
 */
export async function askBroker<Name extends RequestName>(
  folder: string,
  question: Question<Name>,
  timeoutMs = 10_000,
): Promise<Answer<Name>> {
  if (process.platform === 'win32') {
    throw new ControlError('absent', 'On Windows a running broker cannot be asked: stop it first')
  }
  const socket = connect(pathOf(folder))
  try {
    const line = await exchange(socket, `${JSON.stringify(question)}\n`, timeoutMs)
    const reply = JSON.parse(line) as ControlReply
    if ('error' in reply) throw new ControlError('refused', reply.error)
    return reply.answer as Answer<Name>
  } catch (error) {
    throw explain(error, folder)
  } finally {
    socket.destroy()
  }
}

function pathOf(folder: string): string {
  try {
    return controlPath(folder)
  } catch (error) {
    const { message } = error as Error
    throw new ControlError('absent', `A broker cannot be asked there: ${message}`)
  }
}

/** Sends one line and resolves with the one that comes back. */
function exchange(socket: Socket, line: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    socket.setEncoding('utf8')
    socket.setTimeout(timeoutMs)
    socket.on('timeout', () => reject(failed(`has not answered within ${timeoutMs} ms`)))
    socket.on('error', reject)
    socket.on('close', () => reject(failed('ended before it had answered')))
    socket.on('data', (text: string) => {
      received += text
      if (received.endsWith('\n')) resolve(received)
    })
    socket.write(line)
  })
}

const failed = (what: string) => new ControlError('failed', `The broker ${what}`)

function explain(error: unknown, folder: string): Error {
  if (error instanceof ControlError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const path = pathOf(folder)
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ECONNREFUSED': // left by a broker that was killed
      return new ControlError(
        'absent',
        `No broker runs on ${folder}: start one, or name its data folder with --data`,
        { cause: error },
      )
    case 'EACCES':
    case 'EPERM':
      return new ControlError(
        'failed',
        `${path} may be used by the user of the broker only: run this as that user`,
        { cause: error },
      )
    default: {
      const reason = error instanceof Error ? error.message : String(error)
      return new ControlError('failed', `${path} cannot be used: ${reason}`, { cause: error })
    }
  }
}
