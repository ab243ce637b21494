import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configSchema, parseConfig } from './config.ts'
import { environmentName, environmentOverrides } from './config-environment.ts'
import { ConfigError } from './config-error.ts'
import { parseConfigText } from './config-file.ts'
import { overrideConfig } from './config-override.ts'
import { describeSchema, listSettings } from './config-settings.ts'

function configOf(text: string, environment: Record<string, string>) {
  const file = parseConfigText(text, 'a.yaml')
  const { overrides, problems } = environmentOverrides(environment)
  const { input, source } = overrideConfig(file, overrides)
  return parseConfig(input, { ...source, problems })
}

test('settings win over those of the file', () => {
  const config = configOf('limits: {queue: {messages: 5, bytes: 2000}}\nlisteners: [{kind: tcp}]', {
    PATH: '/bin',
    BUSBAR_LIMITS_QUEUE_MESSAGES: '7',
    BUSBAR_MQTT_MAXIMUM_QOS: '1',
    BUSBAR_LISTENERS_0_PORT: '0',
    BUSBAR_LISTENERS_0_TLS_CERTIFICATE: 'a.crt',
    BUSBAR_LISTENERS_0_TLS_KEY: 'a.key',
    BUSBAR_LOG: '{level: warn}',
  })
  assert.equal(config.limits.queue.messages, 7)
  assert.equal(config.limits.queue.bytes, 2_000)
  assert.equal(config.mqtt.maximumQoS, 1)
  assert.equal(config.log.level, 'warn')
  const [listener] = config.listeners
  assert.ok(listener?.kind === 'tcp')
  assert.equal(listener.port, 0)
  assert.equal(listener.tls?.certificate, 'a.crt')
})

test('every setting has a name of its own that is read as that setting', () => {
  const paths = listSettings(describeSchema(configSchema)).map(({ path }) =>
    path.replaceAll(/\[\w*\]/g, '[]'),
  )
  const names = new Map<string, string>()
  for (const path of new Set(paths)) {
    const name = environmentName(path)
    assert.equal(names.get(name), undefined, name)
    names.set(name, path)
    const [override] = environmentOverrides({ [name]: 'x' }).overrides
    const read = override?.path.reduce<string>(
      (text, key) => (typeof key === 'number' ? `${text}[]` : text === '' ? key : `${text}.${key}`),
      '',
    )
    assert.equal(read, path)
  }
})

const refused = [
  [
    { BUSBAR_LIMITS_CONECTIONS: '1' },
    /^BUSBAR_LIMITS_CONECTIONS: is not a setting; did you mean BUSBAR_LIMITS_CONNECTIONS\?$/,
  ],
  [{ BUSBAR_NOTHING_OF_THE_KIND: '1' }, /^BUSBAR_NOTHING_OF_THE_KIND: is not a setting$/],
  [{ BUSBAR_LOG_LEVEL: '{' }, /^BUSBAR_LOG_LEVEL: log\.level has a value that is not YAML/],
  [{ BUSBAR_LOG_LEVEL: 'loud' }, /^BUSBAR_LOG_LEVEL: log\.level: is "loud"; allowed is error/],
] as const

for (const [environment, message] of refused) {
  test(`refuses ${JSON.stringify(environment)}`, () => {
    assert.throws(
      () => configOf('', environment),
      (error) => error instanceof ConfigError && message.test(error.message),
    )
  })
}

test('all mistakes are reported at once, with those of the file', () => {
  assert.throws(
    () => configOf('limit: 5', { BUSBAR_A_A: '1', BUSBAR_LOG_LEVEL: '[' }),
    (error) => error instanceof ConfigError && error.problems.length === 3,
  )
})

test('the password of clients is no setting', () => {
  configOf('', { BUSBAR_PASSWORD: 'secret' })
})
