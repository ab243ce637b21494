import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { parseConfig } from '../config.ts'
import { createLog } from '../log.ts'
import type { Listener } from './listener.ts'
import { startFrontedTcpListener } from './stream.ts'
import { lab } from './tls.contract.ts'
import { readTlsFiles } from './tls-files.ts'
import { TlsWatch } from './tls-watch.ts'
import { admissionWith } from './transport.contract.ts'

async function shown({ url }: Listener): Promise<string | undefined> {
  const socket = connect({ port: Number(new URL(url).port), servername: 'localhost', ca: lab.ca })
  await once(socket, 'secureConnect')
  const name = socket.getPeerX509Certificate()?.subject
  socket.destroy()
  return name
}

test('certificates are taken up when both files are there, and bad ones change nothing', async () => {
  using folder = lab.folder()
  const { tls } = folder
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
  const times = { closeTimeoutMs: 600, handshakeTimeoutMs: 10_000, admission: admissionWith() }
  const secure = { files: readTlsFiles(tls, ['tls']), clientCertificate: tls.clientCertificate }
  await using listener = await startFrontedTcpListener(
    { host: '127.0.0.1', port: 0, ...times, tls: secure },
    () => ({ receive() {}, drained() {}, closed() {} }),
    log,
  )
  const config = parseConfig({ listeners: [{ kind: 'tcp', port: 0, tls }] })
  using watch = await TlsWatch.start(config, [listener], log)
  for (let look = 0; look < 3; look++) await watch.check()
  assert.deepEqual(lines, [])

  const renewed = lab.issue('server', 'renewed', ['localhost'])
  writeFileSync(tls.certificate, renewed.certificate)
  await watch.check()
  assert.deepEqual(lines, [], 'its key may be on its way')
  for (let look = 0; look < 3; look++) await watch.check()
  assert.equal(lines.length, 1)
  assert.match(
    lines[0] ?? '',
    /error the certificates cannot be used, the old ones stay .*url=mqtts/,
  )
  assert.match(lines[0] ?? '', /is not the key of/)
  assert.equal(await shown(listener), 'CN=localhost')

  writeFileSync(tls.key, renewed.key)
  for (let look = 0; look < 3; look++) await watch.check()
  assert.equal(lines.length, 2)
  assert.match(lines[1] ?? '', /info {2}certificates replaced/)
  assert.equal(await shown(listener), 'CN=renewed')

  rmSync(tls.key)
  for (let look = 0; look < 3; look++) await watch.check()
  assert.equal(lines.length, 3)
  assert.match(lines[2] ?? '', /there is no such file/)
  assert.equal(await shown(listener), 'CN=renewed')
})
