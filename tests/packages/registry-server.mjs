/**
 * A registry for the tests: it keeps published packages in a temporary folder, and gets others from npm's configured registry.
 * Started with an IPC channel, over which it sends its port. It ends when the channel closes, so it cannot outlive its parent.
 *
 * Arguments: the folder, the address of the other registry, then the names of the packages that must never come from there.
 */
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { runServer } = createRequire(join(import.meta.dirname, 'tools', 'package.json'))('verdaccio')
const [folder, upstream, ...own] = process.argv.slice(2)

const everyone = { access: '$all', publish: '$all', unpublish: '$all' }
const server = await runServer({
  self_path: folder,
  storage: join(folder, 'storage'),
  auth: { htpasswd: { file: join(folder, 'htpasswd') } },
  uplinks: { upstream: { url: upstream, timeout: '120s', max_fails: 10 } },
  packages: { ...Object.fromEntries(own.map((name) => [name, everyone])), '**': { ...everyone, proxy: 'upstream' } },
  max_body_size: '400mb', // A package arrives as base64 text, a third larger.
  web: { enable: false },
  log: { type: 'file', path: join(folder, 'registry.log'), format: 'json', level: 'http', colors: false },
})
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit()
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address().port))
