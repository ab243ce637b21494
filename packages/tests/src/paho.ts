import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hostAndPort } from './busbar.ts'
import { within } from './deadline.ts'
import { Inbox } from './inbox.ts'
import type { Library, Message } from './library.ts'
import { needsSuccess } from './needs.ts'
import { Program, run } from './program.ts'

const script = fileURLToPath(new URL('./paho-client.py', import.meta.url))
// Debian's package belongs to Debian's Python, which need not be the first one on the path.
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** The Python client of Eclipse Paho, 1.6 or 2.x, a process for each client. */
export const paho: Library = {
  name: 'Paho',
  versions: ['3.1', '3.1.1', '5'],
  skip: needsSuccess(python, ['-c', 'import paho.mqtt.client'], 'python3-paho-mqtt'),

  async subscribe({ tcp }, options) {
    const program = new Program(python, [script, 'subscribe', json(tcp, options)])
    const inbox = new Inbox<Message>()
    program.onLine((line) => {
      if (line.startsWith('message ')) inbox.push(JSON.parse(line.slice('message '.length)))
    })
    await program.line(/^subscribed$/)
    return {
      next: () => inbox.next('a message for Paho'),
      async leave() {
        program.write('leave\n')
        assert.equal(await within(program.exited, 'the end of Paho'), 0)
      },
      async cut() {
        program.kill('SIGKILL')
        assert.equal(await within(program.exited, 'the end of Paho'), 'SIGKILL')
      },
      [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
    }
  },

  async publish({ tcp }, version, messages) {
    const { code, stderr } = await run(python, [
      script,
      'publish',
      json(tcp, { version, messages }),
    ])
    assert.deepEqual([code, stderr], [0, ''])
  },
}

function json(url: string, options: object): string {
  const { host, port } = hostAndPort(url)
  return JSON.stringify({ host, port: Number(port), ...options })
}
