import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { formatEntry } from './access/password-file.ts'
import { startBroker } from './broker.ts'
import type { ConfigInput } from './config.ts'
import { ConfigError } from './config-error.ts'
import { lab } from './listener/tls.contract.ts'
import { createLog, silentLog } from './log.ts'

const base: ConfigInput = { listeners: [{ kind: 'tcp', port: 0 }], store: { engine: 'memory' } }

test('what can change is in force, and what cannot is named', async () => {
  await using broker = await startBroker(base, { log: silentLog })
  const next: ConfigInput = {
    ...base,
    limits: { connections: 7, topicLevels: 3 },
    mqtt: { receiveMaximum: 5 },
  }
  assert.deepEqual(await broker.reload(next), {
    changed: ['limits.connections', 'limits.topicLevels'],
    needsRestart: ['mqtt.receiveMaximum'],
    files: [],
  })
  assert.equal(broker.config.limits.topicLevels, 3)
  assert.equal(broker.config.mqtt.receiveMaximum, 1_024)
})

test('a configuration that is wrong changes nothing, and the log says why', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'warn', format: 'text' }, { write: (line) => lines.push(line) })
  await using broker = await startBroker(base, { log })
  const wrong = { ...base, limits: { connections: 7, topicLevels: 0 } }
  await assert.rejects(broker.reload(wrong), ConfigError)
  assert.equal(broker.config.limits.connections, 100_000)
  assert.match(lines.join(''), /error the new configuration cannot be used, the old one stays/)
})

test('files that cannot be used are told to whoever reloads, and nothing changes', async () => {
  using folder = lab.folder()
  const passwordFile = join(folder.path, 'passwords')
  const entry = { name: 'ada', groups: [], password: `$6$c2FsdHNhbHQ=$${'A'.repeat(86)}==` }
  writeFileSync(passwordFile, formatEntry(entry))
  const input = { ...base, auth: { passwordFile } }
  await using broker = await startBroker(input, { log: silentLog })
  writeFileSync(passwordFile, 'ada:hunter2\n')
  const secretFile = join(folder.path, 'absent')
  const wrong = { ...input, limits: { connections: 7 } }
  await assert.rejects(broker.reload(wrong), /passwords:1: is not a user/)
  const auth = { ...input.auth, jwt: { secretFile, audience: 'a' } }
  await assert.rejects(broker.reload({ ...wrong, auth, limits: { connections: -1 } }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.equal(error.problems.length, 3, error.message)
    return true
  })
  assert.equal(broker.config.limits.connections, 100_000)
})

test('what the broker was started with is read again', async () => {
  let connections = 5
  const input = () => ({ ...base, limits: { connections } })
  const reread = async () => ({ input: input() })
  await using broker = await startBroker(input(), { log: silentLog, reread })
  connections = 6
  const both = await Promise.all([broker.reload(), broker.reload()])
  assert.deepEqual(
    both.map(({ changed }) => changed),
    [['limits.connections'], []],
  )
  assert.equal(broker.config.limits.connections, 6)
})

test('certificates are read again, and bad ones leave the old ones', async () => {
  using folder = lab.folder()
  const { certificate, key } = folder.tls
  const listeners = [{ kind: 'tcp', port: 0, tls: { certificate, key } }] as const
  await using broker = await startBroker({ ...base, listeners }, { log: silentLog })
  const shown = async () => {
    const port = Number(new URL(broker.url).port)
    const socket = connect({ port, servername: 'localhost', ca: lab.ca })
    await once(socket, 'secureConnect')
    const name = socket.getPeerX509Certificate()?.subject
    socket.destroy()
    return name
  }
  assert.match(broker.url, /^mqtts:/)
  assert.equal(await shown(), 'CN=localhost')
  const renewed = lab.issue('server', 'renewed', ['localhost'])
  copyFileSync(certificate, join(folder.path, 'old.crt'))
  writeFileSync(certificate, renewed.certificate)
  // Its key has yet to come.
  await assert.rejects(broker.reload(), /is not the key of/)
  assert.equal(await shown(), 'CN=localhost')
  writeFileSync(key, renewed.key)
  assert.deepEqual((await broker.reload()).files, [certificate])
  assert.equal(await shown(), 'CN=renewed')
  assert.deepEqual((await broker.reload()).files, [])
})
