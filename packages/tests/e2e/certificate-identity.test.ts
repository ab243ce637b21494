import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { busbar, hostAndPort, startProgram } from '../src/busbar.ts'
import { needs } from '../src/needs.ts'
import { run } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const config = {
  listeners: [
    { kind: 'tcp', port: 0 },
    { kind: 'ws', port: 0 },
    {
      kind: 'tcp',
      port: 0,
      tls: {
        certificate: 'server.crt',
        key: 'server.key',
        ca: 'ca.crt',
        clientCertificate: 'request',
      },
    },
  ],
  store: { engine: 'memory' },
  auth: { certificate: 'common-name' },
  access: { rules: [{ users: ['pump-7'], allow: ['publish'], topics: ['pumps/%u'] }] },
}

/** `busbar cert` to `mosquitto_pub --cert`: the Common Name is the user, whatever the client says. */
test('a client certificate is the user', { skip: needs('mosquitto_pub') }, async () => {
  const folder = await temporaryFolder()
  const { path: cwd } = folder
  for (const args of [['ca'], ['server'], ['client', 'pump-7']]) {
    const made = await run(busbar, ['cert', ...args], { cwd })
    assert.equal(made.code, 0, made.stderr)
  }
  await writeFile(join(cwd, 'busbar.yaml'), JSON.stringify(config))
  await using broker = await startProgram(busbar, ['broker', '--config', 'busbar.yaml'], folder)
  const { host, port } = hostAndPort((await broker.program.line(/^ {2}mqtts:/)).trim())
  const publish = (topic: string, ...flags: readonly string[]) =>
    run(
      'mosquitto_pub',
      [
        '-h',
        host,
        '-p',
        port,
        '-V',
        '5',
        '-q',
        '1',
        '-m',
        'x',
        '-t',
        topic,
        '--cafile',
        'ca.crt',
        ...flags,
      ],
      { cwd },
    )
  const certificate = ['--cert', 'pump-7.crt', '--key', 'pump-7.key']
  for (const flags of [certificate, [...certificate, '-u', 'root', '-P', 'x']]) {
    const own = await publish('pumps/pump-7', ...flags)
    assert.deepEqual([own.code, own.stderr], [0, ''])
    const other = await publish('pumps/root', ...flags)
    assert.match(other.stderr, /not authori[sz]ed/i)
  }
  const without = await publish('pumps/pump-7', '-u', 'pump-7', '-P', 'x')
  assert.notEqual(without.code, 0)
  assert.match(broker.program.output, /connection refused .*wrong user name or password/)
})
