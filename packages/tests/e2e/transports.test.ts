import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startOwnBroker } from '../src/attack/own-broker.ts'
import { startTlsBroker, TestAuthority, type TlsBroker } from '../src/attack/tls-broker.ts'
import { busbar, hostAndPort } from '../src/busbar.ts'
import { eventually } from '../src/deadline.ts'
import { MqttJsClient } from '../src/mqttjs.ts'
import { needs } from '../src/needs.ts'
import { Program, run } from '../src/program.ts'

const at = new TestAuthority()
const ca = at.authority.certificate
const device = at.issue('client', 'device-7')
const skip = needs('mosquitto_pub') || needs('mosquitto_sub') || needs('stdbuf')

describe('TLS with client certificates', () => {
  const started = new AsyncDisposableStack()
  let broker: TlsBroker
  before(async () => {
    const settings = { clientCertificate: 'require', ca: 'ca.crt' } as const
    const files = { 'device.crt': device.certificate, 'device.key': device.key }
    broker = started.use(await startTlsBroker(at, settings, files))
  })
  after(() => started.disposeAsync())

  const connectJs = (url: string) =>
    MqttJsClient.connect(url.replace('127.0.0.1', 'localhost'), '5', {
      ca,
      cert: device.certificate,
      key: device.key,
    })

  for (const kind of ['tls', 'wss'] as const) {
    test(`MQTT.js over ${kind}`, async () => {
      await using subscriber = await connectJs(broker[kind])
      await using publisher = await connectJs(broker.tls)
      await subscriber.client.subscribeAsync('secure/#', { qos: 2 })
      const payload = Buffer.alloc(300_000, 'x')
      await publisher.client.publishAsync('secure/a', payload, { qos: 2 })
      assert.deepEqual((await subscriber.next()).payload, payload)
      await subscriber.leave()
      await publisher.leave()
    })
  }

  test('mosquitto_pub and mosquitto_sub with --cafile --cert --key', { skip }, async () => {
    const { host, port } = hostAndPort(broker.tls)
    const own = ['--cert', 'device.crt', '--key', 'device.key']
    const common = ['-h', host, '-p', port, '--cafile', 'ca.crt', '-t', 'secure/m', '-q', '1']
    const options = { cwd: broker.folder }
    const subscribe = [...common, ...own, '-C', '1', '-d']
    await using subscriber = new Program('stdbuf', ['-oL', 'mosquitto_sub', ...subscribe], options)
    await subscriber.line(/^Subscribed/)
    const published = await run('mosquitto_pub', [...common, ...own, '-m', 'hello'], options)
    assert.deepEqual([published.code, published.stderr], [0, ''])
    assert.equal(await subscriber.exited, 0)
    assert.match(subscriber.stdout, /^hello$/m)
    const without = await run('mosquitto_pub', [...common, '-m', 'hello'], options)
    assert.notEqual(without.code, 0, 'without a certificate')
  })
})

test('mosquitto_pub over a Unix socket', { skip }, async () => {
  const listeners = [
    { kind: 'tcp', port: 0 },
    { kind: 'ws', port: 0 },
    { kind: 'unix', path: 'mqtt.sock' },
  ] as const
  await using broker = await startOwnBroker({ listeners })
  const options = { cwd: broker.folder }
  const common = ['--unix', 'mqtt.sock', '-t', 'unix/a', '-q', '1']
  await using subscriber = new Program(
    'stdbuf',
    ['-oL', 'mosquitto_sub', ...common, '-C', '1', '-d'],
    options,
  )
  await subscriber.line(/^Subscribed/)
  assert.equal((await run('mosquitto_pub', [...common, '-m', 'hello'], options)).code, 0)
  assert.equal(await subscriber.exited, 0)
  assert.match(subscriber.stdout, /^hello$/m)
})

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('behind HAProxy', { skip: needs('haproxy') }, () => {
  for (const option of ['send-proxy', 'send-proxy-v2']) {
    test(`clients keep their address with ${option}, with and without TLS`, async () => {
      const from = ['127.0.0.0/8']
      const tls = { certificate: 'server.crt', key: 'server.key' }
      const listeners = [
        { kind: 'tcp', port: 0, proxyProtocol: from },
        { kind: 'ws', port: 0, proxyProtocol: from },
        { kind: 'tcp', port: 0, proxyProtocol: from, tls },
      ] as const
      await using broker = await startOwnBroker({ listeners }, at.files)
      const secure = (await broker.program.line(/^ {2}mqtts:/)).trim()
      const urls = [broker.tcp, broker.ws, secure]
      const ports = await Promise.all(urls.map(() => freePort()))
      const sections = urls.map(
        (url, index) =>
          `listen l${index}\n  bind 127.0.0.1:${ports[index]}\n  server s 127.0.0.1:${new URL(url).port} source 127.0.0.9 ${option}\n`,
      )
      const times = 'timeout connect 5s\n  timeout client 60s\n  timeout server 60s'
      const file = join(broker.folder, 'haproxy.cfg')
      await writeFile(file, `defaults\n  mode tcp\n  ${times}\n${sections.join('')}`)
      await using _haproxy = new Program('haproxy', ['-db', '-f', file])
      const fronts = [
        `mqtt://127.0.0.1:${ports[0]}`,
        `ws://127.0.0.1:${ports[1]}/mqtt`,
        `mqtts://localhost:${ports[2]}`,
      ]
      await eventually(() => isOpen(ports[2] ?? 0), 'HAProxy to listen')
      for (const [index, url] of fronts.entries()) {
        await using client = await MqttJsClient.connect(url, '5', { ca, clientId: `c${index}` })
        await client.client.publishAsync('a', 'x', { qos: 1 })
        const line = await broker.program.line(new RegExp(`client connected.*clientId=c${index}`))
        assert.match(line, /address=127\.0\.0\.1:/)
        await client.leave()
      }
    })
  }
})

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}

test('SIGHUP, busbar reload and the environment', async () => {
  const base = { store: { engine: 'sqlite' }, listeners: [{ kind: 'tcp' }, { kind: 'ws' }] }
  await using broker = await startOwnBroker({ ...base, limits: { topicLevels: 5 } } as never)
  const change = (config: object) =>
    writeFile(join(broker.folder, 'busbar.yaml'), JSON.stringify(config))
  const options = { cwd: broker.folder }
  await change({ ...base, limits: { topicLevels: 6 }, mqtt: { receiveMaximum: 9 } })
  const reloaded = await run(busbar, ['reload'], options)
  assert.equal(
    reloaded.stdout,
    'changed: limits.topicLevels\nafter a restart: mqtt.receiveMaximum\n',
  )
  await change({ ...base, limits: { topicLevels: 0, connection: 1 } })
  const refused = await run(busbar, ['reload'], options)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /limits\.topicLevels: is 0/)
  const checked = await run(busbar, ['check', 'busbar.yaml'], {
    ...options,
    env: { ...process.env, BUSBAR_LIMITS_CONNECTIONS: 'many' },
  })
  assert.equal(checked.code, 2)
  assert.match(checked.stderr, /busbar\.yaml:1:\d+: limits\.topicLevels: is 0/)
  assert.match(checked.stderr, /BUSBAR_LIMITS_CONNECTIONS: limits\.connections: is "many"/)
  assert.match(checked.stderr, /limits\.connection: is not a setting; did you mean/)
  await change({ ...base, limits: { topicLevels: 7 } })
  broker.program.kill('SIGHUP')
  await broker.program.line(/info {2}configuration reloaded.*topicLevels.*needsRestart="?\[\]/)
})
