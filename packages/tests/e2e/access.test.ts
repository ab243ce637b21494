import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startOwnBroker } from '../src/attack/own-broker.ts'
import { busbar, root } from '../src/busbar.ts'
import { run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'

const examples = [
  [
    'hooks',
    /^sensors\/1: \{"celsius":21\} application\/json\npeople\/1: \{"badge":7\}\nrefused with 0x99: sensors\/# takes JSON only\n1 message was lost\n$/,
  ],
  ['in-process', /^orders\/1: two bolts\norders\/2: a nut\n$/],
] as const

for (const [name, expected] of examples) {
  test(`examples/${name}.ts`, async () => {
    const args = ['-C', '@busbar/source', `examples/${name}.ts`]
    const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root })
    assert.equal(code, 0, stderr)
    assert.match(stdout, expected)
  })
}

test('busbar acl asks a running broker and a configuration, tests, imports and lists denials', async () => {
  const rules = [
    { name: 'own', allow: ['publish', 'subscribe'], topics: ['d/%c/#'] },
    { allow: ['publish'], groups: ['ops'], topics: ['o/%{site}'] },
  ] as const
  await using broker = await startOwnBroker({ store: { engine: 'sqlite' }, access: { rules } })
  const acl = (...args: readonly string[]) => run(busbar, ['acl', ...args], { cwd: broker.folder })
  await using client = await RawClient.open(broker.tcp)
  await client.connect({ clientIdentifier: 'c1' })
  client.publish('secret', 'x', { qos: 1, packetIdentifier: 1 })
  assert.equal((await client.next('puback')).reasonCode, 0x87)

  const denied = await acl('explain', '-', 'publish', 'secret', '--client-id', 'c1')
  assert.equal(denied.code, 3, denied.stderr)
  assert.match(denied.stdout, /^denied by access.default: a client without a user publish secret\n/)
  assert.match(denied.stdout, /access.rules\[0\] "own" +allow: is about d\/c1\/#\n/)
  const given = ['--group', 'ops', '--var', 'site=north', '--config', 'busbar.yaml', '--json']
  const allowed = await acl('explain', 'ann', 'publish', 'o/north', ...given)
  assert.equal(allowed.code, 0, allowed.stderr)
  assert.equal(JSON.parse(allowed.stdout).rule, 'access.rules[1]')
  const { stdout: listed } = await acl('denials')
  assert.match(listed, /^ {2}c1 publish secret +1 times, by access.default\n$/)

  const { stdout: status } = await run(busbar, ['status'], { cwd: broker.folder })
  assert.match(status, /^ {2}denied +1 published, 0 subscribed, 0 received$/m)

  const tests = `config: busbar.yaml
tests:
  - { client: c1, action: subscribe, topic: d/c1/x, expect: allow }
  - { name: others, client: c1, action: subscribe, topic: d/c2/x, expect: allow }
`
  await writeFile(join(broker.folder, 'tests.yaml'), tests)
  const tested = await acl('test', 'tests.yaml')
  assert.equal(tested.code, 1)
  assert.match(
    tested.stdout,
    /^failed: others: expected allow, but it is\n {2}denied by (.*\n)+1 of 2 p/,
  )

  await writeFile(join(broker.folder, 'acl'), 'user ann\ntopic read a/#\npattern write b/%c\n')
  const imported = await acl('import', 'acl')
  assert.equal(imported.code, 0, imported.stderr)
  await writeFile(join(broker.folder, 'rules.yaml'), imported.stdout)
  await writeFile(join(broker.folder, 'other.yaml'), 'access: { file: rules.yaml }\n')
  const asked = await acl('explain', 'ann', 'subscribe', 'a/+', '--config', 'other.yaml')
  assert.equal(asked.code, 0, asked.stdout)
})
