import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromiumPath, openPage, startBusbarForPages } from '../src/browser/browser.ts'
import { root, startBusbar } from '../src/busbar.ts'
import { within } from '../src/deadline.ts'
import { needsFile } from '../src/needs.ts'
import { Program, run } from '../src/program.ts'

const example = (name: string, url: string) => ['-C', '@busbar/source', `examples/${name}`, url]

test('examples/subscriber.ts prints what examples/publisher.ts sends', async () => {
  await using broker = await startBusbar()
  const args = example('subscriber.ts', broker.tcp)
  await using subscriber = new Program(process.execPath, args, { cwd: root })
  await subscriber.line(/^listening for sensors\/\+\/\+\/temperature$/)
  const published = await run(process.execPath, example('publisher.ts', broker.tcp), { cwd: root })
  assert.equal(published.code, 0, published.stderr)
  assert.equal(published.stdout.split('\n').filter((line) => line.endsWith(': 22')).length, 1)
  await subscriber.line(/^hamburg 2: 22\.5 at /)
  assert.match(subscriber.stdout, /^hamburg 0: 21\.5 at .*\nhamburg 1: 22 at .*\n/m)
  subscriber.kill('SIGINT')
  assert.equal(await within(subscriber.exited, 'the end of the subscriber'), 0)
})

const skip = needsFile(chromiumPath, 'chromium')

test('examples/page sends and shows messages', { skip }, async () => {
  await using broker = await startBusbarForPages()
  const html = await readFile(join(root, 'examples', 'page', 'index.html'), 'utf8')
  assert.ok(html.includes('./main.ts'))
  await using opened = await openPage(join(root, 'examples', 'page', 'main.ts'), {
    html: html.replace('./main.ts', '/page.js'),
    query: `?broker=${broker.ws}`,
  })
  const { page, errors } = opened
  await page.locator('#state', { hasText: 'connected' }).waitFor()
  const text = '<b>not bold</b>'
  await page.fill('#text', text)
  await page.click('button')
  await page.locator('li').waitFor()
  assert.deepEqual(await page.locator('li').allTextContents(), [text])
  assert.deepEqual(errors, [])
})
