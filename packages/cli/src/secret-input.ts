import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UsageError } from './output.ts'

/** Longer ones are no passwords: a limit on what is read by mistake. */
const maximumBytes = 65_536

/** The whole of standard input without the line end behind it. */
async function readStandardInput(): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    parts.push(part)
    length += part.length
    if (length > maximumBytes) throw new UsageError('the password is too long')
  }
  return Buffer.concat(parts)
    .toString()
    .replace(/\r?\n$/, '')
}

/** Asks at the terminal, where nothing of the answer is shown. */
async function prompt(question: string): Promise<string> {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await lines.question('')
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

/**
 * A new password: from standard input, or typed twice. Never from the arguments, which other users of
 * the machine can see.
 */
export async function readNewPassword(fromStandardInput: boolean): Promise<string> {
  if (fromStandardInput) return await readStandardInput()
  if (!process.stdin.isTTY) {
    throw new UsageError('there is no terminal to ask for the password: give --password-stdin')
  }
  const password = await prompt('Password: ')
  if ((await prompt('Again: ')) === password) return password
  throw new UsageError('the two are not the same; nothing was changed')
}
