import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { filesForBrowser } from '../bundle/bundle.ts'
import { type BusbarProcess, busbar, startProgram } from '../busbar.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export const chromiumPath = '/usr/bin/chromium'

export interface BrowserPage extends AsyncDisposable {
  readonly page: Page
  /** What the page complained about. */
  readonly errors: readonly string[]
}

const emptyPage = '<!doctype html><script type="module" src="/page.js"></script>'

interface PageOptions {
  readonly html?: string
  readonly query?: string
  /** Public keys, each as the Base64 of its SHA-256, that need no authority to sign for them. */
  readonly trustedKeys?: readonly string[]
}

/** Opens a page of its own origin that runs a module, bundled, as `/page.js`. */
export async function openPage(
  module: string,
  { html = emptyPage, query = '', trustedKeys = [] }: PageOptions = {},
): Promise<BrowserPage> {
  const files = await filesForBrowser(module)
  const server = createServer(({ url = '' }, response) => {
    const script = files.get(url.slice(1))
    response.setHeader('Content-Type', script === undefined ? 'text/html' : 'text/javascript')
    response.end(script ?? html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  // Chromium's own sandbox cannot be had by root, nor within most containers.
  const args = ['--no-sandbox', `--ignore-certificate-errors-spki-list=${trustedKeys.join(',')}`]
  const browser = await chromium.launch({ executablePath: chromiumPath, args })
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(`http://127.0.0.1:${port}/${query}`)
  return {
    page,
    errors,
    async [Symbol.asyncDispose]() {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A broker to which pages of every origin may connect. */
export async function startBusbarForPages(port = '0'): Promise<BusbarProcess> {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'busbar.json')
  const webSocket = { kind: 'ws', port: Number(port), origins: ['*'] }
  await writeFile(path, JSON.stringify({ listeners: [{ kind: 'tcp', port: 0 }, webSocket] }))
  return await startProgram(busbar, ['broker', '--config', path], folder)
}
